"""The attention list over the API."""
