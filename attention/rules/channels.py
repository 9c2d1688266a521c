"""What is wrong with how people are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from attention.models.channels import Channel
from attention.models.items import AttentionItem, Severity
from attention.rules.base import Finding, NextStep, Rule, moments_of


class ChannelFails(Rule):
    """Notifications of a channel do not arrive. Other channels tell of it, and the list."""

    name = "channel_fails"
    title = gettext_lazy("Notifications do not arrive")
    severity = Severity.WARNING
    permission = "attention.view_channel"
    limit = 5

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        failing = Channel.objects.filter(is_active=True, failing_since__lte=now - shortest)
        for ident, name, since in failing.values_list("pk", "name", "failing_since"):
            if since is not None:
                yield Finding(subject=f"channel:{ident}", since=since, facts={"channel": ident, "name": name})

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        words = _("Notifications of the channel “%(name)s” have not arrived since %(since)s.")
        return words % ({"name": item.facts["name"]} | moments_of(item, now=now, zone=zone))

    def next_step(self, item: AttentionItem) -> NextStep:
        url = reverse("admin:attention_channel_change", args=[item.facts["channel"]])
        return NextStep(_("Look at the channel"), url)
