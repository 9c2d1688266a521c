"""The names of kinds of payments, and what is said of a payment."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from iiko_client.models.payments import PaymentKind
from organizations.models.dictionaries import DictionaryEntry

# The dictionary's name of a kind, where a request has another (docs/iiko.md#payments).
KIND_IN_DICTIONARY = {PaymentKind.LOYALTY_CARD: "IikoCard"}
_KINDS = {kind.value: kind for kind in PaymentKind} | {"IikoCard": PaymentKind.LOYALTY_CARD}


def kind_of(entry: DictionaryEntry) -> PaymentKind | None:
    """Name the kind as a request has it; None where iiko does not let the type be set from outside."""
    return _KINDS.get(str(entry.data.get("kind") or ""))


def outside_text(payment: Mapping[str, object]) -> str:
    """Say in brackets what of a payment was done outside iiko; empty where nothing was."""
    notes = [_("taken outside iiko")] if payment.get("is_processed_externally") else []
    notes += [_("receipt printed outside iiko")] if payment.get("is_fiscalized_externally") else []
    return f" ({', '.join(notes)})" if notes else ""
