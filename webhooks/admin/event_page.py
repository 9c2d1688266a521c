"""Everything the page of one event shows, ready for its template."""

from datetime import UTC, datetime, tzinfo
from typing import Any

from django.db.models import TextField, functions
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from core.admin.trace_link import trace_link
from core.display import EMPTY, clock
from core.redaction import MASK
from orders.admin.command_display import command_text, state_badge, title_text
from orders.models.command import OrderCommand
from organizations.admin.filters import ORGANIZATION_PARAMETER
from organizations.models.organization import Organization
from webhooks.admin import display
from webhooks.event_subjects import STOP_LIST, hall_row_of, shift_of
from webhooks.masking import masked_payload, masked_words
from webhooks.models.inbox import EventStatus, Reason, WebhookEvent

REPLAYS_SHOWN = 20
COLLAPSED_FROM = 20_000
"""A payload of so many characters is shown folded."""

Fact = tuple[str, object]


def event_page(
    event: WebhookEvent, *, shows_people: bool, sees_commands: bool, now: datetime
) -> dict[str, Any]:
    """Collect what the template shows; a few queries, one or two more where it is about no delivery."""
    page = _Page(event, now, shows_people=shows_people)
    payload, raw = _content(event, shows_people=shows_people)
    return {
        "badge": display.status_badge(event),
        "subject": page.subject(),
        "headline": page.headline(),
        "notices": page.notices(),
        "facts": page.facts(),
        "payload": None if payload is None else display.payload_html(payload),
        "payload_size": filesizeformat(len((payload or "").encode())),
        "is_payload_cut": payload is not None and len(payload) > display.LONGEST_PAYLOAD,
        "is_payload_folded": payload is not None and len(payload) > COLLAPSED_FROM,
        "raw": None if raw is None else display.raw_text(raw),
        "raw_size": filesizeformat(len(raw or b"")),
        "replays": page.replays(),
        "commands": page.commands() if sees_commands else [],
        "is_replayable": is_replayable(event, has_payload=payload is not None),
    }


def is_replayable(event: WebhookEvent, *, has_payload: bool) -> bool:
    return has_payload or event.replay_of_id is not None


def payload_text(event: WebhookEvent, *, shows_people: bool) -> str | None:
    return _content(event, shows_people=shows_people)[0]


def _content(event: WebhookEvent, *, shows_people: bool) -> tuple[str | None, bytes | None]:
    # As text: numbers beyond a float's reach must not change on their way to the page.
    row = (
        WebhookEvent.objects.filter(pk=event.pk)
        .annotate(payload_as_text=functions.Cast("payload", TextField()))
        .values_list("payload_as_text", "raw_body")
        .get()
    )
    text, raw = row
    if shows_people:
        return text, None if raw is None else bytes(raw)
    return None if text is None else masked_payload(text), None if raw is None else MASK.encode()


