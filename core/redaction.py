"""Mask personal data (names, phones, addresses, comments, cards) in the log of calls and on pages.

In the log a field of such a kind is masked unless it is known to be harmless, also one that is not listed.
"""

import re
from collections.abc import Mapping
from typing import TypeVar, cast

from iiko_client.json_reader import sanitize

J = TypeVar("J")

MASK = "***"

# Suffixes of the names of personal fields, in lower case. Free text counts: guests dictate it.
_PERSONAL_ENDS = (
    "phone",
    "phones",
    "name",
    "email",
    "emails",
    "address",
    "comment",
    "birthdate",
    "birthday",
    "cardnumber",
    "cardtrack",
    "card",
    "cards",
    "track",
    "cardid",
)
_PERSONAL = frozenset(
    {
        "phoneextension",
        "deliverypoint",
        "coordinates",
        "gender",
        "blacklistreason",
        "problem",
        "trackinglink",
        "customerdata",
        "userdata",
        "searchdata",
        "tabname",
        "externaldata",
        "additionalinfo",
    }
)
# People: an object, or with old versions of the POS a text.
_PEOPLE = frozenset(
    {"customer", "client", "guest", "guests", "courier", "driver", "operator", "waiter", "user", "recipient"}
)
# Things: their "name" is not personal.
_THINGS = frozenset(
    {
        "product",
        "size",
        "paymenttype",
        "discounttype",
        "ordertype",
        "cause",
        "cancelcause",
        "cancelcauses",
        "removaltype",
        "removaltypes",
        "paymenttypes",
        "marketingsource",
        "conception",
        "pricecategory",
        "service",
        "organizations",
        "terminalgroups",
        "terminalgroupsinsleep",
        "discounts",
        "ordertypes",
        "wallet",
        "walletbalances",
        "programs",
        "marketingcampaigns",
    }
)
_NAMES_OF_THINGS = frozenset({"apiloginname", "currencyisoname", "eventname", "operationname"})

# Both run in linear time: backtracking over a long answer would keep all threads of the process waiting.
# So numbers are bounded, and words are taken whole (possessive).
_PHONE = re.compile(r"(?<![\w-])\+?\d[\d ()-]{8,40}\d(?![\w-])")
_WORD_OR_EMAIL = re.compile(r"[\w.+-]++(@[\w-]++\.[\w.-]++)?")
# Texts of the vendor that quote what was asked for: "Customer with phone … not found".
_QUOTING = frozenset({"errordescription", "message", "description", "details", "exception", "errorreason"})


def mask(value: J, *, keep_personal: bool = False) -> J:
    """Return a copy of a JSON value for the log, without people unless ``keep_personal``."""
    if isinstance(value, str):
        return cast("J", sanitize(value if keep_personal else _mask_text(value)))
    return cast("J", _copy(value, "", keep_personal))


def _copy(value: object, owner: str, keep_personal: bool) -> object:
    """``owner`` is the nearest field name above, through lists and ``items``."""
    if isinstance(value, Mapping):
        return {sanitize(key): _field(key, inner, owner, keep_personal) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(inner, owner, keep_personal) for inner in value]
    return sanitize(value) if isinstance(value, str) else value


def _field(key: str, value: object, owner: str, keep_personal: bool) -> object:
    name = key.lower()
    if not keep_personal:
        if value is not None and _is_personal(name, owner, value):
            return MASK
        if isinstance(value, str) and name in _QUOTING:
            return sanitize(_mask_text(value))
    return _copy(value, owner if name == "items" else name, keep_personal)


def _is_personal(name: str, owner: str, value: object) -> bool:
    if name == "name" and owner in _THINGS:
        return False
    if name in _NAMES_OF_THINGS:
        return False
    if name == "number":  # of a card where it is text; an order's is a number
        return isinstance(value, str)
    if name in _PEOPLE:
        return isinstance(value, str) or (
            isinstance(value, list) and any(isinstance(one, str) for one in value)
        )
    return name in _PERSONAL or name.endswith(_PERSONAL_ENDS)


def _mask_text(text: str) -> str:
    return _WORD_OR_EMAIL.sub(lambda found: MASK if found[1] else found[0], _PHONE.sub(MASK, text))


def masked_phone(phone: str) -> str:
    return f"{phone[:2]}•••{phone[-2:]}" if len(phone) > 6 else "•••" if phone else ""


def masked_email(email: str) -> str:
    name, at, host = email.partition("@")
    return f"{name[:1]}•••{at}{host}" if email else ""


def masked_card(card: str) -> str:
    return f"•••{card[-4:]}" if len(card) > 6 else "•••" if card else ""
