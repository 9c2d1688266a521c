"""Shifts in the admin: who is on shift now, and who was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _

from core.admin.filters import States, state_choices, states_filter
from core.database import db_clock
from core.display import EMPTY, badge, span_text, stacked
from organizations.admin.current_lists import (
    CurrentListAdmin,
    Named,
    exported_moment,
    group_text,
    whole_minutes,
)
from organizations.admin.filters import GroupOfRestaurantFilter, moment_range_filter, restaurant_filter
from organizations.admin.zones import moment_text
from organizations.models.shifts import Shift
from organizations.name_annotations import employee_named, with_employee_names

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

SHIFT_STATES: States = {
    "": (_("On shift now"), lambda shifts: shifts.filter(is_open=True)),
    "ended": (_("Ended"), lambda shifts: shifts.filter(is_open=False)),
    "all": (_("All"), lambda shifts: shifts),
}

LONG = timedelta(hours=24)
"""The closing of an open shift as long as this may not have arrived. The limit is our guess."""


class NamedShift(Named):
    employee_name: str | None


def employee_text(shift: WithAnnotations[Shift, NamedShift]) -> str:
    return str(shift.employee_name or shift.employee_id)


def state_text(shift: Shift) -> str:
    if shift.is_open:
        return gettext("on shift")
    return gettext("ended") if shift.closed_at is not None else gettext("its end is not known")


@admin.register(Shift)
class ShiftAdmin(CurrentListAdmin[Shift]):
    quick_choices = state_choices(SHIFT_STATES)
    named = "employee"
    by_name = staticmethod(employee_named)
    list_display = ("employee", "state", "group", "opened", "closed", "lasted")
    list_filter = (
        states_filter(SHIFT_STATES),
        restaurant_filter(),
        GroupOfRestaurantFilter,
        moment_range_filter(_("began"), "began", "began_at"),
    )
    list_before_template = "admin/organizations/shift/above_list.html"
    change_form_after_template = "admin/organizations/shift/events.html"
    search_fields = ("employee_id",)  # shows the box; see search_rows
    search_help_text = _("A part of the name, or iiko's id")
    empty_words = _(
        "Nobody is on shift, as far as iiko has reported. It reports when a shift is opened or closed."
    )
    fields = ("employee", "identifier", "role", "state", "group", "opened", "closed", "lasted")
    export_name = "shifts"
    export_columns = (
        (_("Restaurant"), lambda shift: shift.organization.name),
        (_("Terminal group"), group_text),
        (_("Employee"), employee_text),
        (_("Role"), lambda shift: shift.role_id),
        (_("State"), state_text),
        (_("Opened at"), lambda shift: exported_moment(shift.opened_at, shift)),
        (_("Closed at"), lambda shift: exported_moment(shift.closed_at, shift)),
        (_("Minutes"), lambda shift: whole_minutes(shift.span(db_clock.now()))),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Shift]:
        return with_employee_names(super().get_queryset(request))

    # --- columns -----------------------------------------------------------------------------------------

    @admin.display(description=_("employee"))
    def employee(self, shift: WithAnnotations[Shift, NamedShift]) -> SafeString:
        name = shift.employee_name
        return stacked(name or shift.employee_id, "" if name else gettext("not among the couriers"))

    @admin.display(description=_("iiko id"))
    def identifier(self, shift: Shift) -> str:
        return shift.employee_id

    @admin.display(description=_("role"))
    def role(self, shift: Shift) -> str:
        return shift.role_id or EMPTY

    @admin.display(description=_("state"))
    def state(self, shift: Shift) -> SafeString:
        if shift.is_open:
            span = shift.span(db_clock.now())
            if span is not None and span > LONG:
                return badge(
                    "problem",
                    gettext("on shift"),
                    gettext("For so long? The report of its closing may be missing."),
                )
            return badge("on", gettext("on shift"))
        return badge("off" if shift.closed_at else "problem", state_text(shift))

    @admin.display(description=_("opened at"))
    def opened(self, shift: WithAnnotations[Shift, NamedShift]) -> SafeString:
        if shift.opened_at is None:
            return SafeString(gettext("not known"))
        return moment_text(shift.opened_at, shift)

    @admin.display(description=_("closed at"))
    def closed(self, shift: WithAnnotations[Shift, NamedShift]) -> SafeString:
        if shift.closed_at is None and not shift.is_open:
            return SafeString(gettext("not known"))
        return moment_text(shift.closed_at, shift)

    @admin.display(description=_("how long"))
    def lasted(self, shift: Shift) -> str:
        span = shift.span(db_clock.now())
        return EMPTY if span is None else span_text(span)
