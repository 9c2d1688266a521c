"""Machines whose clocks are wrong."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

FORGOTTEN_AFTER = timedelta(minutes=3)
"""A running process reports every half minute."""


class ClockSkewQuerySet(models.QuerySet["ClockSkew"]):
    def current(self) -> ClockSkewQuerySet:
        """Keep those reported lately by a running process, the worst first."""
        worst_first = models.functions.Abs("skew_s").desc()
        return self.filter(seen_at__gt=Now() - FORGOTTEN_AFTER).order_by(worst_first)


class ClockSkew(models.Model):
    """A machine whose clock differs from the database's by more than ``db_clock.SKEWED_S``.

    ``role``: the process (web, worker). Written by ``core.database.db_clock``; a right clock has no row.
    """

    host = models.CharField(max_length=200)
    role = models.CharField(max_length=20)
    skew_s = models.FloatField(help_text="Positive: ahead of the database.")
    seen_at = models.DateTimeField()

    objects = ClockSkewQuerySet.as_manager()

    class Meta:
        db_table = "clock_skews"
        constraints = [models.UniqueConstraint(fields=("host", "role"), name="clock_skews_one_per_role")]

    def __str__(self) -> str:
        return f"{self.role} on {self.host}: {self.skew_s:+.0f} s"
