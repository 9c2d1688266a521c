"""The overview: what goes on now, and what wants a person. Every number leads to its list.

Cheap however much is stored: counts stop at a limit, and each is answered by an index.
"""

from datetime import UTC

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext

from core.access import visible_to
from core.database import db_clock
from iikohub.dashboard import inbox, orders, restaurants
from iikohub.dashboard.tiles import A_DAY, Row, Tile, bounded, list_url
from organizations.access import restaurants_of
from organizations.models.organization import Organization
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem, StopListReading
from webhooks.receiving.configs import receive_url


def fill(request: HttpRequest, context: Row) -> Row:
    """Add to the index page what the person may see (Unfold's DASHBOARD_CALLBACK)."""
    if restaurants_of(request.user) == frozenset():
        return context | {"title": _("Overview"), "has_no_restaurant": True}
    now, sees = db_clock.now(), request.user.has_perm
    sees_orders = sees("orders.view_order")
    sees_commands = sees("orders.view_ordercommand")
    sees_events = sees("webhooks.view_webhookevent")
    sees_restaurants = sees("organizations.view_organization")
    open_orders = orders.OpenOrders(request.user, now) if sees_orders else None
    since = f"{now.astimezone(UTC) - A_DAY:%Y-%m-%dT%H:%MZ}"  # as the filter of the list of events reads it
    order_tiles = open_orders.tiles(now) if open_orders else []
    rows = (
        restaurants.rows(request.user, now, open_orders, sees_events=sees_events)
        if sees_restaurants
        else None
    )
    context |= {
        "title": _("Overview"),
        "order_tiles": order_tiles + orders.command_tiles(request.user, now),
        "status_tiles": open_orders.statuses() if open_orders else None,
        "inbox_tiles": inbox.tiles(request.user, now, since) if sees_events else None,
        "wrong_clocks": inbox.wrong_clocks() if sees_events else None,
        "types": inbox.event_types(request.user, now, since) if sees_events else None,
        "stop_list_and_shift_tiles": stop_list_and_shift_tiles(request.user),
        "restaurants": rows,
        "sees_nothing": not (sees_orders or sees_commands or sees_events or sees_restaurants),
    }
    if sees_restaurants and not Organization.objects.exists():
        context |= {"first_steps": True, "receive_url": receive_url(), "base_url": settings.WEBHOOK_BASE_URL}
    return context


def stop_list_and_shift_tiles(user: User | AnonymousUser) -> list[Tile]:
    """Tell what is not to be had and who is at work, as far as the person may see either."""
    tiles = []
    if user.has_perm("organizations.view_stoplistitem"):
        out = bounded(visible_to(user, StopListItem.objects.current().filter(is_out_of_stock=True)))
        tiles.append(
            Tile(
                _("out of stock now"),
                out,
                list_url("organizations_stoplistitem", state="out"),
                "warn",
                _unread_text(user),
            )
        )
    if user.has_perm("organizations.view_shift"):
        on_shift = bounded(visible_to(user, Shift.objects.open()))
        tiles.append(Tile(_("on shift now"), on_shift, reverse("admin:organizations_shift_changelist")))
    return tiles


def _unread_text(user: User | AnonymousUser) -> str:
    failing = StopListReading.objects.filter(failing_since__isnull=False, organization__is_active=True)
    count = bounded(visible_to(user, failing))
    words = ngettext(
        "the lists of %(count)d restaurant cannot be read",
        "the lists of %(count)d restaurants cannot be read",
        count,
    )
    return words % {"count": count} if count else ""
