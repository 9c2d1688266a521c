"""Guests and their wallets in the admin."""
