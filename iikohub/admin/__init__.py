"""Pages of several apps in the admin."""
