"""Operations and guests in words."""

from datetime import datetime, tzinfo

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from core.display import EMPTY, badge, clock_text, money, on_clock, span_text
from iiko_client.models.statuses import DeliveryStatus
from loyalty.models import Customer, LoyaltyOperation, OperationKind, OperationState, Wallet, WalletKind
from loyalty.refusals import explain
from loyalty.wallets.queue import ANSWER_LOST, BEING_SENT, IN_TURN, Wait
from orders.models.order import Order

_COLOURS = {
    OperationState.PENDING: "pending",
    OperationState.SENT: "sending",
    OperationState.UNKNOWN: "failed",
    OperationState.CONFIRMED: "processed",
    OperationState.REJECTED: "refused",
    OperationState.EXPIRED: "ignored",
    OperationState.CANCELLED: "ignored",
}


def actor_text(actor: str) -> str:
    """Name who did a step; programs read ``hub`` for the hub itself."""
    return _("the hub") if actor == "hub" else actor


def state_badge(operation: LoyaltyOperation) -> SafeString:
    if not operation.is_known:
        return badge("failed", _("not known, look in iiko"), operation.trouble)
    state = OperationState(operation.state)
    return badge(_COLOURS[state], operation.get_state_display(), operation.trouble)


def wait_text(wait: Wait | None, zone: tzinfo, *, now: datetime) -> str:
    """Say what an operation waits for and how long that can take; empty where it waits for nothing."""
    if wait is None or not (wait.ahead or wait.reason == ANSWER_LOST):
        return ""
    facts = {
        "number": wait.first.pk,
        "since": _moment_text(wait.since, zone, now),
        "every": span_text(wait.look_every) if wait.look_every else "",
        "until": _moment_text(wait.settled_by, zone, now) if wait.settled_by else "",
        "why": explain(wait.reason, ""),
    }
    return " ".join([str(_first_words(wait) % facts), str(_end_words(wait) % facts)]).strip()


def _first_words(wait: Wait) -> str:
    if wait.reason == ANSWER_LOST and not wait.ahead:
        return _("iiko's answer to it was lost at %(since)s; looked up every %(every)s.")
    if wait.reason == ANSWER_LOST:
        return _(
            "Waits behind #%(number)d, whose answer iiko lost, since %(since)s; looked up every %(every)s."
        )
    if wait.reason == BEING_SENT:
        return _("Waits behind #%(number)d, which is being sent since %(since)s.")
    if wait.reason == IN_TURN:
        return _("Waits behind #%(number)d, which is sent first.")
    return _("Waits behind #%(number)d. %(why)s")


def _end_words(wait: Wait) -> str:
    if wait.reason != ANSWER_LOST:
        return ""
    if wait.settled_by is None:
        return _("If iiko does not show it, it is sent again.")
    if wait.is_late:
        return _("iiko could not be read in time; the hub goes on trying, until %(until)s at the latest.")
    return _("Settled at %(until)s at the latest.")


def _moment_text(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """Write a moment of today without its day."""
    there = on_clock(moment, zone)
    is_today = there.date() == on_clock(now, zone).date()
    return date_format(there, "H:i:s") if is_today else clock_text(moment, zone, now=now, seconds=True)


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


def hold_text(hold: LoyaltyOperation, now: datetime) -> str:
    """Say how long money has been on hold; of a hold that has ended, how it ended if that is known."""
    if hold.state != OperationState.CONFIRMED:
        return ""
    if hold.released_at is not None:
        return _("given back")
    if hold.order is not None and hold.order.status == DeliveryStatus.CLOSED.value:
        return _("its order is closed")
    return _("held for %(span)s") % {"span": span_text(now - (hold.finished_at or hold.created_at))}


def row_link(row: Customer | LoyaltyOperation | Order) -> SafeString:
    """Link to the page of a row, by its name."""
    url = reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])
    return format_html('<a class="hub-link" href="{}">{}</a>', url, row)


def order_link(operation: LoyaltyOperation, *, sees_orders: bool) -> SafeString | str:
    order = operation.order
    return EMPTY if order is None else row_link(order) if sees_orders else str(order)
