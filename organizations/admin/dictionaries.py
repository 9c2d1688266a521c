"""A restaurant's terminal groups, couriers and dictionaries; read-only."""

import json
from typing import ClassVar, TypeVar

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _

from core.admin.base import MirrorAdmin
from core.admin.filters import ChoicesFilter, HubDropdownFilter, States, choices_filter, states_filter
from core.admin.json_text import pretty_json
from core.database import db_clock
from core.display import badge
from organizations.admin.display import answers_text
from organizations.admin.filters import restaurant_filter
from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import TerminalGroup

E = TypeVar("E", Courier, TerminalGroup, DictionaryEntry)
_EMPTY = _("Read them from iiko: API logins → a login → Read restaurants and dictionaries.")


PRESENCE: States = {
    "": (_("All"), lambda rows: rows),
    "False": (_("there"), lambda rows: rows.filter(is_deleted=False)),
    "True": (_("deleted"), lambda rows: rows.filter(is_deleted=True)),
}


class FromIikoAdmin(MirrorAdmin[E]):
    list_select_related = ("organization",)
    search_fields: ClassVar[tuple[str, ...]] = ("name_key", "iiko_id")
    search_help_text = _("A part of the name, or of iiko's id")
    sortable_by = ("sorted_name",)
    list_filter: ClassVar[tuple[type[ChoicesFilter | HubDropdownFilter], ...]] = (
        restaurant_filter(),
        states_filter(PRESENCE, _("in iiko"), "gone"),
    )
    empty_words = _EMPTY

    @admin.display(description=_("in iiko"))
    def presence(self, row: E) -> SafeString:
        return badge("off", gettext("deleted")) if row.is_deleted else badge("on", gettext("there"))


@admin.register(Courier)
class CourierAdmin(FromIikoAdmin[Courier]):
    list_display = ("sorted_name", "organization", "code", "presence", "iiko_id")
    search_fields = ("name_key", "iiko_id", "code")
    search_help_text = _("A part of the name, of the code or of iiko's id")
    fields = ("organization", "name", "code", "iiko_id", "presence", "updated_at")


@admin.register(TerminalGroup)
class TerminalGroupAdmin(FromIikoAdmin[TerminalGroup]):
    list_display = ("sorted_name", "organization", "timezone", "pos_version", "sleep", "answers", "presence")
    fields = (
        "organization",
        "name",
        "iiko_id",
        "timezone",
        "vendor_timezone",
        "pos_version",
        "sleep",
        "answers",
        "presence",
    )

    @admin.display(description=_("state"))
    def sleep(self, group: TerminalGroup) -> SafeString:
        return badge("pending", gettext("asleep")) if group.is_in_sleep else badge("on", gettext("awake"))

    @admin.display(description=_("POS"))
    def answers(self, group: TerminalGroup) -> SafeString | str:
        return answers_text(group, db_clock.now())


@admin.register(DictionaryEntry)
class DictionaryEntryAdmin(FromIikoAdmin[DictionaryEntry]):
    list_display = ("sorted_name", "kind", "organization", "presence", "iiko_id")
    list_filter = (
        choices_filter(_("dictionary"), "kind", DictionaryKind.choices),
        *FromIikoAdmin.list_filter,
    )
    list_before_template = "admin/organizations/dictionaryentry/above_list.html"
    quick_choices = (("", _("All")), *DictionaryKind.choices)
    quick_parameter = "kind"
    fields = ("organization", "kind", "name", "iiko_id", "details", "presence", "updated_at")

    @admin.display(description=_("details"))
    def details(self, entry: DictionaryEntry) -> SafeString:
        return SafeString(
            f'<pre class="hub-code">{pretty_json(json.dumps(entry.data, ensure_ascii=False))}</pre>'
        )
