"""What a replay would change, for people and for programs.

Nobody is told more of a row than its own page tells: who may not look at orders learns which of their
fields would change, not what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Field, Model
from django.urls import NoReverseMatch, reverse
from django.utils.html import strip_tags
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.database.sql_bulk import encode
from core.display import EMPTY, badge, clock_text, money
from core.redaction import MASK
from hall.models import HallRow
from hall.permissions import sees_people as sees_hall_people
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
from webhooks.processing.handlers.base import EventResult
from webhooks.replay.dry_run import DryRun, FieldChange, RowChange

CHANGES_SHOWN = 200
FAILURES_SHOWN = 50
_LONGEST = 300
_PERSONAL = re.compile(
    r"phone|tracking|customer|guest_|tab_name|address|comment|email|card|birth|problem|person|waiter|external_data"
)
# Rows without a page of their own are seen by those who see the page that shows what they are for.
_SHOWN_AS: dict[type[Model], type[Model]] = {StopListGroup: StopListItem}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: at which models' rows he may, and whether he is told of people."""

    sees: Callable[[type[Model]], bool]
    sees_people: Callable[[type[Model]], bool]
    sees_errors: bool
    """Whether he is told what an error quotes."""

    def error(self, words: str) -> str:
        return words if self.sees_errors else masked_words(words)

    def may_see(self, model: type[Model], name: str) -> bool:
        return self.sees(model) and (self.sees_people(model) or not _PERSONAL.search(name))


def staff(user: User | AnonymousUser) -> Viewer:
    """Build the viewer of a member of staff, by the permissions of each row's page."""

    def sees(model: type[Model]) -> bool:
        meta = _SHOWN_AS.get(model, model)._meta
        return user.has_perm(f"{meta.app_label}.view_{meta.model_name}")

    def sees_guests(model: type[Model]) -> bool:
        return not issubclass(model, HallRow) or sees_hall_people(user)

    return Viewer(sees, sees_guests, sees_people(user))


EVERYTHING = Viewer(lambda _model: True, lambda _model: True, sees_errors=True)
WITHOUT_PEOPLE = Viewer(lambda _model: True, lambda _model: False, sees_errors=False)


@dataclass(frozen=True, slots=True)
class DisplayedRow:
    """A row's changes in words. ``url`` leads to its page where there is one."""

    kind: str
    title: str
    url: str
    what: str
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class ResultRow:
    count: int
    badge: SafeString
    reason: str


# --- for programs --------------------------------------------------------------------------------------


def as_json(dry_run: DryRun, viewer: Viewer) -> dict[str, Any]:
    return {
        "events": dry_run.events,
        "impossible": dry_run.impossible,
        "untried": dry_run.untried,
        "results": [
            {"status": str(status), "reason": reason, "count": count}
            for (status, reason), count in dry_run.ends.most_common()
        ],
        "failures": [
            {"event_id": one.event_id, "error": viewer.error(one.result.error)}
            for one in dry_run.failures()[:FAILURES_SHOWN]
        ],
        "changes": [_row_json(change, viewer) for change in dry_run.changes],
    }


def _row_json(change: RowChange, viewer: Viewer) -> dict[str, Any]:
    model = type(change.row)
    return {
        "kind": model._meta.model_name,
        "id": change.pk,
        "name": str(change.row) if viewer.sees(model) else MASK,
        "organization_id": getattr(change.row, "organization_id", None),
        "change": change.what,
        "fields": [_field_json(one, model, viewer) for one in change.fields],
    }


def _field_json(one: FieldChange, model: type[Model], viewer: Viewer) -> dict[str, Any]:
    may_see = viewer.may_see(model, one.name)
    return {
        "name": one.name,
        "from": _plain(one.before) if may_see else MASK,
        "to": _plain(one.after) if may_see else MASK,
    }


