"""Table orders and reserves in words: their state, their tables, their guests."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, ngettext, pgettext_lazy

from core.display import EMPTY, badge
from hall.models import CancelReason, HallRow, Reserve, ReserveStatus, TableOrder, TableOrderStatus
from orders.admin.display import creation_badge, customer_text, unknown_badge
from orders.models.order import CreationStatus

_SPLITS = {
    "Disabled": pgettext_lazy("split between registers", "no"),
    "Allowed": pgettext_lazy("split between registers", "allowed"),
    "Required": pgettext_lazy("split between registers", "required"),
}
# The colours are those of the statuses of deliveries that mean as much.
_COLOURS = {"New": "WaitCooking", "Bill": "Waiting", "Started": "OnWay", "Deleted": "Cancelled"}


def badges(row: HallRow) -> SafeString:
    """Say what iiko says, never guessed: an unknown status is shown as it was sent."""
    found = [_status_badge(row)]
    if row.status and row.creation_status == CreationStatus.ERROR:
        found.append(badge("problem", _("A change was not accepted"), _("The POS refused what was asked")))
    if isinstance(row, Reserve) and row.cancel_reason is not None:
        found.append(badge("problem", _("Cancelled"), cancel_text(row.cancel_reason)))
    if row.is_deleted and row.status != TableOrderStatus.DELETED:
        found.append(badge("Cancelled", _("Deleted")))
    return format_html(
        '<span class="hub-badges">{}</span>', format_html_join("", "{}", ((one,) for one in found))
    )


def _status_badge(row: HallRow) -> SafeString:
    if row.status:
        return badge(_COLOURS.get(row.status, row.status), status_words(type(row), row.status))
    if row.raw_status is not None:
        return unknown_badge(row.raw_status)
    return creation_badge(row.creation_status)


def status_words(model: type[HallRow], status: str | None) -> str:
    """Name a status; an unknown one as it came."""
    choices = TableOrderStatus if issubclass(model, TableOrder) else ReserveStatus
    return str(choices(status).label) if status in choices.values else str(status or "")


def cancel_text(reason: str) -> str:
    return str(CancelReason(reason).label) if reason in CancelReason.values else reason


def split_text(split: str | None) -> str:
    return str(_SPLITS.get(split or "", split or ""))


def minutes_text(minutes: int | None) -> str:
    """Write a length of time in hours and minutes, as 2 h 30 min."""
    if minutes is None or minutes < 0:
        return EMPTY if minutes is None else str(minutes)
    hours, rest = divmod(minutes, 60)
    parts = [_("%(count)d h") % {"count": hours}] if hours else []
    parts += [_("%(count)d min") % {"count": rest}] if rest or not hours else []
    return " ".join(parts)


def guests_text(count: int | None) -> str:
    if count is None:
        return ""
    return ngettext("%(count)d guest", "%(count)d guests", count) % {"count": count}


def tables_text(table_ids: Sequence[str]) -> SafeString | str:
    """Show tables by the beginnings of their ids: no event names them. The ids are in the tooltip."""
    if not table_ids:
        return EMPTY
    short = ", ".join(one[:8] for one in table_ids[:2]) + (", …" if len(table_ids) > 2 else "")
    return format_html(
        '<span class="hub-mono hub-small hub-nowrap" title="{}">{}</span>', ", ".join(table_ids), short
    )


def guest_name(row: HallRow) -> str:
    return customer_text(row.customer) if row.customer else ""
