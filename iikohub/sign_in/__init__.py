"""Signing in beyond the password: the second step, and how long a session lasts."""