def _plain(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value


# --- for people ----------------------------------------------------------------------------------------


def displayed_rows(dry_run: DryRun, viewer: Viewer, *, now: datetime) -> list[DisplayedRow]:
    """Put every change in words; for a page take those of ``CHANGES_SHOWN`` rows."""
    ids = {getattr(change.row, "organization_id", None) for change in dry_run.changes} - {None}
    organizations = {one.iiko_id: one for one in Organization.objects.filter(iiko_id__in=ids)}
    names = _names(ids, dry_run)
    return [_displayed_row(change, organizations, names, viewer, now) for change in dry_run.changes]


def _displayed_row(
    change: RowChange, organizations: dict[str, Organization], names: Names, viewer: Viewer, now: datetime
) -> DisplayedRow:
    model = type(change.row)
    organization = organizations.get(getattr(change.row, "organization_id", ""))
    display = _RowDisplay(change.row, organization, names, now)
    hidden = Change("", MASK, MASK)
    changes = [
        display.change(one)
        if viewer.may_see(model, one.name)
        else Change(_title(model, one.name), hidden.before, hidden.after)
        for one in change.fields
        if one.name != "organization_id"  # the title names it
    ]
    title = display.named(str(change.row)) if viewer.sees(model) else MASK
    if organization is not None:
        title = f"{title}, {organization.name}"
    return DisplayedRow(str(model._meta.verbose_name), title, _url(change, viewer), _what(change), changes)


Names = dict[tuple[str, str], str]
"""What an organization's terminal groups and couriers are called, by (organization, id)."""

_NAMED_BY: tuple[tuple[str, type[Model]], ...] = (
    ("terminal_group_id", TerminalGroup),
    ("employee_id", Courier),
)


def _names(organization_ids: set[Any], dry_run: DryRun) -> Names:
    names: Names = {}
    for column, model in _NAMED_BY:
        ids = {getattr(change.row, column, None) for change in dry_run.changes}
        ids |= {one.before for change in dry_run.changes for one in change.fields if one.name == column}
        known = model._default_manager.filter(organization_id__in=organization_ids, iiko_id__in=ids - {None})
        names |= {(one, ident): name for one, ident, name in known.values_list(*_NAME_COLUMNS) if name}
    return names


_NAME_COLUMNS = ("organization_id", "iiko_id", "name")


def _what(change: RowChange) -> str:
    if isinstance(change.row, StopListGroup):
        return _("would be read from iiko")
    if change.what == "new":
        return _("would be made")
    if change.what == "gone":
        is_order = isinstance(change.row, Order)
        return _("would be joined with another row") if is_order else _("would be removed")
    return ""


def _url(change: RowChange, viewer: Viewer) -> str:
    meta = type(change.row)._meta
    if not viewer.sees(type(change.row)):
        return ""
    if isinstance(change.row, StopListGroup):
        query = urlencode({ORGANIZATION_PARAMETER: change.row.organization_id})
        return f"{reverse('admin:organizations_stoplistitem_changelist')}?{query}"
    if change.pk is None:
        return ""
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[change.pk])
    except NoReverseMatch:
        return ""


class _RowDisplay:
    """Puts the changes of one row in words; an order's as its timeline would."""

    def __init__(self, row: Model, organization: Organization | None, names: Names, now: datetime) -> None:
        self._row = row
        self._names = names
        self._now = now
        self._currency = organization.currency if organization else ""
        self._zone = organization.zone() if organization else UTC

    def change(self, one: FieldChange) -> Change:
        model = type(self._row)
        if model is Order and one.name in TRACKED:
            words = Words(self._currency, self._zone, self._now)
            return words.change_of(one.name, kept(one.name, one.before), kept(one.name, one.after))
        return Change(
            _title(model, one.name), self._words(one.name, one.before), self._words(one.name, one.after)
        )

    def named(self, text: str) -> str:
        """Return the name behind an id, where one is known."""
        return self._names.get((getattr(self._row, "organization_id", ""), text), text)

    def _words(self, name: str, value: Any) -> str:
        if value is None or value in ("", [], {}):
            return EMPTY
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if name.endswith("_minor"):
            return money(value, self._currency)
        if isinstance(value, datetime):
            return clock_text(value, self._zone, now=self._now, seconds=True)
        if isinstance(value, str) and name in dict(_NAMED_BY):
            return self.named(value)
        choices = dict(_field(type(self._row), name).flatchoices)
        text = str(choices.get(value, value)) if isinstance(value, str | int) else encode(value)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    return next(one for one in model._meta.concrete_fields if name in (one.attname, one.name))


