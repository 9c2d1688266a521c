"""The overview: what goes on now, and what wants a person. Every number leads to its list.

Cheap however much is stored: counts stop at a limit, and each is answered by an index.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Prefetch, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.database import db_clock
from core.database.counting import COUNT_UP_TO
from core.display import ago_text, badge, clock, offset_text, span_text
from iiko_client.models.events import EVENT_TYPES, OLDER_EVENT_TYPES, SOI_TYPES
from iikohub.dashboard.connection import events_url, link_row
from orders.admin.display import status_text
from orders.models.command import OrderCommand, OrderCommandQuerySet
from orders.models.order import Order, Status
from organizations.admin.display import silent_pos_badges
from organizations.models.clock_skews import ClockSkew
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem, StopListReading
from webhooks.admin.display import type_text
from webhooks.admin.filters import NO_TYPE, types_met
from webhooks.models.inbox import EventStatus, Reason, WebhookConfig, WebhookEvent
from webhooks.monitoring.inbox_state import inbox_state
from webhooks.monitoring.last_received import last_received
from webhooks.processing.handlers import HANDLERS, KEPT
from webhooks.receiving.configs import receive_url
from webhooks.reconciliation.missed_webhooks import missed_orders

RESTAURANTS_SHOWN = 100
STUCK_S = 60
"""An event that waits so long means that no worker runs, or that it cannot keep up."""

_KNOWN_TYPES = frozenset((*EVENT_TYPES, *OLDER_EVENT_TYPES, *SOI_TYPES, *HANDLERS, *KEPT))

# A few thousand entries of the index (event_type, received_at) for each type, never the whole day.
_OF_TYPE = """
SELECT kind, (SELECT count(*) FROM (SELECT 1 FROM webhook_events
                                    WHERE event_type = kind AND received_at >= %s LIMIT %s) AS met)
FROM unnest(%s::text[]) AS kind
"""


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with its name; ``tone`` colours it when there is something to see to."""

    title: str
    count: int
    url: str
    tone: str = ""
    note: str | SafeString = ""

    @property
    def text(self) -> str:
        return count_text(self.count)

    @property
    def shown_tone(self) -> str:
        return self.tone if self.count else ""


