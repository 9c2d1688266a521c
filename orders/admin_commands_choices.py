"""What a person may choose from: the restaurant's couriers, payment types, causes and removal types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from iiko_client.types.payments import PaymentKind
from orders.models import Order
from orders.services.wishes import fits
from organizations.link_models import Courier, DictionaryEntry, DictionaryKind
from organizations.name_keys import NAME_ORDER, fold
from organizations.shift_models import Shift

Choice = tuple[str, str]

# The dictionary says IikoCard where a request says LoyaltyCard.
_SETTABLE_KINDS = frozenset({*(kind.value for kind in PaymentKind), "IikoCard"})


@dataclass(frozen=True, slots=True)
class CourierChoice:
    """``on_hand``: how many open orders the courier has now."""

    iiko_id: str
    name: str
    on_hand: int
    is_on_shift: bool = False

    @property
    def label(self) -> str:
        facts = [_("on shift")] if self.is_on_shift else []
        if self.on_hand:
            orders = ngettext("%(count)d order on hand", "%(count)d orders on hand", self.on_hand)
            facts.append(orders % {"count": self.on_hand})
        return f"{self.name} – {', '.join(facts)}" if facts else self.name


def couriers(organization_id: str) -> list[CourierChoice]:
    """List those on shift first, of them who is on the road, the least busy before the others, then by name.

    Nobody is left out: iiko may not have told of a shift, and decides itself who may take the order.
    """
    on_shift = set(
        Shift.objects.open().filter(organization_id=organization_id).values_list("employee_id", flat=True)
    )
    known = list(Courier.objects.filter(organization_id=organization_id, is_deleted=False))
    open_orders = Order.objects.open().filter(organization_id=organization_id, courier_id__isnull=False)
    on_hand = dict(open_orders.values_list("courier_id").annotate(count=Count("id")).order_by())
    twins = _repeated(str(courier) for courier in known)
    choices = [
        CourierChoice(
            courier.iiko_id,
            _named(courier, twins),
            on_hand.get(courier.iiko_id, 0),
            courier.iiko_id in on_shift,
        )
        for courier in known
    ]
    return sorted(choices, key=_turn)


def _turn(choice: CourierChoice) -> tuple[bool, bool, int, str]:
    return not choice.is_on_shift, not choice.on_hand, choice.on_hand, fold(choice.name)


def _named(courier: Courier, twins: frozenset[str]) -> str:
    """Couriers of one name are told apart by what else iiko says of them."""
    name = str(courier)
    return f"{name} ({courier.code or courier.iiko_id[:8]})" if name in twins else name


def _repeated(names: Iterable[str]) -> frozenset[str]:
    seen: set[str] = set()
    repeated: set[str] = set()
    for name in names:
        (repeated if name in seen else seen).add(name)
    return frozenset(repeated)


def payment_types(order: Order) -> list[DictionaryEntry]:
    """Those of the order's restaurant and till group that may be set from outside."""
    entries = _entries(order.organization_id, DictionaryKind.PAYMENT_TYPE)
    return [entry for entry in entries if _may_be_set(entry) and fits(entry, order)]


def _may_be_set(entry: DictionaryEntry) -> bool:
    return str(entry.data.get("kind") or "") in _SETTABLE_KINDS


def cancel_causes(organization_id: str) -> list[Choice]:
    return _choices(organization_id, DictionaryKind.CANCEL_CAUSE, _("no cause"))


def removal_types(organization_id: str) -> list[Choice]:
    return _choices(organization_id, DictionaryKind.REMOVAL_TYPE, _("chosen by itself"))


def _choices(organization_id: str, kind: DictionaryKind, none: str) -> list[Choice]:
    entries = _entries(organization_id, kind)
    return [("", f"— {none} —"), *((entry.iiko_id, str(entry)) for entry in entries)]


def _entries(organization_id: str, kind: DictionaryKind) -> list[DictionaryEntry]:
    entries = DictionaryEntry.objects.filter(organization_id=organization_id, kind=kind, is_deleted=False)
    return list(entries.order_by(*NAME_ORDER))
