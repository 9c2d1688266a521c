"""How each restaurant's webhooks come, for the overview."""

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from core.display import badge, span_text
from iikohub.dashboard.tiles import Row, events_url
from organizations.models.organization import Organization
from webhooks.models.inbox import EventSource, WebhookConfig
from webhooks.models.reconciliation import LinkHealth, LinkState, OrderSync

# The colour of each state, and what it means.
_STATES = {
    LinkState.RECEIVING: ("registered", ""),
    LinkState.QUIET: ("ignored", gettext_lazy("Nothing comes, and nothing is missed.")),
    LinkState.DEAD_WEBHOOK: (
        "dead",
        gettext_lazy(
            "Reconciliation finds changes that no webhook brings. Look at how the webhook is registered."
        ),
    ),
    LinkState.OFFLINE_POS: ("problem", gettext_lazy("iiko says that no POS of this restaurant answers.")),
    LinkState.BLIND: (
        "failed",
        gettext_lazy("At this hour events usually come. iiko could not be asked why: look at the API login."),
    ),
    LinkState.NOT_REGISTERED: (
        "pending",
        gettext_lazy("iiko was never told to send its webhooks here, and none came."),
    ),
    LinkState.NO_LOGIN: (
        "pending",
        gettext_lazy("Nothing comes, and without an API login iiko cannot be asked why."),
    ),
}


def link_row(organization: Organization, configs: Sequence[WebhookConfig], missed: int, now: datetime) -> Row:
    """Say in the table how a restaurant's link is; without a watch that is awake it claims nothing."""
    row: Row = {}
    if missed:
        words = ngettext("%(count)d order missed", "%(count)d orders missed", missed)
        row["missed"] = words % {"count": missed}
        row["missed_url"] = events_url(organization=organization.iiko_id, source=EventSource.RECONCILE.value)
    if not organization.is_active:
        return row
    sync: OrderSync | None = getattr(organization, "order_sync", None)
    if sync is not None and sync.error:
        row["sync_error"] = badge("failed", _("orders not read"), sync.error)
    health: LinkHealth | None = getattr(organization, "link_health", None)
    if health is None:
        return row
    if not health.is_fresh(now):
        span = span_text(now - health.checked_at)
        return row | {"link_for": _("not checked for %(span)s") % {"span": span}}
    state = LinkState(health.state)
    colour, meaning = _STATES[state]
    return row | {
        "link": badge(colour, str(state.label), str(meaning)),
        "link_for": span_text(now - health.since),
        "next_step": _next_step(organization, configs, state),
    }


def _next_step(
    organization: Organization, configs: Sequence[WebhookConfig], state: LinkState
) -> SafeString | str:
    """Lead to what sets the link up, where it never was."""
    if state == LinkState.NO_LOGIN:
        url = reverse("admin:organizations_organization_change", args=[organization.pk])
        words = _("Choose an API login")
    elif state == LinkState.NOT_REGISTERED:
        query = urlencode({"organization": organization.iiko_id})
        url = f"{reverse('admin:webhooks_webhookconfig_add')}?{query}"
        if configs:
            url = reverse("admin:webhooks_webhookconfig_change", args=[configs[0].pk])
        words = _("Register the webhook")
    else:
        return ""
    return format_html('<a class="hub-small" href="{}">{}</a>', url, words)
