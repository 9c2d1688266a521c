"""Orders and commands in the admin."""
