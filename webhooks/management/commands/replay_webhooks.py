"""Stored events once more."""

from typing import Any

from django.core.management.base import CommandParser

from audit.commands import AuditedCommand
from core.database import db_clock
from core.values.ids import searchable_id
from core.values.moments import moment_option
from iiko_client.models.events import event_type_of
from webhooks.admin.dry_run_display import EVERYTHING, WITHOUT_PEOPLE, Viewer, lines, summary
from webhooks.models.inbox import EventSource, EventStatus, Reason, WebhookEvent, WebhookEventQuerySet
from webhooks.replay import ReplayCount, once_each, replay_all
from webhooks.replay.dry_run import DryRun, dry_run_in_parts


class Command(AuditedCommand):
    help = (
        "Put stored events into the inbox again, oldest first. A worker applies them; what is newer in "
        "the mirror stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--status",
            action="append",
            choices=EventStatus.values,
            default=[],
            help="only events that ended so; repeat for more (default: all)",
        )
        parser.add_argument("--since", help="received at or after: 2026-03-14 or 2026-03-14T18:00, UTC")
        parser.add_argument("--until", help="received before")
        parser.add_argument("--organization", metavar="ID", help="iiko id of the organization")
        parser.add_argument("--type", metavar="NAME", help="event type, e.g. DeliveryOrderUpdate")
        parser.add_argument("--order", metavar="ID", help="an order's id, iiko's or the shop's")
        parser.add_argument("--source", choices=EventSource.values, help="how the events came")
        parser.add_argument("--reason", choices=Reason.values, help="why they changed nothing")
        parser.add_argument("--error", metavar="TEXT", help="whose error holds this text")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="show what would change, field by field; nothing is done. "
            "With --verbosity 2 also how each event would end",
        )
        parser.add_argument(
            "--show-people", action="store_true", help="with --dry-run: phones, names, addresses in full"
        )

    def handle(self, *_: object, dry_run: bool, show_people: bool, verbosity: int, **options: Any) -> None:
        events = self._selection(options)
        if dry_run:
            self._tell(events, EVERYTHING if show_people else WITHOUT_PEOPLE, each=verbosity > 1)
            return
        total = events.count()
        count = ReplayCount()
        for count in replay_all(events):
            done = count.queued + count.waiting + count.impossible
            self.stderr.write(f"{done} of {max(done, total)}")
        self.stdout.write(
            f"Queued {count.queued}, already waiting {count.waiting}, cannot be replayed {count.impossible}."
        )

    def _tell(self, events: WebhookEventQuerySet, viewer: Viewer, *, each: bool) -> None:
        tally, total = DryRun(), events.count()
        for part in dry_run_in_parts(events):
            tally.count(part)
            for line in lines(part, viewer, now=db_clock.now(), each_event=each):
                self.stdout.write(line)
            self.stderr.write(f"{tally.events + tally.impossible} of {total}")
        self.stdout.write(summary(tally))

    def _selection(self, options: dict[str, Any]) -> WebhookEventQuerySet:
        events = once_each(WebhookEvent.objects.all(), statuses=options["status"])
        if options["status"]:
            events = events.filter(status__in=options["status"])
        if options["order"]:
            events = events.of_order(options["order"])
        for name in ("source", "reason"):
            if options[name]:
                events = events.filter(**{name: options[name]})
        if options["error"]:
            events = events.filter(processing_error__icontains=options["error"])
        if options["since"]:
            events = events.filter(received_at__gte=moment_option("--since", options["since"]))
        if options["until"]:
            events = events.filter(received_at__lt=moment_option("--until", options["until"]))
        if options["organization"]:
            events = events.filter(organization_id=searchable_id(options["organization"]))
        if options["type"]:
            events = events.filter(event_type=event_type_of(options["type"]))
        return events
