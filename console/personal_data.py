"""What the console holds of the people who use it."""

from core.privacy.registry import Kind, declare, of_user

declare("console.SeenOrder", {"seen_by": of_user(Kind.NAME)})
