"""The names of kinds of payments in the dictionary and in requests."""

from __future__ import annotations

from django.utils.translation import gettext as _

from iiko_client.models.payments import PaymentKind
from orders.errors import InvalidParams
from organizations.models.dictionaries import DictionaryEntry

# The dictionary's name of a kind, where a request has another (docs/iiko.md#payments).
KIND_IN_DICTIONARY = {PaymentKind.LOYALTY_CARD: "IikoCard"}
_KIND_IN_REQUEST = {"IikoCard": PaymentKind.LOYALTY_CARD}


def kind_of(entry: DictionaryEntry) -> PaymentKind:
    said = str(entry.data.get("kind") or "")
    try:
        return _KIND_IN_REQUEST.get(said) or PaymentKind(said)
    except ValueError as error:
        raise InvalidParams(
            "payment_type_not_settable", _("iiko does not let %s be set from outside.") % entry.name
        ) from error
