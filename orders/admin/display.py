"""An order in words: its state, its people, its lines, its errors."""

import re
from collections.abc import Mapping
from datetime import datetime

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy, pgettext_lazy

from core.display import EMPTY, badge, clock_text, money, span_text, stacked, truncated
from iiko_client.json_reader import JsonObject
from orders.models.order import CreationStatus, Order, OrderType, Status

ITEM_STATUSES = {
    "Added": pgettext_lazy("item", "added"),
    "PrintedNotCooking": pgettext_lazy("item", "sent to the kitchen"),
    "CookingStarted": pgettext_lazy("item", "cooking"),
    "CookingCompleted": pgettext_lazy("item", "cooked"),
    "Served": pgettext_lazy("item", "served"),
}

PAYMENT_KINDS = {
    "Cash": gettext_lazy("cash"),
    "Card": gettext_lazy("card"),
    "External": gettext_lazy("external"),
    "LoyaltyCard": gettext_lazy("loyalty"),
    "IikoCard": gettext_lazy("loyalty"),
    "Credit": gettext_lazy("credit"),
}

# The codes of creation errors that operators meet most; the others are shown as iiko wrote them.
ERROR_CODES = {
    "AddressNotFound": gettext_lazy("The POS does not know the address."),
    "CustomerNameNotSpecified": gettext_lazy("The customer has no name."),
    "DiscountCardNotFound": gettext_lazy("The POS does not know the discount card."),
    "DuplicatedOrderId": gettext_lazy("There is an order with this id already."),
    "InvalidPhone": gettext_lazy("The phone is not right."),
    "OrderItemsNotExists": gettext_lazy("The order has no items."),
    "OrderTypeNotFound": gettext_lazy("The POS does not know the order type."),
    "PaymentTypeNotFound": gettext_lazy("The POS does not know the payment type."),
    "ProductGroupNotFound": gettext_lazy("The POS does not know the group of a modifier."),
    "ProductNotFound": gettext_lazy("The POS does not know a product of the order."),
    "ProductSizeNotFound": gettext_lazy("The POS does not know the size of a product."),
    "TerminalGroupDisabled": gettext_lazy("The restaurant's terminal group is switched off in iiko."),
    "TerminalGroupIdNotDetermined": gettext_lazy(
        "iiko could not tell which restaurant is to cook the order."
    ),
    "TooSmallDeliveryDate": gettext_lazy("The promised time is too soon."),
}
_TIMEOUT = "Creation timeout expired"


def status_badge(order: Order) -> SafeString:
    """Show what iiko says of the order, never guessed: an unknown status as it was sent."""
    if order.is_deleted:
        last = status_text(order.status or order.raw_status or "")
        return badge("Cancelled", _("Deleted"), _("Its last status: %(status)s") % {"status": last or EMPTY})
    if order.status:
        return badge(order.status, status_text(order.status))
    if order.raw_status is not None:
        return unknown_badge(order.raw_status)
    return creation_badge(order.creation_status)


def unknown_badge(raw_status: str) -> SafeString:
    return badge("unknown", f"? {raw_status[:60]}", _("iiko sent a status that the hub does not know"))


def creation_badge(creation_status: str | None) -> SafeString:
    if creation_status == CreationStatus.ERROR:
        return badge("refused", _("Not accepted"), _("The POS did not take it"))
    if creation_status == CreationStatus.IN_PROGRESS:
        return badge("sending", _("Being sent"), _("iiko is passing it to the POS"))
    if creation_status and creation_status not in CreationStatus.values:
        return badge(
            "unknown", f"? {creation_status[:60]}", _("iiko sent a creation status that is not known")
        )
    return badge("none", _("No status yet"))


def late_badge(order: Order, now: datetime) -> SafeString:
    if not order.late_at(now):
        return SafeString("")
    end = order.when_delivered or order.when_closed
    span = span_text((end or now) - order.promised_time) if order.promised_time else ""
    if end is None:
        return badge("late", _("late by %(span)s") % {"span": span})
    return badge("was-late", _("was late by %(span)s") % {"span": span})


