"""What is wrong between a restaurant and the hub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _, gettext_lazy

from attention.models.items import AttentionItem, Severity
from attention.rules.base import Finding, NextStep, Rule, moments_of
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.stop_lists import StopListReading
from webhooks.models.inbox import RegistrationStatus, WebhookConfig
from webhooks.models.reconciliation import WATCH_IS_FRESH, LinkHealth, LinkState

NEVER_TOLD_FOR = timedelta(seconds=60)
"""For how long iiko was told nothing before it counts: a worker that starts tells it within half a minute."""


class PosSilent(Rule):
    """A POS does not answer; iiko is asked when something waits there (``webhooks.monitoring.pos_watch``)."""

    name = "pos_silent"
    title = gettext_lazy("POS does not answer")
    severity = Severity.CRITICAL
    permission = "orders.view_order"
    limit = 0

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        for group in TerminalGroup.objects.silent(now).filter(organization__is_active=True).order_by():
            if (since := group.not_answering_since) is not None:
                yield Finding(
                    subject=f"terminal_group:{group.pk}",
                    since=since,
                    organization_id=group.organization_id,
                    facts={"group": group.name},
                )

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        words = _("The POS “%(group)s” does not answer since %(since)s: what is requested waits there.")
        return words % {"group": item.facts["group"], **moments_of(item, now=now, zone=zone)}

    def next_step(self, item: AttentionItem) -> NextStep:
        url = f"{reverse('admin:orders_order_changelist')}?{_query(item, state='open')}"
        return NextStep(_("Look at the open orders"), url)


class RestaurantSilent(Rule):
    """Webhooks do not arrive, or nobody can say whether they should (see ``webhooks.monitoring``)."""

    name = "restaurant_silent"
    title = gettext_lazy("Nothing comes from a restaurant")
    severity = Severity.CRITICAL
    permission = "orders.view_order"
    limit = 0

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        states = (LinkState.DEAD_WEBHOOK, LinkState.BLIND, LinkState.NO_LOGIN)
        for health in _links(now).filter(state__in=states):
            yield Finding(
                subject=f"restaurant:{health.organization_id}",
                since=health.since,
                organization_id=health.organization_id,
                facts={"state": str(health.state)},
            )

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        facts = moments_of(item, now=now, zone=zone)
        match item.facts["state"]:
            case LinkState.DEAD_WEBHOOK:
                return _("Webhooks do not arrive since %(since)s: orders change and nothing comes.") % facts
            case LinkState.BLIND:
                words = _(
                    "Nothing comes since %(since)s, though much usually does at this hour, and iiko cannot "
                    "be asked."
                )
                return words % facts
        return _("Nothing comes, and without an API login iiko cannot be asked why.")

    def next_step(self, item: AttentionItem) -> NextStep:
        if item.facts["state"] == LinkState.DEAD_WEBHOOK:
            query = _query(item)
            url = f"{reverse('admin:webhooks_webhookconfig_changelist')}?{query}"
            return NextStep(_("Look at the webhook"), url, "webhooks.view_webhookconfig")
        url = reverse("admin:organizations_apilogin_changelist")
        return NextStep(_("Look at the API logins"), url, "organizations.view_apilogin")


class WebhookUnregistered(Rule):
    """iiko was not told where to send webhooks, could not be told, or has been told otherwise since."""

    name = "webhook_unregistered"
    title = gettext_lazy("Webhook not registered or changed")
    severity = Severity.WARNING
    permission = "webhooks.view_webhookconfig"

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        never_told = _links(now).filter(
            state=LinkState.NOT_REGISTERED,
            since__lte=now - NEVER_TOLD_FOR,
            organization=OuterRef("iiko_id"),
        )
        wrong = (RegistrationStatus.DRIFTED, RegistrationStatus.FAILED)
        configs = WebhookConfig.objects.active().filter(organization=OuterRef("iiko_id"))
        restaurants = Organization.objects.filter(is_active=True).filter(
            Q(Exists(never_told)) | Q(Exists(configs.filter(registration_status__in=wrong)))
        )
        for restaurant in restaurants.prefetch_related("webhook_configs"):
            yield _unregistered(restaurant, now)

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        match item.facts["status"]:
            case RegistrationStatus.DRIFTED:
                return _("The webhook was changed in iiko: events go elsewhere or come otherwise.")
            case RegistrationStatus.FAILED:
                return _("The webhook could not be registered with iiko.")
        return _("iiko was never told to send its webhooks here, and none came.")

    def next_step(self, item: AttentionItem) -> NextStep:
        if config := item.facts.get("config"):
            return NextStep(
                _("Register the webhook"), reverse("admin:webhooks_webhookconfig_change", args=[config])
            )
        url = f"{reverse('admin:webhooks_webhookconfig_add')}?{_query(item)}"
        return NextStep(_("Register the webhook"), url, "webhooks.add_webhookconfig")


class StopListUnread(Rule):
    """The stop lists of a restaurant cannot be read: dishes may be sold that are not there."""

    name = "stop_list_unread"
    title = gettext_lazy("Stop lists cannot be read")
    severity = Severity.WARNING
    permission = "organizations.view_stoplistitem"
    limit = 5

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        failing = StopListReading.objects.filter(
            failing_since__lte=now - shortest, organization__is_active=True
        )
        for reading in failing:
            if (since := reading.failing_since) is not None:
                yield Finding(
                    subject=f"restaurant:{reading.organization_id}",
                    since=since,
                    organization_id=reading.organization_id,
                    facts={"code": reading.error_code},
                )

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        words = _("The stop lists cannot be read since %(since)s: what is out of stock is not known.")
        return words % moments_of(item, now=now, zone=zone)

    def next_step(self, item: AttentionItem) -> NextStep:
        url = f"{reverse('admin:organizations_stoplistitem_changelist')}?{_query(item)}"
        return NextStep(_("Look at the stop lists"), url)


def _links(now: datetime) -> QuerySet[LinkHealth]:
    """Return what the watch of the links found lately; of what it found long ago nothing is said."""
    return LinkHealth.objects.filter(checked_at__gte=now - WATCH_IS_FRESH, organization__is_active=True)


def _unregistered(restaurant: Organization, now: datetime) -> Finding:
    configs = sorted(
        (one for one in restaurant.webhook_configs.all() if one.is_active), key=lambda one: one.pk
    )
    config = configs[0] if configs else None
    return Finding(
        subject=f"restaurant:{restaurant.iiko_id}",
        since=now,
        organization_id=restaurant.iiko_id,
        facts={
            "status": str(config.registration_status if config else RegistrationStatus.NOT_REGISTERED),
            "drift": list(config.drift) if config else [],
            "config": config.pk if config else None,
        },
    )


def _query(item: AttentionItem, **more: str) -> str:
    return urlencode({"organization": str(item.organization_id), **more})
