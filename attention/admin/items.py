"""The archive of the attention list: what was found, and what people did with it. Read-only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from attention.access import rules_for
from attention.models.items import Act, AttentionEntry, AttentionItem, Severity
from attention.rules.registry import RULES
from attention.states import State, in_state
from attention.words import next_step_of, sentence_of, title_of, with_holder, zone_of
from core.admin.base import Context, MirrorAdmin
from core.admin.filters import Choice, Rows, States, choices_filter, state_choices, states_filter
from core.database import db_clock
from core.display import EMPTY, badge, clock
from core.privacy.rights import sees_guests
from organizations.admin.filters import moment_range_filter, restaurant_filter
from organizations.admin.zones import has_many_zones

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class Holder(TypedDict):
    """What ``with_holder`` adds to an item."""

    holder: str | None


_BEGAN = pgettext_lazy("attention", "began")
_BADGES = {Severity.INFO: "pending", Severity.WARNING: "problem", Severity.CRITICAL: "refused"}


def _rows_in(state: str) -> Callable[[Rows], Rows]:
    return lambda items: items.filter(in_state(state, db_clock.now()))


STATES: States = {state.value: (state.label, _rows_in(state.value)) for state in State}


def rule_choices(request: HttpRequest) -> list[Choice]:
    """Offer the rules whose findings the person may see."""
    seen = rules_for(request.user)
    return [(rule.name, str(rule.title)) for rule in RULES if rule.name in seen]


@admin.register(AttentionItem)
class AttentionItemAdmin(MirrorAdmin[AttentionItem]):
    list_display = ("what", "severity_badge", "restaurant", "began", "ended", "holder")
    list_filter = (
        states_filter(STATES),
        choices_filter(_("rule"), "rule", rule_choices),
        choices_filter(_("severity"), "severity", [(str(value), text) for value, text in Severity.choices]),
        restaurant_filter(),
        moment_range_filter(_("found"), "opened", "opened_at"),
    )
    sortable_by = ("began", "ended")
    ordering = ("-id",)
    fields = ()
    change_form_template = "admin/attention/item.html"
    empty_words = _("Nothing has needed attention yet.")
    quick_choices = state_choices(STATES)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AttentionItem]:
        seen = super().get_queryset(request).filter(rule__in=rules_for(request.user))
        return with_holder(seen).select_related("organization")

    def page_context(self, request: HttpRequest, row: AttentionItem) -> Context:
        now = db_clock.now()
        lines = [
            (self._clock(one.at, row, seconds=True), Act(one.act).label, one.actor or _("the hub"), one.note)
            for one in AttentionEntry.objects.shown(people=sees_guests(request.user)).filter(item=row)
        ]
        return {
            "title": sentence_of(row, now),
            "badge": self.severity_badge(row),
            "headline": self._headline(row),
            "step": next_step_of(row, request.user),
            "lines": lines,
        }

    def _headline(self, row: AttentionItem) -> list[tuple[str, str]]:
        found = [
            (_("Rule"), title_of(row)),
            (_("Restaurant"), self.restaurant(row)),
            (capfirst(_BEGAN), self.began(row)),
            (capfirst(_("ended")), self.ended(row)),
        ]
        return [(str(title), str(value)) for title, value in found if value != EMPTY]

    def _clock(self, moment: datetime | None, row: AttentionItem, *, seconds: bool = False) -> SafeString:
        has_offset = row.organization is None or has_many_zones()
        return clock(moment, zone_of(row), now=db_clock.now(), seconds=seconds, with_offset=has_offset)

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("what"))
    def what(self, row: AttentionItem) -> str:
        return sentence_of(row, db_clock.now())

    @admin.display(description=_("severity"))
    def severity_badge(self, row: AttentionItem) -> SafeString:
        severity = Severity(row.severity)
        return badge(_BADGES[severity], capfirst(str(severity.label)))

    @admin.display(description=_("restaurant"))
    def restaurant(self, row: AttentionItem) -> str:
        return row.organization.name if row.organization is not None else str(_("the hub itself"))

    @admin.display(description=_BEGAN, ordering="since")
    def began(self, row: AttentionItem) -> SafeString:
        return self._clock(row.since, row)

    @admin.display(description=_("ended"), ordering="ended_at")
    def ended(self, row: AttentionItem) -> SafeString:
        return self._clock(row.ended_at, row)

    @admin.display(description=_("taken by"))
    def holder(self, row: WithAnnotations[AttentionItem, Holder]) -> str:
        return (row.holder if row.taken_at is not None else None) or EMPTY
