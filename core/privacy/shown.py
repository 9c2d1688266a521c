"""What is shown of personal data to whoever may not see them; which columns hold them says the registry."""

from collections.abc import Callable, Mapping
from functools import cache

from core.privacy.registry import Kind, Personal, Whose, personal_fields
from core.privacy.treatments import BODY
from core.redaction import MASK, masked_card, masked_email, masked_phone

Mask = Callable[[object], object]

SHOWN_ADDRESS = {"line1": MASK}


def _profile(value: object) -> object:
    """Keep of a guest iiko's id, by which programs go on."""
    if not isinstance(value, Mapping):
        return hidden(value)
    return {"id": value.get("id"), "name": MASK if value.get("name") or value.get("surname") else None}


def _address(value: object) -> object:
    # A link to the map of a courier is nothing in part.
    return dict(SHOWN_ADDRESS) if isinstance(value, Mapping) and value else None


def _cards(value: object) -> object:
    """Keep the ends of numbers; a discount of a programme is no card and is hidden whole."""
    if not isinstance(value, list):
        return hidden(value)
    return [
        {key: masked_card(one) if isinstance(one, str) else one for key, one in card.items()}
        for card in value
        if isinstance(card, Mapping)
    ]


def hidden(value: object) -> object:
    """Mask every text and number in a value; what is empty stays so, for rules ask whether it is there."""
    if isinstance(value, Mapping):
        return {key: hidden(one) for key, one in value.items()}
    if isinstance(value, list):
        return [hidden(one) for one in value]
    return value if isinstance(value, bool) or not value else MASK


_BY_KIND: Mapping[Kind, Mask] = {
    Kind.PHONE: lambda value: masked_phone(str(value)),
    Kind.EMAIL: lambda value: masked_email(str(value)),
    Kind.CARD: _cards,
    Kind.PROFILE: _profile,
    Kind.ADDRESS: _address,
}


def _mask_of(personal: Personal) -> Mask:
    if personal.kind is Kind.TEXT and personal.treatment is BODY:
        return hidden  # what it says of people cannot be separated from the rest
    return _BY_KIND.get(personal.kind) or personal.treatment.change or hidden


@cache
def masks_of(label: str) -> Mapping[str, Mask]:
    """Return the mask of each column of a model that tells of guests, or by which staff are reached."""
    of_guests = personal_fields(label, Whose.GUEST)
    phones = {
        name: one for name, one in personal_fields(label, Whose.STAFF).items() if one.kind is Kind.PHONE
    }
    return {name: _mask_of(one) for name, one in (of_guests | phones).items()}


def masked(label: str, column: str, value: object) -> object:
    """Return what is shown of a value of a column; what is empty stays as it is."""
    mask = masks_of(label).get(column)
    return mask(value) if mask is not None and value else value
