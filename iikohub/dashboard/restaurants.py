"""The table of restaurants of the overview."""

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db.models import Prefetch
from django.urls import reverse

from core.access import AnyUser, visible_to
from core.display import ago_text, clock, offset_text
from iikohub.dashboard.connection import link_row
from iikohub.dashboard.orders import OpenOrders
from iikohub.dashboard.tiles import A_DAY, Row, count_text, events_url, orders_url
from iikohub.dashboard.today import Today
from organizations.admin.display import silent_pos_badges
from organizations.models.organization import Organization, TerminalGroup
from webhooks.models.inbox import WebhookConfig
from webhooks.monitoring.inbox_state import last_received
from webhooks.reconciliation.missed_webhooks import missed_orders

RESTAURANTS_SHOWN = 100


def rows(
    user: AnyUser,
    now: datetime,
    open_orders: OpenOrders | None,
    today: Today | None,
    *,
    sees_links: bool,
) -> list[Row]:
    """Return a row for each restaurant; ``sees_links``: with how its webhooks come."""
    silent = TerminalGroup.objects.silent(now).select_related("organization")
    organizations = visible_to(user, Organization.objects.all()).prefetch_related(
        Prefetch("terminal_groups", queryset=silent, to_attr="silent_groups")
    )
    if not sees_links:
        return [
            _restaurant(one, one.silent_groups, now, open_orders, today)
            for one in organizations[:RESTAURANTS_SHOWN]
        ]
    configs = WebhookConfig.objects.only("pk", "organization").order_by("id")
    heard = organizations.select_related("link_health", "order_sync").annotate(
        last_received=last_received("iiko_id")
    )
    heard = heard.prefetch_related(Prefetch("webhook_configs", queryset=configs, to_attr="configs"))
    shown = list(heard[:RESTAURANTS_SHOWN])
    missed = missed_orders([one.iiko_id for one in shown], since=now - A_DAY, now=now)
    return [
        _restaurant(one, one.silent_groups, now, open_orders, today)
        | _heard(one, one.last_received, now)
        | link_row(one, one.configs, missed.get(one.iiko_id, 0), now)
        for one in shown
    ]


def _restaurant(
    organization: Organization,
    silent: Iterable[TerminalGroup],
    now: datetime,
    open_orders: OpenOrders | None,
    today: Today | None,
) -> Row:
    ident = organization.iiko_id
    row: Row = {
        "name": organization.name,
        "url": reverse("admin:organizations_organization_change", args=[organization.pk]),
        "is_active": organization.is_active,
        "pos": silent_pos_badges(silent, now) if organization.is_active else "",
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
    return row | (today.of(organization) if today is not None else {})


def _heard(organization: Organization, received: datetime | None, now: datetime) -> Row:
    return {
        "events_url": events_url(organization=organization.iiko_id),
        "heard": ago_text(received, now) if received else "",
        "heard_at": clock(received, organization.zone() if received else UTC, now=now, seconds=True),
    }
