"""What needs a person: items found by rules, what people did about them, and who was told."""

from attention.models import channels, items, watch_run

__all__ = ["channels", "items", "watch_run"]
