"""The hall in the admin."""
