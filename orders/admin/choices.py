"""What a person may choose from: the restaurant's couriers, payment types, causes and removal types."""

from dataclasses import dataclass

from django.db.models import Count
from django.utils.translation import gettext as _, ngettext

from core.values.name_keys import NAME_ORDER, fold
from iiko_client.models.payments import PaymentKind
from orders.actions.cancel import removal_types, write_off_text
from orders.actions.payment import fits
from orders.models.order import Order
from organizations.models.dictionaries import DictionaryEntry, DictionaryKind
from organizations.shifts.duty import OnShift, couriers_of

Choice = tuple[str, str]

# A payment by loyalty card needs the guest's own proof, which the hub does not carry.
_SETTABLE_KINDS = frozenset(kind.value for kind in PaymentKind if kind is not PaymentKind.LOYALTY_CARD)


@dataclass(frozen=True, slots=True)
class CourierChoice:
    """``on_hand``: how many open orders the courier has now."""

    iiko_id: str
    name: str
    on_hand: int
    on_shift: OnShift = OnShift.UNKNOWN

    @property
    def is_off_shift(self) -> bool:
        return self.on_shift is OnShift.NO

    @property
    def label(self) -> str:
        words = {OnShift.YES: [_("on shift")], OnShift.NO: [_("not on shift")], OnShift.UNKNOWN: []}
        facts = words[self.on_shift]
        if self.on_hand:
            orders = ngettext("%(count)d order on hand", "%(count)d orders on hand", self.on_hand)
            facts.append(orders % {"count": self.on_hand})
        elif not self.is_off_shift:
            facts.append(_("free"))
        return f"{self.name} – {', '.join(facts)}" if facts else self.name


def couriers(organization_id: str) -> list[CourierChoice]:
    """List the free ones first, then by the number of their open orders; those not on shift last.

    Nobody is left out: iiko may not have reported a shift, and decides itself who may take the order.
    """
    open_orders = Order.objects.open().filter(organization_id=organization_id, courier_id__isnull=False)
    on_hand = dict(open_orders.values_list("courier_id").annotate(count=Count("id")).order_by())
    choices = [
        CourierChoice(one.iiko_id, one.name, on_hand.get(one.iiko_id, 0), one.on_shift)
        for one in couriers_of([organization_id])
    ]
    return sorted(choices, key=lambda one: (one.is_off_shift, one.on_hand, fold(one.name)))


def payment_types(order: Order) -> list[DictionaryEntry]:
    """List those of the order's restaurant and terminal group that may be set from outside."""
    entries = _entries(order.organization_id, DictionaryKind.PAYMENT_TYPE)
    return [entry for entry in entries if entry.data.get("kind") in _SETTABLE_KINDS and fits(entry, order)]


def cancel_causes(organization_id: str) -> list[Choice]:
    causes = _entries(organization_id, DictionaryKind.CANCEL_CAUSE)
    none = _("no cause")
    return [("", f"— {none} —"), *((cause.iiko_id, str(cause)) for cause in causes)]


def removal_choices(organization_id: str) -> list[Choice]:
    """List each with who bears the cost; none is preselected."""
    types = removal_types(organization_id)
    return [("", "—"), *((entry.iiko_id, f"{entry} – {write_off_text(entry)}") for entry in types)]


def _entries(organization_id: str, kind: DictionaryKind) -> list[DictionaryEntry]:
    entries = DictionaryEntry.objects.filter(organization_id=organization_id, kind=kind, is_deleted=False)
    return list(entries.order_by(*NAME_ORDER))
