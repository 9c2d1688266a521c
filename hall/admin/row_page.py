"""Everything the pages of a table order and of a reserve show, ready for their template."""

from collections.abc import Iterable
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _, pgettext

from core.admin.base import Context
from core.display import EMPTY, field_title
from hall.admin.display import badges, cancel_text, guest_name, minutes_text, split_text
from hall.models import HallRow, Reserve, TableOrder
from orders.admin.bill import Bill
from orders.admin.display import blacklist_text, error_text
from orders.admin.order_page import guest_is_masked
from orders.models.order import CreationStatus

Fact = tuple[str, str | SafeString]

_TIMES = ("when_created", "estimated_start_time", "guests_coming_time", "when_bill_printed", "when_closed")
_IDS = (
    "iiko_id",
    "external_number",
    "pos_id",
    "terminal_group_id",
    "waiter_id",
    "order_type_name",
    "order_type_id",
    "raw_status",
    "revision",
)


def hall_page(row: HallRow, *, now: datetime) -> Context:
    """Collect what the template shows."""
    page = _Page(row, now)
    return {
        "live": "order",
        "badge": badges(row),
        "headline": page.headline(),
        "notices": page.notices(),
        "guest": page.known(page.guest()),
        "tables": [(_("Table"), one) for one in row.table_ids],
        "has_bill": isinstance(row, TableOrder) or row.amount_minor is not None or bool(row.items),
        "times": page.times(),
        "ids": page.known(
            (field_title(type(row), name), getattr(row, name)) for name in _IDS if hasattr(row, name)
        ),
        "zone": row.organization.timezone,
        **page.bill(row),
    }


class _Page(Bill):
    def __init__(self, row: HallRow, now: datetime) -> None:
        super().__init__(row.organization, now)
        self._row = row

    def headline(self) -> list[Fact]:
        row, own = self._row, list[Fact]()
        guests = (_("Guests"), EMPTY if row.guests_count is None else str(row.guests_count))
        if isinstance(row, TableOrder):
            own = [
                (_("Amount"), self.money(row.amount_minor)),
                (_("Waiter"), row.waiter_name or EMPTY),
                guests,
                (_("Opened"), self.clock(row.when_created)),
            ]
        elif isinstance(row, Reserve):
            own = [
                (pgettext("reserve", "Expected"), self.clock(row.estimated_start_time)),
                (_("Duration"), minutes_text(row.duration_minutes)),
                guests,
                (_("Occasion"), row.occasion or EMPTY),
            ]
        # Named like an order's: by the terminal group where one is known.
        group = row.organization.terminal_group(row.terminal_group_id)
        return [
            *own,
            (_("Restaurant"), group.name if group else row.organization.name),
            (_("Changed"), self.clock(row.updated_at, seconds=True)),
        ]

    def notices(self) -> list[tuple[str, str, str]]:
        """List what needs attention: severity, title, words."""
        row, notices = self._row, []
        if row.has_unknown_status:
            title = _("iiko sent an unknown status: %(status)s") % {"status": row.raw_status}
            notices.append(("bad", title, _("It stays open here until iiko sends a status that is known.")))
        if row.creation_status == CreationStatus.ERROR or row.error_info:
            title = _("A change was not accepted") if row.status else _("The POS did not take it")
            notices.append(("bad", title, error_text(row.error_info)))
        if isinstance(row, Reserve) and row.cancel_reason is not None:
            notices.append(("info", _("Cancelled"), capfirst(cancel_text(row.cancel_reason))))
        if row.is_deleted:
            notices.append(("info", _("Deleted in iiko"), ""))
        if row.hides_people and (row.phone or row.customer):
            notices.append(guest_is_masked())
        return notices

    def guest(self) -> list[tuple[str, str | None]]:
        row, customer = self._row, self._row.customer or {}
        facts = [
            (pgettext("person", "Name"), guest_name(row)),
            (_("Phone"), row.phone),
            (_("About the customer"), customer.get("comment")),
            (_("Blacklist"), blacklist_text(customer)),
        ]
        if isinstance(row, TableOrder):
            facts += [
                (_("Tab"), row.tab_name),
                (_("Split between registers"), split_text(row.split_between_registers)),
            ]
        elif isinstance(row, Reserve):
            remind = {True: _("yes"), False: _("no"), None: ""}[row.should_remind]
            facts += [(_("Comment"), row.comment), (_("Remind the staff"), remind)]
        return [*facts, (_("Source"), row.source_key)]

    def times(self) -> list[Fact]:
        moments = ((name, getattr(self._row, name, None)) for name in _TIMES)
        known = sorted(((name, at) for name, at in moments if at is not None), key=lambda fact: fact[1])
        return [(field_title(type(self._row), name), self.clock(at, seconds=True)) for name, at in known]

    def known(self, facts: Iterable[tuple[str, object]]) -> list[Fact]:
        return [(title, str(value)) for title, value in facts if value not in (None, "")]