class _Page:
    def __init__(self, event: WebhookEvent, now: datetime, *, shows_people: bool) -> None:
        self._event = event
        self._shows_people = shows_people
        self._now = now
        self._organization = Organization.objects.filter(iiko_id=event.organization_id).first()
        self._zone: tzinfo = self._organization.zone() if self._organization else UTC

    def clock(self, moment: datetime | None) -> SafeString:
        return clock(moment, self._zone, now=self._now, seconds=True, with_offset=True)

    def headline(self) -> list[Fact]:
        event = self._event
        restaurant = self._organization.name if self._organization else event.organization_id
        return [
            (_("Received"), self.clock(event.received_at)),
            (_("Restaurant"), restaurant or EMPTY),
            (_("Source"), str(event.get_source_display())),
            (_("Repeats"), str(event.duplicates)),
            (_("Outcome"), display.reason_text(event) or str(event.get_status_display())),
        ]

    def subject(self) -> dict[str, object] | None:
        """Describe the event's subject where it is no delivery: a row, or the restaurant's stop lists."""
        event = self._event
        if event.event_type == STOP_LIST and self._organization is not None:
            query = {ORGANIZATION_PARAMETER: event.organization_id}
            return {
                "title": _("Stop lists"),
                "row": self._organization,
                "permission": "organizations.view_stoplistitem",
                "url": reverse("admin:organizations_stoplistitem_changelist", query=query),
            }
        row = hall_row_of(event) or shift_of(event)
        if row is None:
            return None
        meta = row._meta
        return {
            "title": capfirst(str(meta.verbose_name)),
            "row": row,
            "permission": f"{meta.app_label}.view_{meta.model_name}",
            "url": reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk]),
        }

    def notices(self) -> list[tuple[str, str, str]]:
        """List what needs attention: severity, title, text."""
        event = self._event
        notices = []
        if not self._shows_people:
            words = _("You may not see personal data. What may hold any is left out here.")
            notices.append(("info", _("Personal data is hidden"), words))
        if event.status == EventStatus.FAILED:
            title = _("Could not be applied; the hub will try again")
            notices.append(("warn", title, self.quoted(event.processing_error)))
        elif event.status == EventStatus.DEAD:
            title = _("Could not be applied, and will not be tried again. Replay it once the cause is gone")
            notices.append(("bad", title, self.quoted(event.processing_error)))
        elif event.processing_error:
            notices.append(
                ("info", display.reason_text(event) or _("Error"), self.quoted(event.processing_error))
            )
        if event.reason == Reason.UNKNOWN_ORGANIZATION:
            title = _("Nobody has set up this restaurant here")
            words = _("Add it with this iiko id, then replay the event: %(id)s") % {
                "id": event.organization_id
            }
            notices.append(("warn", title, words))
        if event.notes:
            title = _("Remarks on its content")
            notices.append(("warn", title, "; ".join(self.quoted(str(note)) for note in event.notes)))
        return notices

    def quoted(self, words: str) -> str:
        return words if self._shows_people else masked_words(words)

    def facts(self) -> list[Fact]:
        event = self._event
        facts: list[Fact] = [
            (_("Type"), display.type_text(event.event_type)),
            (_("Format"), event.get_format_display()),
            (_("Event time, by iiko"), self.clock(event.event_time) if event.event_time else None),
            (_("Ended"), self.clock(event.processed_at) if event.processed_at else None),
            (_("Next attempt"), self.clock(event.next_attempt_at) if event.next_attempt_at else None),
            (_("Attempts"), event.attempts),
            (_("Revision"), event.revision),
            (_("Restaurant's iiko id"), event.organization_id),
            (_("Order or other entity"), event.entity_key),
            (_("External order id"), event.order_external_id),
            (_("Correlation id"), event.correlation_id),
            (_("Trace"), trace_link(event.trace_id)),
        ]
        return [(title, value) for title, value in facts if value not in (None, "")]

    def commands(self) -> list[dict[str, object]]:
        """List the commands that this event confirmed."""
        confirmed = OrderCommand.objects.filter(confirmed_event_id=self._event.pk)
        return [
            {
                "title": title_text(command.kind),
                "words": command_text(command, now=self._now),
                "badge": state_badge(command.state),
                "by": command.requested_by,
                "command": command,
                "url": reverse("admin:orders_ordercommand_change", args=[command.pk]),
            }
            for command in confirmed.select_related("order__organization").order_by("id")
        ]

    def replays(self) -> list[dict[str, object]]:
        newest = (
            self._event.replays.order_by("-id")
            .only("replay_of", "event_type", "format", "status", "reason", "received_at")
            .all()[:REPLAYS_SHOWN]
        )
        return [
            {
                "event": replay,
                "url": reverse("admin:webhooks_webhookevent_change", args=[replay.pk]),
                "received": self.clock(replay.received_at),
                "badge": display.status_badge(replay),
                "reason": display.reason_text(replay),
            }
            for replay in newest
        ]