def count_text(count: int) -> str:
    number = number_format(min(count, COUNT_UP_TO), 0, force_grouping=True)
    return f"{number}+" if count > COUNT_UP_TO else number


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the index page what the person may see (Unfold's DASHBOARD_CALLBACK)."""
    now = db_clock.now()
    user: Any = request.user
    sees_orders = user.has_perm("orders.view_order")
    sees_events = user.has_perm("webhooks.view_webhookevent")
    sees_restaurants = user.has_perm("organizations.view_organization")
    open_orders = _OpenOrders(now) if sees_orders else None
    since = _a_day_ago(now) if sees_events else ""
    context |= {
        "title": _("Overview"),
        "order_tiles": [*(open_orders.tiles(now) if open_orders else ()), *command_tiles(user, now)],
        "status_tiles": open_orders.statuses() if open_orders else None,
        "inbox_tiles": inbox_tiles(now, since) if sees_events else None,
        "wrong_clocks": wrong_clocks() if sees_events else None,
        "types": event_types(now, since) if sees_events else None,
        "stop_list_and_shift_tiles": stop_list_and_shift_tiles(user),
        "restaurants": restaurants(now, open_orders, sees_events=sees_events) if sees_restaurants else None,
        "sees_nothing": not (
            sees_orders or user.has_perm("orders.view_ordercommand") or sees_events or sees_restaurants
        ),
    }
    if sees_restaurants and not Organization.objects.exists():
        context |= {"first_steps": True, "receive_url": receive_url(), "base_url": settings.WEBHOOK_BASE_URL}
    return context


# --- orders ----------------------------------------------------------------------------------------------


class _OpenOrders:
    """The open orders, counted once by restaurant and status."""

    def __init__(self, now: datetime) -> None:
        newest = Order.objects.open().order_by("-id").values("pk")[: COUNT_UP_TO + 1]
        # The look at the newest is a subquery, so that a hub with orders that nobody ever closed stays quick.
        self._groups = list(
            Order.objects.filter(pk__in=newest)
            .order_by()
            .values("organization_id", "status")
            .annotate(
                number=Count("pk"),
                late=Count("pk", filter=Q(pk__in=Order.objects.open().late(now).values("pk"))),
                with_problem=Count("pk", filter=Q(problem__isnull=False)),
                unknown=Count("pk", filter=Q(status__isnull=True, raw_status__isnull=False)),
                sending=Count("pk", filter=Q(status__isnull=True, creation_status="InProgress")),
            )
        )

    def total(self, name: str, **conditions: Any) -> int:
        return sum(
            group[name]
            for group in self._groups
            if all(group[column] == value for column, value in conditions.items())
        )

    def tiles(self, now: datetime) -> list[Tile]:
        refused = bounded(Order.objects.refused_lately(now))
        number, late, sending = self.total("number"), self.total("late"), self.total("sending")
        with_problem, unknown = self.total("with_problem"), self.total("unknown")
        # A title is read after its number.
        return [
            Tile(ngettext("open order", "open orders", _shown(number)), number, orders_url(state="open")),
            Tile(
                ngettext("order late now", "orders late now", _shown(late)),
                late,
                orders_url(state="late_now"),
                "bad",
            ),
            Tile(
                ngettext("order being sent to the POS", "orders being sent to the POS", _shown(sending)),
                sending,
                orders_url(state="sending"),
            ),
            Tile(
                ngettext(
                    "order not accepted by the POS, 24 h",
                    "orders not accepted by the POS, 24 h",
                    _shown(refused),
                ),
                refused,
                orders_url(state="refused"),
                "warn",
            ),
            Tile(
                ngettext("open order with a problem", "open orders with a problem", _shown(with_problem)),
                with_problem,
                orders_url(state="problem"),
                "warn",
            ),
            Tile(
                ngettext("order with an unknown status", "orders with an unknown status", _shown(unknown)),
                unknown,
                orders_url(state="unknown"),
                "bad",
            ),
        ]

    def statuses(self) -> list[Tile]:
        """Count the open orders by status, in the usual course; the two final statuses are never open."""
        open_statuses = [
            status for status in Status.values if status not in {Status.CLOSED, Status.CANCELLED}
        ]
        return [
            Tile(
                status,
                self.total("number", status=status),
                orders_url(state="open", status=status),
                note=badge(status, status_text(status)),
            )
            for status in open_statuses
        ]


def command_tiles(user: Any, now: datetime) -> list[Tile]:
    """Commands that want a look: a guest may get two meals, or none. Rare, so nothing stands for 0."""
    if not user.has_perm("orders.view_ordercommand"):
        return []
    url = reverse("admin:orders_ordercommand_changelist")
    commands = OrderCommand.objects.all()
    unsettled = bounded(OrderCommandQuerySet.unsettled_lately(commands, now))
    failed = bounded(OrderCommandQuerySet.failed_lately(commands, now))
    hanging = bounded(OrderCommandQuerySet.hanging(commands, now))
    tiles = [
        Tile(
            ngettext("command needs attention", "commands need attention", _shown(unsettled)),
            unsettled,
            f"{url}?state=unsettled",
            "bad",
        ),
        Tile(
            ngettext(
                "command refused or not done, 24 h", "commands refused or not done, 24 h", _shown(failed)
            ),
            failed,
            f"{url}?state=failed",
            "warn",
        ),
        Tile(
            ngettext("command without an answer", "commands without an answer", _shown(hanging)),
            hanging,
            f"{url}?state=hanging",
            "warn",
        ),
    ]
    return [tile for tile in tiles if tile.count]


def _shown(number: int) -> int:
    """Give the number that stands before the words, which have to go with it."""
    return min(number, COUNT_UP_TO)


def bounded(rows: Any) -> int:
    counted: int = rows.order_by()[: COUNT_UP_TO + 1].count()
    return counted


def orders_url(**parameters: str) -> str:
    return f"{reverse('admin:orders_order_changelist')}?{urlencode(parameters)}"


# --- stop lists and shifts -----------------------------------------------------------------------------


def stop_list_and_shift_tiles(user: Any) -> list[Tile]:
    """Tell what is not to be had and who is at work, as far as the person may see either."""
    tiles = []
    if user.has_perm("organizations.view_stoplistitem"):
        url = reverse("admin:organizations_stoplistitem_changelist")
        out = bounded(StopListItem.objects.current().filter(is_out_of_stock=True))
        tiles.append(Tile(_("out of stock now"), out, f"{url}?state=out", "warn", _unread_text()))
    if user.has_perm("organizations.view_shift"):
        on_shift = bounded(Shift.objects.open())
        tiles.append(Tile(_("on shift now"), on_shift, reverse("admin:organizations_shift_changelist")))
    return tiles


def _unread_text() -> str:
    failing = StopListReading.objects.filter(failing_since__isnull=False, organization__is_active=True)
    if not (count := bounded(failing)):
        return ""
    words = ngettext(
        "the lists of %(count)d restaurant cannot be read",
        "the lists of %(count)d restaurants cannot be read",
        count,
    )
    return words % {"count": count}


# --- the inbox ---------------------------------------------------------------------------------------------


def inbox_tiles(now: datetime, since: str) -> list[Tile]:
    state = inbox_state()
    is_stuck = state.oldest_s > STUCK_S
    waits = ""
    if state.waiting:
        waits = _("the oldest for %(span)s") % {"span": span_text(timedelta(seconds=state.oldest_s))}
    if is_stuck:
        waits += ". " + _("Does a worker run?")
    strangers = WebhookEvent.objects.filter(
        status=EventStatus.IGNORED,
        reason=Reason.UNKNOWN_ORGANIZATION,
        received_at__gte=now - timedelta(days=1),
    )
    return [
        Tile(
            _("waiting to be applied"),
            state.waiting,
            events_url(status="pending"),
            "bad" if is_stuck else "",
            waits,
        ),
        Tile(_("failed, will be retried"), state.failed, events_url(status="failed"), "warn"),
        Tile(_("failed for good"), state.dead, reverse("admin:webhooks_webhookevent_dead"), "bad"),
        Tile(
            _("of unknown restaurants, 24 h"),
            bounded(strangers),
            events_url(reason=Reason.UNKNOWN_ORGANIZATION.value, received_from=since),
            "warn",
        ),
        Tile(
            _("of unknown types, 24 h"),
            state.unknown_types,
            events_url(reason=Reason.UNKNOWN_TYPE.value, received_from=since),
            "warn",
        ),
    ]


def wrong_clocks() -> list[str]:
    """Machines whose clocks are wrong, the worst first, each in a sentence."""
    return [_wrong_clock(row) for row in ClockSkew.objects.current()[:RESTAURANTS_SHOWN]]


def _wrong_clock(row: ClockSkew) -> str:
    words = (
        _("The clock of %(machine)s (%(role)s) is ahead by %(span)s.")
        if row.skew_s > 0
        else _("The clock of %(machine)s (%(role)s) is behind by %(span)s.")
    )
    span = span_text(timedelta(seconds=abs(row.skew_s)))
    return words % {"machine": row.host, "role": row.role, "span": span}


def _a_day_ago(now: datetime) -> str:
    """As the filter of the list of events reads it."""
    return f"{now.astimezone(UTC) - timedelta(days=1):%Y-%m-%dT%H:%MZ}"


def event_types(now: datetime, since: str) -> list[dict[str, Any]]:
    """Count the events of the last 24 hours by type, the commonest first."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_TYPE, [now - timedelta(days=1), COUNT_UP_TO + 1, types_met()])
        counts = sorted(((count, kind) for kind, count in cursor.fetchall() if count), reverse=True)
    most = max((min(count, COUNT_UP_TO) for count, _kind in counts), default=1)
    return [
        {
            "name": type_text(kind),
            "is_unknown": kind not in _KNOWN_TYPES,
            "kept": str(KEPT[kind].label) if kind in KEPT else "",
            "count": count_text(count),
            "share": round(100 * min(count, COUNT_UP_TO) / most),
            "url": events_url(type=kind or NO_TYPE, received_from=since),
        }
        for count, kind in counts
    ]


# --- restaurants -----------------------------------------------------------------------------------------


def restaurants(now: datetime, open_orders: _OpenOrders | None, *, sees_events: bool) -> list[dict[str, Any]]:
    silent = TerminalGroup.objects.silent(now).select_related("organization")
    rows = Organization.objects.prefetch_related(
        Prefetch("terminal_groups", queryset=silent, to_attr="silent_groups")
    )
    if not sees_events:
        return [_restaurant(organization, now, open_orders) for organization in rows[:RESTAURANTS_SHOWN]]
    configs = WebhookConfig.objects.only("pk", "organization").order_by("id")
    rows = rows.select_related("link_health", "order_sync").annotate(last_received=last_received("iiko_id"))
    rows = rows.prefetch_related(Prefetch("webhook_configs", queryset=configs, to_attr="configs"))
    shown = list(rows[:RESTAURANTS_SHOWN])
    missed = missed_orders([one.iiko_id for one in shown], since=now - timedelta(days=1), now=now)
    return [
        _restaurant(organization, now, open_orders)
        | _heard(organization, now)
        | link_row(organization, missed.get(organization.iiko_id, 0), now)
        for organization in shown
    ]


def _restaurant(organization: Any, now: datetime, open_orders: _OpenOrders | None) -> dict[str, Any]:
    ident = organization.iiko_id
    row: dict[str, Any] = {
        "name": organization.name,
        "url": reverse("admin:organizations_organization_change", args=[organization.pk]),
        "is_active": organization.is_active,
        "pos": silent_pos_badges(organization.silent_groups, now) if organization.is_active else "",
        "clock": f"{now.astimezone(organization.zone()):%H:%M}",
        "offset": offset_text(now, organization.zone()),
    }
    if open_orders is not None:
        row |= {
            "open": count_text(open_orders.total("number", organization_id=ident)),
            "open_url": orders_url(state="open", organization=ident),
            "late": open_orders.total("late", organization_id=ident),
            "late_url": orders_url(state="late_now", organization=ident),
        }
    return row


def _heard(organization: Any, now: datetime) -> dict[str, Any]:
    received = organization.last_received
    return {
        "events_url": events_url(organization=organization.iiko_id),
        "heard": ago_text(received, now) if received else "",
        "heard_at": clock(received, organization.zone() if received else UTC, now=now, seconds=True),
    }
