"""Restaurants, the connection to iiko and the dictionaries in the admin."""