def _title(model: type[Model], name: str) -> str:
    title = str(_field(model, name).verbose_name)
    return title[:1].upper() + title[1:]


def result_rows(dry_run: DryRun) -> list[ResultRow]:
    return [
        ResultRow(count, badge(status, str(EventStatus(status).label)), _reason(reason))
        for (status, reason), count in dry_run.ends.most_common()
    ]


def _reason(reason: str) -> str:
    return str(Reason(reason).label) if reason in Reason.values else reason


def shown(dry_run: DryRun, viewer: Viewer, *, now: datetime) -> dict[str, Any]:
    """Everything the page of a dry run shows."""
    first = DryRun(changes=dry_run.changes[:CHANGES_SHOWN])
    failures = dry_run.failures()
    return {
        "results": result_rows(dry_run),
        "rows": displayed_rows(first, viewer, now=now),
        "rows_left_out": max(0, len(dry_run.changes) - CHANGES_SHOWN),
        "failures": [
            (one.event_id, type_text(one.event_type), viewer.error(one.result.error))
            for one in failures[:FAILURES_SHOWN]
        ],
        "failures_left_out": max(0, len(failures) - FAILURES_SHOWN),
        "untried": dry_run.untried,
    }


# --- for a terminal ------------------------------------------------------------------------------------


def lines(dry_run: DryRun, viewer: Viewer, *, now: datetime, each_event: bool = False) -> Iterator[str]:
    """Yield the changes of a part, row by row, then its failures (or how each event would end)."""
    for row in displayed_rows(dry_run, viewer, now=now):
        yield f"{row.kind} {row.title}" + (f": {row.what}" if row.what else "")
        for change in row.changes:
            yield f"  {_plain_text(change)}"
    if each_event:
        for one in dry_run.results:
            yield f"#{one.event_id} {type_text(one.event_type)}: {_result_text(one.result, viewer)}"
        return
    for failure in dry_run.failures():
        told = {"id": failure.event_id, "error": viewer.error(failure.result.error)}
        yield _("event %(id)d would fail: %(error)s") % told


def _result_text(result: EventResult, viewer: Viewer) -> str:
    parts = (EventStatus(result.status).label, _reason(str(result.reason)), viewer.error(result.error))
    return ", ".join(str(part) for part in parts if part)


def _plain_text(change: Change) -> str:
    before, after = (unescape(strip_tags(str(one))) for one in (change.before, change.after))
    return f"{change.title}: {change.note or f'{before or EMPTY} → {after}'}"


def summary(tally: DryRun) -> str:
    """Describe the whole in a few sentences."""
    told = ngettext("%(count)d event would be replayed", "%(count)d events would be replayed", tally.events)
    ends = [
        f"{EventStatus(status).label} {count}" + (f" ({_reason(reason)})" if reason else "")
        for (status, reason), count in tally.ends.most_common()
    ]
    sentences = [told % {"count": tally.events} + (f": {', '.join(ends)}." if ends else ".")]
    if tally.untried:
        sentences.append(_("Too large to be tried here: %(count)d.") % {"count": tally.untried})
    if tally.impossible:
        sentences.append(_("Cannot be replayed: %(count)d.") % {"count": tally.impossible})
    sentences.append(_("Rows that would change: %(count)d.") % {"count": tally.rows})
    return " ".join(sentences)
