"""Shifts of a restaurant's people."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from organizations.fields import StampField
from organizations.models.organization import organization_key


class ShiftQuerySet(models.QuerySet["Shift"]):
    def open(self) -> ShiftQuerySet:
        """Keep those that last now, as far as iiko has reported."""
        return self.filter(is_open=True)


class Shift(models.Model):
    """A shift of somebody at a terminal group, made of iiko's two messages: opened, closed.

    Either may be missing. A shift whose opening is followed by another opening has no known end
    (``closed_at`` null, not open); one of a closing alone has no known beginning (``opened_at`` null).
    Written by ``shifts.pairing``, which makes the same rows of the same messages in any order.
    """

    organization = organization_key("shifts", db_index=False)
    terminal_group_id = models.CharField(_("terminal group"), max_length=200)
    employee_id = models.CharField(_("employee"), max_length=200)
    opening_role_id = models.CharField(_("role at the opening"), max_length=200, blank=True)
    closing_role_id = models.CharField(_("role at the closing"), max_length=200, blank=True)
    opened_at = models.DateTimeField(_("opened at"), null=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)
    is_open = models.BooleanField(_("on shift"))
    began_at = models.DateTimeField(
        _("began"), help_text=_("The first that is known of it: its opening, else its closing.")
    )
    updated_at = StampField(_("updated"), auto_now=True)

    objects = ShiftQuerySet.as_manager()

    class Meta:
        db_table = "shifts"
        ordering = ("-began_at", "-id")
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")
        constraints = [
            models.UniqueConstraint(
                fields=("organization", "employee_id", "terminal_group_id", "began_at"),
                name="shifts_one_at_a_time",
            )
        ]
        indexes = [
            models.Index("organization", "employee_id", name="shifts_open", condition=Q(is_open=True)),
            models.Index(F("began_at"), F("id"), name="shifts_began"),
            models.Index("organization", "began_at", "id", name="shifts_organization"),
            models.Index("employee_id", "began_at", name="shifts_employee"),
        ]

    def __str__(self) -> str:
        return getattr(self, "employee_name", None) or self.employee_id

    @property
    def role_id(self) -> str:
        return self.opening_role_id or self.closing_role_id

    def span(self, now: datetime) -> timedelta | None:
        """Return how long it lasted, or lasts; None where an end is not known."""
        end = now if self.is_open else self.closed_at
        return None if self.opened_at is None or end is None else max(end - self.opened_at, timedelta())
