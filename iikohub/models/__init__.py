"""What the whole hub keeps: of its set-up, and of who signs in."""

from iikohub.models import sign_in
from iikohub.models.first_steps import AddressCheck, Reached, ZoneConfirmation

__all__ = ["AddressCheck", "Reached", "ZoneConfirmation", "sign_in"]
