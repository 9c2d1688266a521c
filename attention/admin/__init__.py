"""The attention list in the admin."""
