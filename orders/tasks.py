"""What a worker does for commands later; thin wrappers over the services."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from procrastinate.contrib.django import app

from orders.command_models import OrderCommand
from orders.services import carrying, commands
from organizations.jobs import scheduled


@app.task(name="orders.advance_command", queue="commands")
def advance_command(command_id: int) -> None:
    """Take a step of a command and come again for the next."""
    due = carrying.advance(command_id, clock=timezone.now)
    if due is not None:
        enqueue(command_id, due)


def enqueue(command_id: int, at: datetime | None = None) -> None:
    """Let a worker take the next step of a command, now or later; within the present transaction."""
    is_now = at is None or at <= timezone.now()
    advance_command.configure(schedule_at=None if is_now else at).defer(command_id=command_id)


@scheduled("* * * * *", at_start=True)
def wake_commands() -> None:
    """Call commands whose worker died, and forget old idempotency keys."""
    late = timezone.now() - timedelta(seconds=30)
    stuck = OrderCommand.objects.open().filter(
        Q(held_until__lt=late) | Q(held_until__isnull=True, created_at__lt=late)
    )
    for command_id in stuck.order_by("id").values_list("pk", flat=True)[:500]:
        enqueue(command_id)
    commands.forget_old_keys(now=timezone.now())
