"""What is wrong with what was asked of iiko for an order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from django.db.models import QuerySet
from django.utils.translation import gettext as _, gettext_lazy

from attention.models.items import AttentionItem, Severity
from attention.rules.base import SECOND, Finding, NextStep, Rule, moments_of
from attention.rules.orders import NAMING, order_step
from orders.commands.refusals import meaning
from orders.models.command import CommandKind, CommandState, OrderCommand


class CommandRule(Rule):
    permission = "orders.view_ordercommand"

    def finding(self, command: OrderCommand, since: datetime, **facts: object) -> Finding:
        return Finding(
            subject=f"command:{command.pk}",
            since=since,
            organization_id=command.order.organization_id,
            order_id=command.order_id,
            command_id=command.pk,
            facts={
                "order": str(command.order),
                "kind": command.kind,
                "requested_by": command.requested_by,
                **facts,
            },
        )

    def next_step(self, item: AttentionItem) -> NextStep | None:
        return None if item.order_id is None else order_step(item.order_id)


class CommandWaits(CommandRule):
    """iiko has not said what became of a command."""

    name = "command_waits"
    title = gettext_lazy("Action without an answer")
    severity = Severity.WARNING
    limit = 60
    step = SECOND

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        for command in _with_order(OrderCommand.objects.open().filter(created_at__lte=now - shortest)):
            yield self.finding(command, command.created_at)

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        words = _("Order %(order)s: “%(what)s” has no answer since %(since)s.")
        return _filled(words, item, moments_of(item, now=now, zone=zone))


class CommandRefused(CommandRule):
    """A command was refused or not done in time; until it is acknowledged, for a day at most."""

    name = "command_refused"
    title = gettext_lazy("Action refused")
    severity = Severity.CRITICAL

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        for command in _with_order(OrderCommand.objects.failed_lately(now)):
            yield self.finding(
                command, command.finished_at or now, state=str(command.state), code=command.error_code
            )

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        is_expired = item.facts["state"] == CommandState.EXPIRED
        words = (
            _("Order %(order)s: “%(what)s” was not done in time.")
            if is_expired
            else _("Order %(order)s: “%(what)s” was refused.")
        )
        return _told(item, words)


class CommandAttention(CommandRule):
    """The hub can do nothing more for a command: a person decides."""

    name = "command_attention"
    title = gettext_lazy("Action needs a decision")
    severity = Severity.CRITICAL

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        for command in _with_order(OrderCommand.objects.unsettled_lately(now)):
            yield self.finding(command, command.finished_at or now, code=command.error_code)

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        return _told(item, _("Order %(order)s: “%(what)s” needs a decision."))


def _with_order(commands: QuerySet[OrderCommand]) -> QuerySet[OrderCommand]:
    named = [f"order__{name}" for name in NAMING]
    fields = ("kind", "state", "error_code", "requested_by", "created_at", "finished_at", "order_id")
    return commands.select_related("order").only(*fields, *named).order_by()


def _filled(words: str, item: AttentionItem, moments: dict[str, str]) -> str:
    kind = item.facts["kind"]
    what = str(CommandKind(kind).label) if kind in CommandKind.values else kind
    return words % {"order": item.facts["order"], "what": what, **moments}


def _told(item: AttentionItem, words: str) -> str:
    """Say what happened, why as far as the hub has words for it, and who asked for it."""
    told = [_filled(words, item, {})]
    if (known := meaning(item.facts["code"])) is not None:
        told.append(known.detail({}))
    if item.facts["requested_by"]:
        told.append(_("Requested by %(requested_by)s.") % item.facts)
    return " ".join(told)
