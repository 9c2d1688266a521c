"""Payments: the names of their kinds in the dictionary and in requests, and what of them is paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from iiko_client.types.payments import PaymentKind
from orders.errors import BadWish
from organizations.link_models import DictionaryEntry

# The dictionary's name of a kind, where a request has another (reference, section 2, read 2026-11).
KIND_IN_DICTIONARY = {PaymentKind.LOYALTY_CARD: "IikoCard"}
_KIND_IN_REQUEST = {"IikoCard": PaymentKind.LOYALTY_CARD}


def paid_minor(processed_minor: int | None, payments: Iterable[Mapping[str, Any]]) -> int | None:
    """What the guest has paid: what iiko processed, or was told that others did; None where nobody said.

    iiko's own sum holds what was processed outside; an order may name such a payment before that sum.
    """
    outside = sum(one.get("sum_minor") or 0 for one in payments if one.get("is_processed_externally"))
    return max(processed_minor or 0, outside) or processed_minor


def kind_of(entry: DictionaryEntry) -> PaymentKind:
    said = str(entry.data.get("kind") or "")
    try:
        return _KIND_IN_REQUEST.get(said) or PaymentKind(said)
    except ValueError as error:
        raise BadWish(
            "payment_type_not_settable", _("iiko does not let %s be set from outside.") % entry.name
        ) from error