def problem_badge(order: Order) -> SafeString:
    return badge("problem", _("Problem"), order.problem) if order.problem is not None else SafeString("")


def unknown_to_iiko_badge(order: Order) -> SafeString:
    if order.unknown_to_iiko_at is None:
        return SafeString("")
    return badge("refused", _("Unknown to iiko"), _("iiko no longer lists it when it is read by id"))


def pos_silent_since(order: Order) -> datetime | None:
    """Return since when its POS does not answer, where the query has it (``with_pos_silence``)."""
    since: datetime | None = getattr(order, "pos_silent_since", None)
    return since


def pos_badge(order: Order, now: datetime) -> SafeString:
    if (since := pos_silent_since(order)) is None:
        return SafeString("")
    when = clock_text(since, order.organization.zone(), now=now)
    return badge("problem", _("POS is silent"), _("The POS does not answer since %(when)s") % {"when": when})


def badges(order: Order, now: datetime) -> SafeString:
    """Status, lateness and problem; ``data-mark`` tells the page's script what counts as a change."""
    return format_html(
        '<span class="hub-badges" data-mark="{}">{}{}{}{}{}</span>',
        f"{order.status}|{order.raw_status}|{order.creation_status}|{bool(order.is_deleted)}"
        f"|{order.unknown_to_iiko_at or ''}",
        status_badge(order),
        unknown_to_iiko_badge(order),
        pos_badge(order, now),
        late_badge(order, now),
        problem_badge(order),
    )


def acknowledged_text(who: str, when: str) -> SafeString:
    """Say who acknowledged what went wrong, and when."""
    return format_html(_("Acknowledged by {}, {}."), who, when)


def status_text(status: str) -> str:
    return str(Status(status).label) if status in Status.values else status


def creation_text(creation_status: str) -> str:
    known = creation_status in CreationStatus.values
    return str(CreationStatus(creation_status).label) if known else creation_status


def type_text(order: Order) -> str:
    """Name the kind of service; else as the restaurant named it."""
    if order.order_type in OrderType.values:
        return str(OrderType(order.order_type).label)
    return order.order_type_name or order.order_type or EMPTY


def item_status_text(status: str | None) -> str:
    return str(ITEM_STATUSES.get(status or "", status or ""))


def payment_kind_text(kind: str | None) -> str:
    return str(PAYMENT_KINDS.get(kind or "", kind or ""))


def restaurant_text(order: Order) -> str:
    return order.restaurant_name or order.organization.name


def courier_text(order: Order) -> str:
    """Name who carries it: the restaurant's courier, an outside service, or both where iiko names both."""
    return _joined("; ", order.courier_name, external_courier_text(order)) or EMPTY


def external_courier_text(order: Order) -> str:
    if not order.has_external_courier:
        return ""
    name = order.external_courier_service_name or order.external_courier_service_id
    return _("%(service)s (outside service)") % {"service": name}


def courier_cell(order: Order) -> SafeString:
    """Show the courier in a list, with a link to where an outside service shows the delivery."""
    link = link_text(order.tracking_link, _("track"))
    return stacked(truncated(courier_text(order)), link if isinstance(link, SafeString) else truncated(link))


def courier_line(order: Order) -> SafeString:
    link = link_text(order.tracking_link, _("track"))
    return format_html("{} {}", courier_text(order), link) if link else format_html("{}", courier_text(order))


_WEB_ADDRESS = re.compile(r"https?://[^\s/?#@\\]+([/?#][^\s]*)?", re.IGNORECASE)


def link_text(address: str | None, words: str) -> SafeString | str:
    """Return a link that leads out, for web addresses alone; any other text stays text."""
    if not address:
        return SafeString("")
    if not _WEB_ADDRESS.fullmatch(address):
        return address
    return format_html(
        '<a class="hub-link" href="{}" title="{}" target="_blank" rel="noopener noreferrer">{}</a>',
        address,
        address,
        words,
    )


