"""The calls to iiko that were made for an order or a command, as its page lists them."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from core.display import clock
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.admin.calls import outcome_badge
from organizations.models.connection import CALL_BODIES, ApiCall

CALLS_SHOWN = 50

Row = dict[str, Any]


def calls_of_command(command: OrderCommand, *, now: datetime) -> list[Row]:
    """List what was asked of iiko for a command, the first call first; its order is fetched with it."""
    # Calls from before they named their command are found by iiko's name of it.
    named = Q(correlation_id=command.correlation_id) & ~Q(correlation_id="")
    calls = ApiCall.objects.filter(Q(command_id=command.pk) | named)
    return _rows(calls.order_by("started_at", "id"), command.order, now)


def calls_about(order: Order, *, now: datetime) -> list[Row]:
    """List the calls that named an order, the newest first."""
    if not order.iiko_order_id:
        return []
    about = Q(order_id=order.iiko_order_id) & ~Q(order_id="")
    return _rows(ApiCall.objects.filter(about).order_by("-started_at", "-id"), order, now)


def _rows(calls: QuerySet[ApiCall], order: Order, now: datetime) -> list[Row]:
    zone = order.organization.zone()
    return [
        {
            "call": call,
            "started": clock(call.started_at, zone, now=now, seconds=True),
            "badge": outcome_badge(call),
            "took": _("%(count)d ms") % {"count": call.duration_ms},
            "url": reverse("admin:organizations_apicall_change", args=[call.pk]),
        }
        for call in calls.defer(*CALL_BODIES)[:CALLS_SHOWN]
    ]
