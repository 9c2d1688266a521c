"""Operations and guests in words."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from iiko_client.types.statuses import DeliveryStatus
from loyalty.models import Customer, LoyaltyOperation, OperationKind, OperationState, Wallet, WalletKind
from organizations.presentation import EMPTY, badge, money, span_text
from organizations.services.personal_data import masked_phone

_COLOURS = {
    OperationState.PENDING: "pending",
    OperationState.SENT: "sending",
    OperationState.UNKNOWN: "failed",
    OperationState.CONFIRMED: "processed",
    OperationState.REJECTED: "refused",
    OperationState.EXPIRED: "ignored",
}


def actor_text(actor: str) -> str:
    """Who did a step; the hub itself is written as ``hub``, for programs."""
    return _("the hub") if actor == "hub" else actor


def state_badge(operation: LoyaltyOperation) -> SafeString:
    if not operation.is_known:
        return badge("failed", _("not known, look in iiko"), operation.trouble)
    state = OperationState(operation.state)
    return badge(_COLOURS[state], operation.get_state_display(), operation.trouble)


def amount_text(operation: LoyaltyOperation) -> SafeString:
    adds = operation.kind in (OperationKind.TOPUP, OperationKind.CANCEL_HOLD)
    sign = "+" if adds else "\N{MINUS SIGN}"
    return format_html('<span class="hub-nowrap">{}{}</span>', sign, moved_text(operation))


def moved_text(operation: LoyaltyOperation) -> str:
    return minor_text(operation.amount_minor, operation.currency)


def minor_text(minor: int | None, currency: str | None) -> str:
    """Write 1/100 of a currency, or of a unit that is none."""
    return money(minor, currency or "").rstrip()


def balance_text(wallet: Wallet, currency: str) -> str:
    """Write a balance in what the wallet counts; of a kind that is not known as iiko gave it."""
    if wallet.holds_money:
        return money(wallet.balance_minor, currency)
    if wallet.balance is None or wallet.kind == WalletKind.DISCOUNT:
        return EMPTY
    number = number_format(wallet.balance.normalize())
    if wallet.kind == WalletKind.PRODUCTS:
        return _("%(number)s pcs") % {"number": number}
    return number


def kind_text(wallet: Wallet) -> str:
    if wallet.kind is None or wallet.kind in WalletKind.values:
        return str(wallet.get_kind_display()) if wallet.kind is not None else EMPTY
    return _("unknown kind %(number)d") % {"number": wallet.kind}


def phone_text(customer: Customer, *, sees_people: bool) -> str:
    return (customer.phone if sees_people else masked_phone(customer.phone)) or EMPTY


def hold_text(hold: LoyaltyOperation, now: datetime) -> str:
    """How long money has been put aside; of one that is not in force what became of it, if it is known."""
    if hold.state != OperationState.CONFIRMED:
        return ""
    if hold.released_at is not None:
        return _("given back")
    if hold.order is not None and hold.order.status == DeliveryStatus.CLOSED.value:
        return _("its order is closed")
    return _("held for %(span)s") % {"span": span_text(now - (hold.finished_at or hold.created_at))}


def order_link(operation: LoyaltyOperation, *, sees_orders: bool) -> SafeString | str:
    if operation.order is None:
        return EMPTY
    if not sees_orders:
        return str(operation.order)
    url = reverse("admin:orders_order_change", args=[operation.order_id])
    return format_html('<a class="hub-link" href="{}">{}</a>', url, operation.order)
