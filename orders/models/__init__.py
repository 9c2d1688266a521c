"""The mirror of the orders, and the commands on them."""

from orders.models import command, order

__all__ = ["command", "order"]
