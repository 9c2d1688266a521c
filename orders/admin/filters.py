"""What an operator asks of the list of orders."""

from collections.abc import Callable, Iterable

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from core.access import visible_to
from core.admin.filters import Choice, States
from core.database import db_clock
from core.values.name_keys import fold
from orders.models.order import Order

_OFFERED_OF = 2_000
"""Couriers, zones and sources are offered from so many of the newest orders."""

# Those that look for an empty status find it by the index on it.
ORDER_STATES: States = {
    "open": (_("open"), lambda orders: orders.open()),
    "late_now": (_("open and late"), lambda orders: orders.open().late(db_clock.now())),
    "problem": (_("open with a problem"), lambda orders: orders.open().filter(problem__isnull=False)),
    "unknown": (
        _("with an unknown status"),
        lambda orders: orders.open().filter(status__isnull=True, raw_status__isnull=False),
    ),
    "refused": (
        _("not accepted by the POS, 24 h"),
        lambda orders: orders.refused_lately(db_clock.now()),
    ),
    "refused_all": (_("not accepted by the POS, all"), lambda orders: orders.refused()),
    "sending": (
        _("being sent to the POS"),
        lambda orders: orders.open().filter(status__isnull=True, creation_status="InProgress"),
    ),
    "unknown_to_iiko": (
        _("unknown to iiko"),
        lambda orders: orders.listed_nowhere().filter(unknown_to_iiko_at__isnull=False),
    ),
    "deleted": (
        pgettext_lazy("orders", "deleted in iiko"),
        lambda orders: orders.filter(is_deleted=True),
    ),
    "late": (_("late, finished ones too"), lambda orders: orders.late(db_clock.now())),
}


def couriers_under_way(request: HttpRequest) -> Iterable[Choice]:
    """Couriers of the newest open orders; any other is found by the link on an order's page."""
    orders = visible_to(request.user, Order.objects.open()).order_by("-id")
    couriers = orders.values_list("courier_id", "courier_name")[:_OFFERED_OF]
    named = {courier_id: name or courier_id for courier_id, name in couriers if courier_id}
    return sorted(named.items(), key=lambda courier: (fold(str(courier[1])), courier))


def newest_values(column: str) -> Callable[[HttpRequest], Iterable[Choice]]:
    """Make choices of what stands in ``column`` of the newest orders."""

    def offered(request: HttpRequest) -> Iterable[Choice]:
        newest = visible_to(request.user, Order.objects.order_by("-id")).values_list(column, flat=True)
        names = {name for name in newest[:_OFFERED_OF] if name}
        return [(value, value) for value in sorted(names, key=fold)]

    return offered
