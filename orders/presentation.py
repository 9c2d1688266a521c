"""An order in words: its state, its people, its lines, its errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from orders.models import CreationStatus, Order, OrderType, Status
from organizations.presentation import EMPTY, badge, clock_text, money, span_text

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
    "AddressNotFound": gettext_lazy("The till does not know the address."),
    "CustomerNameNotSpecified": gettext_lazy("The customer has no name."),
    "DiscountCardNotFound": gettext_lazy("The till does not know the discount card."),
    "DuplicatedOrderId": gettext_lazy("There is an order with this id already."),
    "InvalidPhone": gettext_lazy("The phone is not right."),
    "OrderItemsNotExists": gettext_lazy("The order has no items."),
    "OrderTypeNotFound": gettext_lazy("The till does not know the order type."),
    "PaymentTypeNotFound": gettext_lazy("The till does not know the payment type."),
    "ProductGroupNotFound": gettext_lazy("The till does not know the group of a modifier."),
    "ProductNotFound": gettext_lazy("The till does not know a product of the order."),
    "ProductSizeNotFound": gettext_lazy("The till does not know the size of a product."),
    "TerminalGroupDisabled": gettext_lazy("The restaurant's tills are switched off in iiko."),
    "TerminalGroupIdNotDetermined": gettext_lazy(
        "iiko could not tell which restaurant is to cook the order."
    ),
    "TooSmallDeliveryDate": gettext_lazy("The promised time is too soon."),
}
_TIMEOUT = "Creation timeout expired"


def status_badge(order: Order) -> SafeString:
    """What iiko says of the order, never guessed: an unknown status is shown as it was sent."""
    if order.status:
        return badge(order.status, status_text(order.status))
    if order.raw_status is not None:
        return unknown_badge(order.raw_status)
    return creation_badge(order.creation_status)


def unknown_badge(raw_status: str) -> SafeString:
    return badge("unknown", f"? {raw_status[:60]}", _("iiko sent a status that the hub does not know"))


def creation_badge(creation_status: str | None) -> SafeString:
    if creation_status == CreationStatus.ERROR:
        return badge("refused", _("Not accepted"), _("The till did not take it"))
    if creation_status == CreationStatus.IN_PROGRESS:
        return badge("sending", _("Being sent"), _("iiko is passing it to the till"))
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
    return badge("refused", _("Unknown to iiko"), _("iiko no longer lists it when asked by id"))


def pos_silent_since(order: Order) -> datetime | None:
    """Since when its POS does not answer, where the query asked for that (``with_pos_silence``)."""
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
        f"{order.status}|{order.raw_status}|{order.creation_status}|{order.unknown_to_iiko_at or ''}",
        status_badge(order),
        unknown_to_iiko_badge(order),
        pos_badge(order, now),
        late_badge(order, now),
        problem_badge(order),
    )


def seen_text(who: str, when: str) -> SafeString:
    """Say who has seen to what went wrong, and when."""
    return format_html(_("{} has seen to it, {}."), who, when)


def status_text(status: str) -> str:
    return str(Status(status).label) if status in Status.values else status


def creation_text(creation_status: str) -> str:
    known = creation_status in CreationStatus.values
    return str(CreationStatus(creation_status).label) if known else creation_status


def type_text(order: Order) -> str:
    """Our word for the kind of service; else the name the restaurant gave it."""
    if order.order_type in OrderType.values:
        return str(OrderType(order.order_type).label)
    return order.order_type_name or order.order_type or EMPTY


def item_status_text(status: str | None) -> str:
    return str(ITEM_STATUSES.get(status or "", status or ""))


def payment_kind_text(kind: str | None) -> str:
    return str(PAYMENT_KINDS.get(kind or "", kind or ""))


def restaurant_text(order: Order) -> str:
    return order.restaurant_name or order.organization.name


def customer_text(customer: Mapping[str, Any] | None) -> str:
    if not customer:
        return EMPTY
    return _joined(" ", customer.get("name"), customer.get("surname")) or EMPTY


def blacklist_text(customer: Mapping[str, Any]) -> str | None:
    if not customer.get("is_in_blacklist"):
        return None
    return customer.get("blacklist_reason") or _("in the blacklist")


def address_text(address: Mapping[str, Any] | None) -> str:
    """One line: region, city, street, house, flat, what a courier needs at the door."""
    if not address:
        return EMPTY
    numbered = (
        (_("bldg. %(number)s"), "building"),
        (_("flat %(number)s"), "flat"),
        (_("entrance %(number)s"), "entrance"),
        (_("floor %(number)s"), "floor"),
        (_("door phone %(number)s"), "doorphone"),
    )
    parts = [address.get(name) for name in ("index", "region", "city", "street", "house")]
    parts += [form % {"number": address[name]} for form, name in numbered if address.get(name)]
    parts.append(address.get("line1"))
    return _joined(", ", *parts) or EMPTY


def _joined(glue: str, *parts: Any) -> str:
    return glue.join(str(part) for part in parts if part)


def error_text(error: Any) -> str:
    """Say why the till did not take the order: in our words where we have them, then in iiko's."""
    if not isinstance(error, Mapping):
        return str(error) if error else ""
    told = str(error.get("message") or error.get("description") or "")
    code = str(error.get("code") or "")
    if _TIMEOUT in told:
        ours = _("The till did not answer in time: it may be switched off or offline.")
    else:
        ours = str(ERROR_CODES.get(code, ""))
    return _joined(" ", ours, told, f"({code})" if code else "")


def moved_text(moved: Mapping[str, Any]) -> str:
    titles = {
        "parent_order_id": _("parent order"),
        "from_order_id": _("from the order"),
        "from_terminal_group_id": _("from the terminal group"),
        "from_organization_id": _("from the organization"),
        "to_order_id": _("to the order"),
        "to_terminal_group_id": _("to the terminal group"),
        "to_organization_id": _("to the organization"),
    }
    return "; ".join(f"{titles.get(name, name)} {value}" for name, value in moved.items())


def amount_text(order: Order) -> SafeString:
    return money_text(order.amount_minor, order.organization.currency)


def money_text(minor: int | None, currency: str) -> SafeString:
    return format_html('<span class="hub-money">{}</span>', money(minor, currency))
