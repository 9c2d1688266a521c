"""How each restaurant's webhooks come, for the overview."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from organizations.models import Organization
from organizations.presentation import badge, span_text
from webhooks.models import EventSource
from webhooks.sync_models import LinkHealth, LinkState, OrderSync

WATCH_IS_FRESH = timedelta(minutes=10)

_COLOURS = {
    LinkState.RECEIVING: "registered",
    LinkState.QUIET: "ignored",
    LinkState.DEAD_WEBHOOK: "dead",
    LinkState.OFFLINE_TILL: "problem",
    LinkState.BLIND: "failed",
}


def events_url(**parameters: str) -> str:
    return f"{reverse('admin:webhooks_webhookevent_changelist')}?{urlencode(parameters)}"


def link_row(organization: Organization, missed: int, now: datetime) -> dict[str, Any]:
    """What the table says of a restaurant's link; without a watch that is awake it claims nothing."""
    row: dict[str, Any] = {}
    if missed:
        row["missed"] = ngettext("%(count)d order missed", "%(count)d orders missed", missed) % {
            "count": missed
        }
        row["missed_url"] = events_url(organization=organization.iiko_id, source=EventSource.RECONCILE.value)
    sync: OrderSync | None = getattr(organization, "order_sync", None)
    if sync is not None and sync.error and organization.is_active:
        row["sync_error"] = badge("failed", _("orders not read"), sync.error)
    health: LinkHealth | None = getattr(organization, "link_health", None)
    if health is None or not organization.is_active:
        return row
    if now - health.checked_at > WATCH_IS_FRESH:
        span = span_text(now - health.checked_at)
        return row | {"link_for": _("not checked for %(span)s") % {"span": span}}
    state = LinkState(health.state)
    return row | {
        "link": badge(_COLOURS[state], str(state.label), _explain(health)),
        "link_for": span_text(now - health.since),
    }


def _explain(health: LinkHealth) -> str:
    match health.state:
        case LinkState.DEAD_WEBHOOK:
            return _(
                "Reconciliation finds changes that no webhook brings. Look at how the webhook is registered."
            )
        case LinkState.OFFLINE_TILL:
            return _("iiko says that no till of this restaurant answers.")
        case LinkState.BLIND:
            return _("At this hour events usually come. iiko could not be asked why: look at the API login.")
        case LinkState.QUIET:
            return _("Nothing comes, and nothing is missed.")
    return ""