def phone_line(phone: str | None, extension: str | None) -> str | None:
    """Write the whole number to dial."""
    if not extension:
        return phone
    return _("%(phone)s ext. %(extension)s") % {"phone": phone or EMPTY, "extension": extension}


def deletion_text(is_deleted: object) -> str:
    return _("deleted in iiko") if is_deleted else _("not deleted")


def customer_text(customer: JsonObject | None) -> str:
    if not customer:
        return EMPTY
    return _joined(" ", customer.get("name"), customer.get("surname")) or EMPTY


def blacklist_text(customer: JsonObject) -> str | None:
    if not customer.get("is_in_blacklist"):
        return None
    return customer.get("blacklist_reason") or _("in the blacklist")


def address_text(address: JsonObject | None) -> str:
    """Write one line: where the house stands, in parts or as iiko's one line, then the way to the door.

    Where iiko reports both, a part that stands in the line is not repeated.
    """
    if not address:
        return EMPTY
    line = str(address.get("line1") or "")
    parts = [address.get(name) for name in ("index", "region", "city", "street", "house")]
    parts += _numbered(address, ((_("bldg. %(number)s"), "building"),))
    at_the_door = (
        (_("flat %(number)s"), "flat"),
        (_("entrance %(number)s"), "entrance"),
        (_("floor %(number)s"), "floor"),
        (_("door phone %(number)s"), "doorphone"),
    )
    place = [part for part in parts if not _stands_in(part, line)]
    way = [part for part in _numbered(address, at_the_door) if not _stands_in(part, line)]
    return _joined(", ", *place, line, *way) or EMPTY


def _numbered(address: JsonObject, forms: tuple[tuple[str, str], ...]) -> list[str]:
    return [form % {"number": address[name]} for form, name in forms if address.get(name)]


def _stands_in(part: object, line: str) -> bool:
    """Whether a text is in a line as words of its own."""
    words = rf"(?<!\w){re.escape(str(part).casefold())}(?!\w)"
    return bool(part) and re.search(words, line.casefold()) is not None


def _joined(glue: str, *parts: object) -> str:
    return glue.join(str(part) for part in parts if part)


def error_text(error: object) -> str:
    """Say why the POS did not take the order: in our words where we have them, then in iiko's."""
    if not isinstance(error, Mapping):
        return str(error) if error else ""
    theirs = str(error.get("message") or error.get("description") or "")
    code = str(error.get("code") or "")
    if _TIMEOUT in theirs:
        ours = _("The POS did not answer in time: it may be switched off or offline.")
    else:
        ours = str(ERROR_CODES.get(code, ""))
    return _joined(" ", ours, theirs, f"({code})" if code else "")


def moved_text(moved: JsonObject, known: Mapping[str, Order]) -> SafeString:
    """Say where an order was moved from or to; ``known`` are orders by iiko's id."""
    titles = {
        "parent_order_id": _("split from {}"),
        "from_order_id": _("moved here from {}"),
        "to_order_id": _("moved on to {}"),
    }
    links = [
        format_html(title, order_link(known[moved[name]]) if moved[name] in known else _("another order"))
        for name, title in titles.items()
        if moved.get(name)
    ]
    if not links:
        return SafeString(
            _("to another restaurant") if "to_organization_id" in moved else _("to another terminal group")
        )
    return format_html_join("; ", "{}", ((one,) for one in links))


def order_link(order: Order) -> SafeString:
    url = reverse("admin:orders_order_change", args=[order.pk])
    return format_html('<a class="hub-link" href="{}">{}</a>', url, order)


def amount_text(order: Order) -> SafeString:
    return money_text(order.amount_minor, order.organization.currency)


def money_text(minor: int | None, currency: str) -> SafeString:
    return format_html('<span class="hub-money">{}</span>', money(minor, currency))
