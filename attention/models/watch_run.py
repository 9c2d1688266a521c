"""When the rules were last looked at, so that whoever shows the list can tell that it is old.

A worker cannot report that no worker runs: pages, the API and metrics ask here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models

STILL_AFTER = timedelta(seconds=30)
"""The watch looks every five seconds."""


class WatchRun(models.Model):
    """The last pass of ``attention.watch``; one row. ``failed`` are the rules that could not be looked at."""

    at = models.DateTimeField()
    failed = models.JSONField(default=list)

    class Meta:
        db_table = "attention_watch"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"


@dataclass(frozen=True, slots=True)
class WatchState:
    """``last_at`` is None before the first pass. ``failed_rules`` show what they found earlier."""

    last_at: datetime | None
    is_standing_still: bool
    """Nobody looks: no worker runs, or none gets to it. What the list says is as old as ``last_at``."""
    failed_rules: tuple[str, ...] = ()


def watch_state(now: datetime) -> WatchState:
    """Say whether the list can be believed; one query."""
    run = WatchRun.objects.first()
    if run is None:
        return WatchState(None, is_standing_still=True)
    return WatchState(run.at, now - run.at > STILL_AFTER, tuple(run.failed))
