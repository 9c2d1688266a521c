"""What needs a person: items found by rules, and what people did about them."""

from attention.models import items

__all__ = ["items"]
