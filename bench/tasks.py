"""The other way to drain the inbox, to compare with: a job for each event.

Does what the hub's worker does for one event, through the same handler, and nothing that is not
needed: no claiming (the queue hands out each job once), no partition, no falling back.
"""

from dataclasses import fields

from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils import timezone
from procrastinate.contrib.django import app

from core.jobs.scheduling import TIMETABLE
from iiko_client.json_reader import loads
from webhooks.models.inbox import EventStatus, WebhookEvent
from webhooks.processing.handlers import HANDLERS
from webhooks.processing.handlers.base import Claimed, EventResult

QUEUE = "bench"

# The hub's own tasks of the clock would be queued, and charged, in between.
TIMETABLE.periodic_tasks.clear()


@app.task(queue=QUEUE)
def apply_event(event_pk: int) -> None:
    with transaction.atomic():
        event = (
            WebhookEvent.objects.filter(pk=event_pk, status=EventStatus.PENDING)
            .defer("payload", "raw_body")
            .annotate(text=Cast("payload", TextField()))
            .get()
        )
        text: str = getattr(event, "text")  # noqa: B009  # an annotation that the type checker does not see
        now = timezone.now()
        names = [each.name for each in fields(Claimed) if each.name != "payload"]
        claimed = Claimed(**{name: getattr(event, name) for name in names}, payload=loads(text))
        result = HANDLERS[event.event_type]([claimed], now)[event.pk]
        _end(event, result)


def _end(event: WebhookEvent, result: EventResult) -> None:
    WebhookEvent.objects.filter(pk=event.pk).update(
        status=result.status,
        reason=result.reason,
        processing_error=result.error,
        notes=list(result.notes),
        order_id=result.order_id,
        attempts=event.attempts + 1,
        processed_at=timezone.now(),
    )
