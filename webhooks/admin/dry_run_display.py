"""What a replay would change, for people and for programs.

Nobody is told more of a row than its own page tells: who may not look at orders learns which of their
fields would change, not what they hold.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils import html
from django.utils.translation import gettext as _, ngettext

from core.database.sql_bulk import encode
from core.display import EMPTY, badge, clock_text, field_title, money
from core.privacy.rights import sees_guests, sees_hall_guests
from core.privacy.shown import masks_of
from core.redaction import MASK
from hall.models import HallRow
from iiko_client.models.order_lines import iso
from orders.admin.timeline_display import Change, Words
from orders.mirror.timeline import TRACKED, kept
from orders.models.order import Order
from organizations.admin.filters import ORGANIZATION_PARAMETER
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.stop_lists import StopListGroup, StopListItem
from webhooks.admin.display import type_text
from webhooks.masking import masked_words, sees_people
from webhooks.models.inbox import EventStatus, Reason
from webhooks.replay.dry_run import DryRun, FieldChange, ReplayResult, RowChange

CHANGES_SHOWN = 200
FAILURES_SHOWN = 50
_LONGEST = 300
_PERSONAL = re.compile(
    r"phone|tracking|customer|guest_|tab_name|address|comment|email|card|birth|problem|person|waiter|external_data"
)
# Rows without a page of their own are seen by those who see the page that shows what they are for.
_SHOWN_AS: dict[type[Model], type[Model]] = {StopListGroup: StopListItem}
_NAMED_BY: dict[str, type[Model]] = {"terminal_group_id": TerminalGroup, "employee_id": Courier}

Names = dict[tuple[str, str], str]
"""What an organization's terminal groups and couriers are called, by (organization, id)."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: at which models' rows he may, and whether he is told of people."""

    sees: Callable[[type[Model]], bool]
    sees_people: Callable[[type[Model]], bool]
    sees_errors: bool
    """Whether he is told what an error quotes."""

    def error(self, one: ReplayResult) -> str:
        return one.result.error if self.sees_errors else masked_words(one.result.error)

    def may_see(self, model: type[Model], name: str) -> bool:
        names_people = name in masks_of(model._meta.label) or _PERSONAL.search(name)
        return self.sees(model) and (self.sees_people(model) or not names_people)


def staff(user: User | AnonymousUser) -> Viewer:
    """Build the viewer of a member of staff, by the permissions of each row's page."""

    def sees(model: type[Model]) -> bool:
        meta = _SHOWN_AS.get(model, model)._meta
        return user.has_perm(f"{meta.app_label}.view_{meta.model_name}")

    def shows_people(model: type[Model]) -> bool:
        return sees_hall_guests(user) if issubclass(model, HallRow) else sees_guests(user)

    return Viewer(sees, shows_people, sees_people(user))


EVERYTHING = Viewer(lambda _model: True, lambda _model: True, sees_errors=True)
WITHOUT_PEOPLE = Viewer(lambda _model: True, lambda _model: False, sees_errors=False)


# --- for programs --------------------------------------------------------------------------------------


def as_json(dry_run: DryRun, viewer: Viewer) -> dict[str, object]:
    return {
        "events": dry_run.events,
        "impossible": dry_run.impossible,
        "untried": dry_run.untried,
        "results": [
            {"status": str(status), "reason": reason, "count": count}
            for (status, reason), count in dry_run.ends.most_common()
        ],
        "failures": [
            {"event_id": one.event_id, "error": viewer.error(one)}
            for one in dry_run.failures()[:FAILURES_SHOWN]
        ],
        "changes": [_row_json(change, viewer) for change in dry_run.changes],
    }


def _row_json(change: RowChange, viewer: Viewer) -> dict[str, object]:
    model = type(change.row)

    def plain(value: object, name: str) -> object:
        if not viewer.may_see(model, name):
            return MASK
        return iso(value) if isinstance(value, datetime) else value

    return {
        "kind": model._meta.model_name,
        "id": change.pk,
        "name": str(change.row) if viewer.sees(model) else MASK,
        "organization_id": getattr(change.row, "organization_id", None),
        "change": change.what,
        "fields": [
            {"name": one.name, "from": plain(one.before, one.name), "to": plain(one.after, one.name)}
            for one in change.fields
        ],
    }


# --- for people ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DisplayedRow:
    """A row's changes in words. ``url`` leads to its page where there is one."""

    kind: str
    title: str
    url: str
    what: str
    changes: list[Change]


def displayed_rows(changes: list[RowChange], viewer: Viewer, *, now: datetime) -> list[DisplayedRow]:
    """Put every change in words; for a page take those of ``CHANGES_SHOWN`` rows."""
    ids = {getattr(change.row, "organization_id", None) for change in changes} - {None}
    organizations = {one.iiko_id: one for one in Organization.objects.filter(iiko_id__in=ids)}
    names = _names(ids, changes)
    displayed = []
    for change in changes:
        organization = organizations.get(getattr(change.row, "organization_id", ""))
        displayed.append(_RowDisplay(change, organization, names, viewer, now).displayed())
    return displayed


def _names(organization_ids: set[Any], changes: list[RowChange]) -> Names:
    names: Names = {}
    for column, model in _NAMED_BY.items():
        ids = {getattr(change.row, column, None) for change in changes}
        ids |= {one.before for change in changes for one in change.fields if one.name == column}
        known = model._default_manager.filter(organization_id__in=organization_ids, iiko_id__in=ids - {None})
        rows = known.values_list("organization_id", "iiko_id", "name")
        names |= {(owner, ident): name for owner, ident, name in rows if name}
    return names


