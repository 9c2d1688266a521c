"""What needs a person: items found by rules, and what people did about them."""

from attention.models import items, watch_run

__all__ = ["items", "watch_run"]
