"""The audit log in the admin: who did what, from where, and what it was before. Read-only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, TypedDict, cast

from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Field, Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy as _, pgettext, pgettext_lazy

from audit.acts import ACTS, detail_words, words_of
from audit.models import ActorKind, AuditEntry, Door, Outcome
from audit.trail import COMMAND_LINE, HUB, current
from core.admin.base import Context, MirrorAdmin
from core.admin.export import Exporting
from core.admin.filters import Choice, ChoicesFilter, Rows, choices_filter
from core.admin.trace_link import trace_link
from core.database import db_clock
from core.display import EMPTY, badge, clock, clock_reading, stacked, truncated
from core.redaction import MASK
from iiko_client import vendor_time
from organizations.access import is_restricted
from organizations.admin.filters import moment_range_filter, restaurant_filter
from organizations.admin.zones import naming_zones
from organizations.models.organization import Organization

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

_BADGES = {
    Outcome.DONE: "processed",
    Outcome.UNCHANGED: "off",
    Outcome.REFUSED: "problem",
    Outcome.FAILED: "refused",
}

# One probe of the index for each name, however many entries there are.
_ACTORS_MET = """
WITH RECURSIVE met(actor, number) AS (
    (SELECT actor, 1 FROM audit_entries ORDER BY actor LIMIT 1)
    UNION ALL
    SELECT (SELECT actor FROM audit_entries e WHERE e.actor > met.actor ORDER BY actor LIMIT 1), number + 1
    FROM met WHERE met.actor IS NOT NULL AND number < 500
)
SELECT actor FROM met WHERE actor IS NOT NULL
"""


def actors_met(request: HttpRequest) -> Iterable[Choice]:
    """Offer who is in the log; to a restricted person nobody by name, for they may be of any restaurant."""
    if is_restricted(request.user):
        return []
    with connection.cursor() as cursor:
        cursor.execute(_ACTORS_MET)
        return [(name, actor_words(name)) for (name,) in cursor.fetchall()]


def actor_words(name: str) -> str:
    """Return who acted; the hub and the shell are named in the language of the reader."""
    if name == HUB.name:
        return str(ActorKind.HUB.label)
    where, colon, user = name.partition(": ")
    return f"{ActorKind.COMMAND_LINE.label}: {user}" if colon and where == COMMAND_LINE else name


class ObjectFilter(ChoicesFilter):
    """Entries of one object, to which its page leads; nothing is offered to choose from."""

    title = pgettext_lazy("audit", "object")
    parameter_name = "object"
    column = "subject"

    def offered(self, request: HttpRequest) -> list[Choice]:
        return []

    def has_output(self) -> bool:
        return bool(self.chosen)

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        chosen = [one for one in self.chosen if "\0" not in one]
        of_object = Q(subject__in=chosen) | Q(about__in=chosen)
        return queryset.filter(of_object) if self.chosen else queryset


class Placed(TypedDict):
    """What a row has besides; ``is_many_zones`` in the list alone."""

    restaurant_name: str | None
    restaurant_zone: str | None
    is_many_zones: bool


def _zone(entry: WithAnnotations[AuditEntry, Placed]) -> tzinfo:
    return vendor_time.zone(entry.restaurant_zone) if entry.restaurant_zone else UTC


def _restaurant(entry: WithAnnotations[AuditEntry, Placed]) -> str:
    return entry.restaurant_name or entry.organization_iiko_id


def _name_of(entry: AuditEntry) -> str:
    """Name the object; a list that was taken away is named as the menu does."""
    if entry.act != "list_exported":
        return entry.subject_text
    try:
        model = apps.get_model(entry.subject_text)
    except (LookupError, ValueError):  # a list of the API, by its own name
        return entry.subject_text
    return capfirst(str(model._meta.verbose_name_plural))


def _object_text(entry: AuditEntry) -> str:
    kind = _kind_of(entry)
    return f"{capfirst(kind)}: {entry.subject_text}" if kind and entry.subject_text else _name_of(entry)


def _model_of(entry: AuditEntry) -> type[Model] | None:
    try:
        return apps.get_model(entry.subject.partition(":")[0]) if entry.subject else None
    except (LookupError, ValueError):  # a model of an older version
        return None


def _kind_of(entry: AuditEntry) -> str:
    model = _model_of(entry)
    return str(model._meta.verbose_name) if model is not None else ""


def _exported_moment(entry: WithAnnotations[AuditEntry, Placed]) -> datetime | None:
    return clock_reading(entry.at, _zone(entry))


def _json(value: object) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


@admin.register(AuditEntry)
class AuditEntryAdmin(Exporting[AuditEntry], MirrorAdmin[AuditEntry]):
    list_display = ("moment", "who", "what", "object_name", "restaurant", "result")
    list_display_links = ("moment",)
    list_filter = (
        choices_filter(_("who"), "actor", actors_met),
        choices_filter(pgettext_lazy("audit", "act"), "act", list(ACTS.items())),
        ObjectFilter,
        restaurant_filter("organization_iiko_id"),
        moment_range_filter(_("when"), "at", "at", organization="organization_iiko_id"),
        choices_filter(_("outcome"), "outcome", Outcome.choices),
        choices_filter(_("by way of"), "door", Door.choices),
        choices_filter(_("kind of actor"), "actor_kind", ActorKind.choices),
    )
    list_before_template = "admin/audit/auditentry/above_list.html"
    search_fields = ("subject_text",)  # shows the box; see search_rows
    search_help_text = _("A part of the object, of who did it, of the address or the page")
    sortable_by = ()
    ordering = ("-id",)
    fields = ()
    change_form_template = "admin/audit/auditentry/entry.html"
    empty_words = _("Nobody has changed anything yet, or it is no longer kept.")
    export_name = "audit"
    export_columns = (
        (_("when"), _exported_moment),
        (_("who"), lambda entry: actor_words(entry.actor)),
        (_("kind of actor"), lambda entry: entry.get_actor_kind_display()),
        (_("address"), lambda entry: entry.address or ""),
        (pgettext_lazy("audit", "program"), lambda entry: entry.user_agent),
        (_("by way of"), lambda entry: entry.get_door_display()),
        (_("page or command"), lambda entry: entry.path),
        (pgettext_lazy("audit", "act"), lambda entry: str(words_of(entry.act))),
        (pgettext_lazy("audit", "object"), _object_text),
        (_("restaurant"), _restaurant),
        (_("outcome"), lambda entry: entry.get_outcome_display()),
        (_("code"), lambda entry: entry.code),
        (pgettext_lazy("audit", "before"), lambda entry: _json(entry.before)),
        (pgettext_lazy("audit", "after"), lambda entry: _json(entry.after)),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Add the restaurant, which an entry knows by its id alone. An export leaves itself out."""
        restaurant = Organization.objects.filter(iiko_id=OuterRef("organization_iiko_id"))
        entries = super().get_queryset(request)
        if (trail := current()) is not None:
            entries = entries.exclude(request_id=trail.request_id)
        return entries.annotate(
            restaurant_name=Subquery(restaurant.values("name")[:1]),
            restaurant_zone=Subquery(restaurant.values("timezone")[:1]),
        )

    def list_rows(self, rows: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return naming_zones(rows)

    def list_context(self, request: HttpRequest) -> Context:
        failures = reverse("admin:axes_accessfailurelog_changelist")
        may_see = request.user.has_perm("axes.view_accessfailurelog")
        return {"exports": self.exports(request), "failures_url": failures if may_see else ""}

    def search_rows(
        self, request: HttpRequest, rows: QuerySet[AuditEntry], text: str
    ) -> QuerySet[AuditEntry]:
        if "\0" in text:
            return rows.none()
        found = Q()
        for column in ("subject_text", "actor", "address", "path", "code"):
            found |= Q(**{f"{column}__icontains": text})
        return rows.filter(found)

    def page_context(self, request: HttpRequest, row: AuditEntry) -> Context:
        placed = cast("WithAnnotations[AuditEntry, Placed]", row)
        headline = [
            (_("When"), self._moment(placed, with_offset=True)),
            (_("Who"), actor_words(row.actor)),
            (_("Address"), row.address),
            (_("Restaurant"), _restaurant(placed)),
        ]
        facts = [
            (pgettext("audit", "Object"), _object_link(row)),
            (_("By way of"), row.get_door_display()),
            (_("Page or command"), row.path),
            (pgettext("audit", "Program"), row.user_agent),
            (_("Code of the refusal"), row.code),
            (_("Number of the request"), row.request_id),
            (_("Trace"), trace_link(row.trace_id)),
        ]
        others = AuditEntry.objects.filter(request_id=row.request_id).exclude(pk=row.pk).order_by("id")
        seen = self.get_queryset(request).filter(pk__in=others)[:50]
        return {
            "title": capfirst(str(words_of(row.act))),
            "badge": self.result(row),
            "headline": [(title, value) for title, value in headline if value],
            "facts": [(title, value) for title, value in facts if value],
            "changes": list(_changes(row)),
            "others": [(self._url(one), capfirst(str(words_of(one.act))), _object_text(one)) for one in seen],
        }

    def _url(self, entry: AuditEntry) -> str:
        return reverse("admin:audit_auditentry_change", args=[entry.pk])

    def _moment(self, entry: WithAnnotations[AuditEntry, Placed], *, with_offset: bool) -> SafeString:
        return clock(entry.at, _zone(entry), now=db_clock.now(), seconds=True, with_offset=with_offset)

    # --- columns; a row is an AuditEntry with what the querysets added -----------------------------------

    @admin.display(description=_("when"))
    def moment(self, entry: WithAnnotations[AuditEntry, Placed]) -> SafeString:
        return self._moment(entry, with_offset=entry.is_many_zones or not entry.restaurant_zone)

    @admin.display(description=_("who"))
    def who(self, entry: AuditEntry) -> SafeString:
        return stacked(actor_words(entry.actor), entry.address or "")

    @admin.display(description=pgettext_lazy("audit", "act"))
    def what(self, entry: AuditEntry) -> str:
        return capfirst(str(words_of(entry.act)))

    @admin.display(description=pgettext_lazy("audit", "object"))
    def object_name(self, entry: AuditEntry) -> SafeString:
        return stacked(_name_of(entry) or EMPTY, capfirst(_kind_of(entry)))

    @admin.display(description=_("restaurant"))
    def restaurant(self, entry: WithAnnotations[AuditEntry, Placed]) -> SafeString:
        return truncated(_restaurant(entry) or EMPTY)

    @admin.display(description=_("outcome"))
    def result(self, entry: AuditEntry) -> SafeString:
        return stacked(outcome_badge(entry), entry.code)


def outcome_badge(entry: AuditEntry) -> SafeString:
    outcome = Outcome(entry.outcome)
    return badge(_BADGES[outcome], capfirst(str(outcome.label)))


def _object_link(entry: AuditEntry) -> SafeString | str:
    """Lead to the object, where it has a page; it may be gone, which the page says itself."""
    text, (label, _sep, key) = _object_text(entry), entry.subject.partition(":")
    try:
        url = reverse(f"admin:{label.replace('.', '_')}_change", args=[key]) if key else ""
    except NoReverseMatch:
        url = ""
    return format_html('<a class="hub-link" href="{}">{}</a>', url, text) if url else text


def _changes(entry: AuditEntry) -> Iterable[tuple[str, str, str]]:
    """Yield each field that changed: its name, what it was and what it is."""
    before, after = entry.before or {}, entry.after or {}
    model = _model_of(entry)
    fields = (
        {field.name: field for field in model._meta.get_fields() if isinstance(field, Field)} if model else {}
    )
    met = before | after
    # JSON of the database keeps no order: a form's does.
    for name in [*(name for name in fields if name in met), *(name for name in met if name not in fields)]:
        field = fields.get(name)
        title = capfirst(str(field.verbose_name if field else detail_words(name)))
        yield (
            title,
            _shown(field, before.get(name), name in before),
            _shown(field, after.get(name), name in after),
        )


def _shown(field: Field[object, object] | None, value: object, is_known: bool) -> str:
    if not is_known or value is None or value in ("", [], {}):
        return EMPTY
    if value == MASK:
        return pgettext("audit", "not shown")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if field is not None and field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=1)
    moment = _moment_in(value)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else str(value)


def _moment_in(value: object) -> datetime | None:
    try:
        moment = parse_datetime(value) if isinstance(value, str) and "T" in value else None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
