"""What is wrong with the hub itself, or with all of its restaurants at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy, ngettext
from procrastinate.contrib.django.models import ProcrastinateWorker

from attention.models.items import AttentionItem, Severity
from attention.rules.base import SECOND, Finding, NextStep, Rule, moments_of
from core.display import span_text
from organizations.connection.clients import BadApiLogin, key_of
from organizations.models.clock_skews import ClockSkew
from organizations.models.connection import ApiLogin, IikoCircuit
from organizations.models.organization import Organization
from webhooks.models.inbox import WebhookEvent
from webhooks.monitoring.inbox_state import waiting_since


class LoginStopped(Rule):
    """iiko refuses a login, or the hub has stopped its calls after failures in a row."""

    name = "login_stopped"
    title = gettext_lazy("API login refused or stopped")
    severity = Severity.CRITICAL
    permission = "organizations.view_apilogin"

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        logins = ApiLogin.objects.active().order_by("pk")
        circuits = {key: login for login in logins if (key := _circuit_of(login))}
        opened = IikoCircuit.objects.filter(name__in=circuits, state__open_until__isnull=False)
        # Until a call succeeds: whether it may be tried again changes by the minute.
        stopped = {circuits[name].pk for name in opened.values_list("name", flat=True)}
        for login in logins:
            if login.last_error or login.pk in stopped:
                yield Finding(
                    subject=f"login:{login.pk}",
                    since=now,
                    facts={"login": login.pk, "name": login.name, "is_refused": bool(login.last_error)},
                )

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        words = (
            _("iiko refuses the API login “%(name)s”: nothing can be sent or read with it.")
            if item.facts["is_refused"]
            else _("Calls with the API login “%(name)s” are stopped: iiko failed several times in a row.")
        )
        return words % {"name": item.facts["name"]}

    def next_step(self, item: AttentionItem) -> NextStep:
        url = reverse("admin:organizations_apilogin_change", args=[item.facts["login"]])
        return NextStep(_("Look at the API login"), url)


class DeadEvents(Rule):
    """Events failed for good, and nobody has replayed them."""

    name = "dead_events"
    title = gettext_lazy("Events failed for good")
    severity = Severity.WARNING
    permission = "webhooks.view_webhookevent"

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        """Of restaurants that are not set up here they are the hub's own."""
        abandoned = WebhookEvent.objects.abandoned().order_by().values_list("organization_id")
        rows = list(abandoned.annotate(Count("pk"), Min("received_at")))
        known = set(
            Organization.objects.filter(iiko_id__in=[ident for ident, *_ in rows]).values_list(
                "iiko_id", flat=True
            )
        )
        for ident, count, first in rows:
            yield Finding(
                subject=f"events:{ident}",
                since=first,
                organization_id=ident if ident in known else None,
                facts={"count": count},
            )

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        words = ngettext(
            "%(count)d event could not be applied and is not tried again; it came at %(since)s.",
            "%(count)d events could not be applied and are not tried again; the first came at %(since)s.",
            item.facts["count"],
        )
        return words % {"count": item.facts["count"], **moments_of(item, now=now, zone=zone)}

    def next_step(self, item: AttentionItem) -> NextStep:
        return NextStep(_("Look at the events"), reverse("admin:webhooks_webhookevent_dead"))


class InboxLate(Rule):
    """Events wait: the workers do not keep up. Where none runs at all, see ``attention.models.watch_run``."""

    name = "inbox_late"
    title = gettext_lazy("Events are applied late")
    severity = Severity.CRITICAL
    permission = "orders.view_order"
    limit = 30
    step = SECOND
    linger = timedelta(seconds=10)

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        if (oldest := waiting_since()) is not None:
            yield Finding(subject="inbox", since=oldest)

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        words = _("What iiko sends is applied late since %(since)s: the cards are old.")
        return words % moments_of(item, now=now, zone=zone)


class WorkerAway(Rule):
    """A worker gives no sign of life; another one, which noticed it, takes its work over."""

    name = "worker_away"
    title = gettext_lazy("A worker is away")
    severity = Severity.WARNING
    permission = "webhooks.view_webhookevent"
    limit = 30
    step = SECOND

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        # It gives a sign every 10 s; the others strike it off after a minute.
        silent = ProcrastinateWorker.objects.filter(last_heartbeat__lte=now - shortest)
        for ident, at in silent.values_list("pk", "last_heartbeat"):
            yield Finding(subject=f"worker:{ident}", since=at)

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        words = _("A worker gave its last sign of life at %(since)s. Another takes its work over.")
        return words % moments_of(item, now=now, zone=zone)


class ClockWrong(Rule):
    """The clock of a machine differs from the database's."""

    name = "clock_wrong"
    title = gettext_lazy("Clock of a machine is wrong")
    severity = Severity.WARNING
    permission = "webhooks.view_webhookevent"

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        for skew in ClockSkew.objects.current():
            yield Finding(
                subject=f"clock:{skew.role}@{skew.host}",
                since=now,
                facts={"machine": skew.host, "role": skew.role, "skew_s": round(skew.skew_s)},
            )

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        skew_s = item.facts["skew_s"]
        words = (
            _("The clock of %(machine)s (%(role)s) is ahead by %(span)s.")
            if skew_s > 0
            else _("The clock of %(machine)s (%(role)s) is behind by %(span)s.")
        )
        span = span_text(timedelta(seconds=abs(skew_s)))
        return words % {"machine": item.facts["machine"], "role": item.facts["role"], "span": span}


def _circuit_of(login: ApiLogin) -> str | None:
    """Return the name of a login's circuit; None where it is not complete: nothing was called with it."""
    try:
        return key_of(login)
    except BadApiLogin:
        return None
