"""How each restaurant's webhooks come, for the overview."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.display import badge, span_text
from organizations.models.organization import Organization
from webhooks.models.inbox import EventSource
from webhooks.models.reconciliation import LinkHealth, LinkState, OrderSync

WATCH_IS_FRESH = timedelta(minutes=10)

_COLOURS = {
    LinkState.RECEIVING: "registered",
    LinkState.QUIET: "ignored",
    LinkState.DEAD_WEBHOOK: "dead",
    LinkState.OFFLINE_POS: "problem",
    LinkState.BLIND: "failed",
    LinkState.NOT_REGISTERED: "pending",
    LinkState.NO_LOGIN: "pending",
}


def events_url(**parameters: str) -> str:
    return f"{reverse('admin:webhooks_webhookevent_changelist')}?{urlencode(parameters)}"


def link_row(organization: Organization, missed: int, now: datetime) -> dict[str, Any]:
    """Say in the table how a restaurant's link is; without a watch that is awake it claims nothing."""
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
        "next_step": _next_step(organization, state),
    }


def _next_step(organization: Organization, state: LinkState) -> SafeString | str:
    """Lead to what sets the link up, where it never was."""
    if state == LinkState.NO_LOGIN:
        url = reverse("admin:organizations_organization_change", args=[organization.pk])
        words = _("Choose an API login")
    elif state == LinkState.NOT_REGISTERED:
        url = _config_url(organization)
        words = _("Register the webhook")
    else:
        return ""
    return format_html('<a class="hub-small" href="{}">{}</a>', url, words)


def _config_url(organization: Any) -> str:
    """Show the webhook settings of a restaurant; ``configs`` were read with it."""
    for config in organization.configs:
        return reverse("admin:webhooks_webhookconfig_change", args=[config.pk])
    query = urlencode({"organization": organization.iiko_id})
    return f"{reverse('admin:webhooks_webhookconfig_add')}?{query}"


def _explain(health: LinkHealth) -> str:
    match health.state:
        case LinkState.DEAD_WEBHOOK:
            return _(
                "Reconciliation finds changes that no webhook brings. Look at how the webhook is registered."
            )
        case LinkState.OFFLINE_POS:
            return _("iiko says that no POS of this restaurant answers.")
        case LinkState.BLIND:
            return _("At this hour events usually come. iiko could not be asked why: look at the API login.")
        case LinkState.NO_LOGIN:
            return _("Nothing comes, and without an API login iiko cannot be asked why.")
        case LinkState.NOT_REGISTERED:
            return _("iiko was never told to send its webhooks here, and none came.")
        case LinkState.QUIET:
            return _("Nothing comes, and nothing is missed.")
    return ""
