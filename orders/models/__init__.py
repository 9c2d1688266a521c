"""The mirror of the orders, and the commands on them."""

from orders.models import command, order, stage_times

__all__ = ["command", "order", "stage_times"]
