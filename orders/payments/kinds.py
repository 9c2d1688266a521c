"""The names of kinds of payments in the dictionary and in requests."""

from __future__ import annotations

from iiko_client.models.payments import PaymentKind
from organizations.models.dictionaries import DictionaryEntry

# The dictionary's name of a kind, where a request has another (docs/iiko.md#payments).
KIND_IN_DICTIONARY = {PaymentKind.LOYALTY_CARD: "IikoCard"}
_KINDS = {kind.value: kind for kind in PaymentKind} | {"IikoCard": PaymentKind.LOYALTY_CARD}


def kind_of(entry: DictionaryEntry) -> PaymentKind | None:
    """Name the kind as a request has it; None where iiko does not let the type be set from outside."""
    return _KINDS.get(str(entry.data.get("kind") or ""))
