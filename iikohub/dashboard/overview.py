"""The overview: what goes on now, and what wants a person. Every number leads to its list.

Operators find their restaurants' day here, who sets the hub up also how the hub itself is doing.
Cheap however much is stored: counts stop at a limit or a day, and each is answered by an index.
"""

from datetime import UTC, datetime

from django.http import HttpRequest
from django.utils.translation import gettext as _

from attention.access import VIEW
from attention.models.watch_run import watch_state
from attention.words import warnings_of
from core.access import AnyUser
from core.database import db_clock
from iikohub.dashboard import attention, inbox, kitchens, restaurants
from iikohub.dashboard.orders import OpenOrders
from iikohub.dashboard.tiles import A_DAY, Row, Tile
from iikohub.dashboard.today import Today
from iikohub.first_steps.checklist import checklist, may_set_up
from organizations.access import restaurants_of
from organizations.models.organization import Organization

_TECHNICAL = ("webhooks.view_webhookevent", "webhooks.view_webhookconfig")


def fill(request: HttpRequest, context: Row) -> Row:
    """Add to the index page what the person may see (Unfold's DASHBOARD_CALLBACK)."""
    user, now = request.user, db_clock.now()
    context |= {"title": _("Overview")}
    if restaurants_of(user) == frozenset():
        return context | {"has_no_restaurant": True}
    if may_set_up(user):
        context |= {"checklist": checklist(now)}
    sees_restaurants = user.has_perm("organizations.view_organization")
    if sees_restaurants and not Organization.objects.exists():
        clocks = inbox.wrong_clocks() if looks_after_the_hub(user) else None
        return context | {"is_empty": True, "wrong_clocks": clocks}
    shown = _day(user, now, sees_restaurants=sees_restaurants) | _hub(user, now)
    return context | shown | {"sees_nothing": not any(value is not None for value in shown.values())}


def _day(user: AnyUser, now: datetime, *, sees_restaurants: bool) -> Row:
    """Return what operators work with; None stands for what a person may not see."""
    sees_orders = user.has_perm("orders.view_order")
    open_orders = OpenOrders(user, now) if sees_orders else None
    today = Today(user, now) if sees_orders else None
    names = ("attention_warnings", "attention_tiles", "today_tiles", "status_tiles", "kitchen_tiles")
    shown: Row = dict.fromkeys((*names, "restaurants"))
    if user.has_perm(VIEW):
        shown["attention_warnings"] = list(warnings_of(watch_state(now), now))
    if sees_orders or user.has_perm("orders.view_ordercommand") or user.has_perm(VIEW):
        shown["attention_tiles"] = attention.tiles(user, now, open_orders)
    if open_orders and today:
        shown["today_tiles"] = _today_tiles(open_orders, today)
        shown["status_tiles"] = open_orders.statuses()
    if kitchen := kitchens.tiles(user):
        shown["kitchen_tiles"] = kitchen
    if sees_restaurants:
        sees_links = looks_after_the_hub(user)
        shown["restaurants"] = restaurants.rows(user, now, open_orders, today, sees_links=sees_links)
    return shown


def _today_tiles(open_orders: OpenOrders, today: Today) -> list[Tile]:
    sending = open_orders.tile("sending")
    return [open_orders.tile("number"), *([sending] if sending.count else []), *today.tiles()]


def looks_after_the_hub(user: AnyUser) -> bool:
    """Whether a person is shown inbox, event types, clocks and links, too."""
    return user.has_perms(_TECHNICAL)


def _hub(user: AnyUser, now: datetime) -> Row:
    """How the hub itself is doing, for who looks after it."""
    if not looks_after_the_hub(user):
        return {"inbox_tiles": None, "types": None, "wrong_clocks": None}
    since = f"{now.astimezone(UTC) - A_DAY:%Y-%m-%dT%H:%MZ}"  # as the filter of the list of events reads it
    return {
        "inbox_tiles": inbox.tiles(user, now, since),
        "types": inbox.event_types(user, now, since),
        "wrong_clocks": inbox.wrong_clocks(),
    }
