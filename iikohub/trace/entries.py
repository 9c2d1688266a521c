"""What belongs to a trace, of every kind, in the order of time; to each what they may see elsewhere."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from audit.acts import words_of
from audit.models import AuditEntry
from core.access import AnyUser, visible_to
from core.display import EMPTY, Text
from core.privacy.rights import sees_guests
from iikohub.admin.audit_entries import outcome_badge as audit_badge
from loyalty.admin import display as loyalty_display
from loyalty.models import LoyaltyOperation
from orders.admin import command_display
from orders.models.command import OrderCommand
from organizations.admin.calls import outcome_badge as call_badge
from organizations.models.connection import CALL_BODIES, ApiCall
from outbound.admin.display import state_badge as delivery_badge
from outbound.events.catalogue import title_of
from outbound.models.deliveries import Delivery
from webhooks.admin import display as event_display
from webhooks.models.inbox import WebhookEvent

MOST_OF_A_KIND = 200
"""A job may bring in thousands of events; the first are shown."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the page. ``words`` hold nothing of a guest; ``organization_id`` says on whose clock."""

    at: datetime
    kind: Text
    title: Text
    badge: SafeString
    words: str
    organization_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A table with rows of a trace: by which right it is shown, which rows, and how one is shown."""

    permission: str
    rows: Callable[[UUID, bool], QuerySet[Any]]
    """Of a trace; whether the person may see guests."""
    entry: Callable[..., Entry]


def _event(event: WebhookEvent) -> Entry:
    return Entry(
        event.received_at,
        _("Event"),
        event_display.type_text(event.event_type),
        event_display.status_badge(event),
        str(event.get_source_display()),
        event.organization_id,
        reverse("admin:webhooks_webhookevent_change", args=[event.pk]),
    )


def _command(command: OrderCommand) -> Entry:
    shown_by = command.confirmed_event_id
    words = [str(command.order)]
    words += [_("confirmed by event %(number)s") % {"number": shown_by}] if shown_by else []
    return Entry(
        command.created_at,
        _("Command"),
        command_display.title_text(command.kind),
        command_display.state_badge(command.state),
        ", ".join(words),
        command.order.organization_id,
        reverse("admin:orders_ordercommand_change", args=[command.pk]),
    )


def _operation(operation: LoyaltyOperation) -> Entry:
    return Entry(
        operation.created_at,
        _("Loyalty operation"),
        operation.get_kind_display(),
        loyalty_display.state_badge(operation),
        f"#{operation.pk}",
        operation.organization_id,
        reverse("admin:loyalty_loyaltyoperation_change", args=[operation.pk]),
    )


def _call(call: ApiCall) -> Entry:
    return Entry(
        call.started_at,
        _("Call to iiko"),
        call.operation,
        call_badge(call),
        _("%(count)d ms") % {"count": call.duration_ms},
        call.organization_id,
        reverse("admin:organizations_apicall_change", args=[call.pk]),
    )


def _delivery(delivery: Delivery) -> Entry:
    return Entry(
        delivery.created_at,
        _("Outbound webhook"),
        title_of(delivery.event_type),
        delivery_badge(delivery),
        delivery.subscription.name,
        delivery.organization_id or "",
        reverse("admin:outbound_delivery_change", args=[delivery.pk]),
    )


def _audit_entry(entry: AuditEntry) -> Entry:
    return Entry(
        entry.at,
        _("Audit log"),
        capfirst(str(words_of(entry.act))),
        audit_badge(entry),
        entry.actor,
        entry.organization_iiko_id,
        reverse("admin:audit_auditentry_change", args=[entry.pk]),
    )


_LISTED_EVENT = ("event_type", "status", "reason", "source", "organization_id", "received_at")

KINDS: tuple[Kind, ...] = (
    Kind(
        "webhooks.view_webhookevent",
        lambda trace_id, _people: WebhookEvent.objects.of_trace(trace_id).only(*_LISTED_EVENT),
        _event,
    ),
    Kind(
        "orders.view_ordercommand",
        lambda trace_id, people: (
            OrderCommand.objects.shown(people=people).filter(trace_id=trace_id).select_related("order")
        ),
        _command,
    ),
    Kind(
        "loyalty.view_loyaltyoperation",
        lambda trace_id, people: LoyaltyOperation.objects.shown(people=people).filter(trace_id=trace_id),
        _operation,
    ),
    Kind(
        "organizations.view_apicall",
        lambda trace_id, _people: ApiCall.objects.filter(trace_id=trace_id).defer(*CALL_BODIES),
        _call,
    ),
    Kind(
        "outbound.view_delivery",
        lambda trace_id, _people: Delivery.objects.filter(event__trace_id=trace_id).select_related(
            "subscription"
        ),
        _delivery,
    ),
    Kind(
        "audit.view_auditentry",
        lambda trace_id, _people: AuditEntry.objects.filter(trace_id=trace_id),
        _audit_entry,
    ),
)


def shown_kinds(user: AnyUser) -> list[Kind]:
    return [kind for kind in KINDS if user.has_perm(kind.permission)]


def entries_of(trace_id: UUID, user: AnyUser) -> tuple[list[Entry], bool]:
    """Return what a person may see of a trace, the oldest first, and whether some of it was left out."""
    found: list[Entry] = []
    is_cut = False
    for kind in shown_kinds(user):
        rows = visible_to(user, kind.rows(trace_id, sees_guests(user))).order_by("pk")[: MOST_OF_A_KIND + 1]
        entries = [kind.entry(row) for row in rows]
        is_cut |= len(entries) > MOST_OF_A_KIND
        found += entries[:MOST_OF_A_KIND]
    return sorted(found, key=lambda entry: entry.at), is_cut


def restaurants_of(entries: Iterable[Entry]) -> set[str]:
    return {entry.organization_id for entry in entries} - {"", EMPTY}
