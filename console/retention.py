"""How long the console keeps its rows."""

from core.privacy.retention import stays

stays("console_preferences console_restaurants", "go with the account of their user")
stays("console_seen_orders", "one row for each order at most: who of the staff saw it first")
