"""The inbox and the webhooks' settings in the admin."""