class _RowDisplay:
    """Puts the changes of one row in words; an order's as its timeline would."""

    def __init__(
        self,
        change: RowChange,
        organization: Organization | None,
        names: Names,
        viewer: Viewer,
        now: datetime,
    ) -> None:
        self._change = change
        self._row = change.row
        self._model = type(change.row)
        self._organization = organization
        self._names = names
        self._viewer = viewer
        self._now = now
        self._currency = organization.currency if organization else ""
        self._zone = organization.zone() if organization else UTC

    def displayed(self) -> DisplayedRow:
        title = self._named(str(self._row)) if self._viewer.sees(self._model) else MASK
        if self._organization is not None:
            title = f"{title}, {self._organization.name}"
        told = (one for one in self._change.fields if one.name != "organization_id")  # the title names it
        kind = str(self._model._meta.verbose_name)
        return DisplayedRow(kind, title, self._url(), self._what(), [self._field(one) for one in told])

    def _what(self) -> str:
        if isinstance(self._row, StopListGroup):
            return _("would be read from iiko")
        if self._change.what == "new":
            return _("would be made")
        if self._change.what == "gone":
            is_order = isinstance(self._row, Order)
            return _("would be joined with another row") if is_order else _("would be removed")
        return ""

    def _url(self) -> str:
        if not self._viewer.sees(self._model):
            return ""
        if isinstance(self._row, StopListGroup):
            query = {ORGANIZATION_PARAMETER: self._row.organization_id}
            return reverse("admin:organizations_stoplistitem_changelist", query=query)
        if self._change.pk is None:
            return ""
        meta = self._model._meta
        try:
            return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[self._change.pk])
        except NoReverseMatch:
            return ""

    def _field(self, one: FieldChange) -> Change:
        if not self._viewer.may_see(self._model, one.name):
            return Change(field_title(self._model, one.name), MASK, MASK)
        if self._model is Order and one.name in TRACKED:
            words = Words(self._currency, self._zone, self._now)
            return words.change_of(one.name, kept(one.name, one.before), kept(one.name, one.after))
        before, after = (self._words(one.name, value) for value in (one.before, one.after))
        return Change(field_title(self._model, one.name), before, after)

    def _named(self, text: str) -> str:
        """Return the name behind an id, where one is known."""
        return self._names.get((getattr(self._row, "organization_id", ""), text), text)

    def _words(self, name: str, value: Any) -> str:  # noqa: ANN401  # of any column
        if value is None or value in ("", [], {}):
            return EMPTY
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if name.endswith("_minor"):
            return money(value, self._currency)
        if isinstance(value, datetime):
            return clock_text(value, self._zone, now=self._now, seconds=True)
        if isinstance(value, str) and name in _NAMED_BY:
            return self._named(value)
        choices = dict(getattr(self._model._meta.get_field(name), "flatchoices", ()))
        text = str(choices.get(value, value)) if isinstance(value, str | int) else encode(value)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _reason(reason: str) -> str:
    return str(Reason(reason).label) if reason in Reason.values else reason


def shown(dry_run: DryRun, viewer: Viewer, *, now: datetime) -> dict[str, object]:
    """Everything the page of a dry run shows."""
    failures = dry_run.failures()
    return {
        "results": [
            {
                "count": count,
                "badge": badge(status, str(EventStatus(status).label)),
                "reason": _reason(reason),
            }
            for (status, reason), count in dry_run.ends.most_common()
        ],
        "rows": displayed_rows(dry_run.changes[:CHANGES_SHOWN], viewer, now=now),
        "rows_left_out": max(0, len(dry_run.changes) - CHANGES_SHOWN),
        "failures": [
            (one.event_id, type_text(one.event_type), viewer.error(one)) for one in failures[:FAILURES_SHOWN]
        ],
        "failures_left_out": max(0, len(failures) - FAILURES_SHOWN),
        "untried": dry_run.untried,
    }


# --- for a terminal ------------------------------------------------------------------------------------


def lines(part: DryRun, viewer: Viewer, *, now: datetime, each_event: bool = False) -> Iterator[str]:
    """Yield the changes of a part, row by row, then its failures (or how each event would end)."""
    for row in displayed_rows(part.changes, viewer, now=now):
        yield f"{row.kind} {row.title}" + (f": {row.what}" if row.what else "")
        for change in row.changes:
            before, after = (unescape(html.strip_tags(str(one))) for one in (change.before, change.after))
            yield f"  {change.title}: {change.note or f'{before or EMPTY} → {after}'}"
    for one in part.results if each_event else ():
        ends = (EventStatus(one.result.status).label, _reason(str(one.result.reason)), viewer.error(one))
        told = ", ".join(str(text) for text in ends if text)
        yield f"#{one.event_id} {type_text(one.event_type)}: {told}"
    for one in () if each_event else part.failures():
        told_of = {"id": one.event_id, "error": viewer.error(one)}
        yield _("event %(id)d would fail: %(error)s") % told_of


def summary(whole: DryRun) -> str:
    """Describe the whole in a few sentences."""
    told = ngettext("%(count)d event would be replayed", "%(count)d events would be replayed", whole.events)
    ends = [
        f"{EventStatus(status).label} {count}" + (f" ({_reason(reason)})" if reason else "")
        for (status, reason), count in whole.ends.most_common()
    ]
    sentences = [told % {"count": whole.events} + (f": {', '.join(ends)}." if ends else ".")]
    if whole.untried:
        sentences.append(_("Too large to be tried here: %(count)d.") % {"count": whole.untried})
    if whole.impossible:
        sentences.append(_("Cannot be replayed: %(count)d.") % {"count": whole.impossible})
    sentences.append(_("Rows that would change: %(count)d.") % {"count": whole.rows})
    return " ".join(sentences)
