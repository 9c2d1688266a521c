"""What the attention list says of outbound webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from attention.models.items import AttentionItem, Severity
from attention.rules.base import Finding, NextStep, Rule, moments_of
from attention.rules.registry import add_rule
from outbound.models.subscriptions import DisabledReason, Subscription


class EndpointFails(Rule):
    """A receiver of outbound webhooks does not answer, or the hub has given it up."""

    name = "endpoint_fails"
    title = gettext_lazy("A receiver of outbound webhooks does not answer")
    severity = Severity.WARNING
    permission = "outbound.view_subscription"
    limit = 5

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        is_silent = Q(is_active=True, opened_at__isnull=False, failing_since__lte=now - shortest)
        is_given_up = Q(is_active=False) & ~Q(disabled_reason__in=["", DisabledReason.BY_PERSON])
        found = Subscription.objects.filter(is_silent | is_given_up)
        columns = ("pk", "name", "disabled_reason", "failing_since", "disabled_at")
        for ident, name, reason, failing_since, disabled_at in found.values_list(*columns):
            facts = {"subscription": ident, "name": name, "reason": reason}
            since = failing_since or disabled_at or now
            yield Finding(subject=f"subscription:{ident}", since=since, facts=facts)

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        reason = item.facts.get("reason")
        if reason == DisabledReason.GONE:
            words = _("The receiver “%(name)s” wants no more webhooks (it answered 410): none is sent to it.")
        elif reason:
            words = _("The receiver “%(name)s” took no webhook since %(since)s: it was switched off.")
        else:
            words = _("The receiver “%(name)s” of webhooks does not answer since %(since)s.")
        return words % ({"name": item.facts["name"]} | moments_of(item, now=now, zone=zone))

    def next_step(self, item: AttentionItem) -> NextStep:
        url = reverse("admin:outbound_subscription_change", args=[item.facts["subscription"]])
        return NextStep(_("Look at the subscription"), url)


add_rule(EndpointFails())
