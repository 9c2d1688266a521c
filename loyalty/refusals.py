"""Why money is not moved: the hub's texts, by code.

Of a request that is refused, and of an operation that was taken. Beside the code of an operation stands what
iiko said, or a number, so that each reader gets a text in their own language.
"""

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.errors import HubError

_OF_OPERATIONS: dict[str, Promise] = {
    "answer_lost": _(
        "iiko's answer was lost; the hub is looking for the transaction to see whether it was done. Do not "
        "repeat it meanwhile."
    ),
    "not_done": _("iiko has not carried it out. Ask again if it is still wanted."),
    "no_answer": _(
        "iiko could not be read for a day, so the outcome is unknown. Look at the wallet in iiko."
    ),
    "other_sum": _("iiko carried it out with another sum: %(said)s. Look at the wallet in iiko."),
    "not_sent": _("It could not be sent to iiko in time and was not done."),
    "waited_too_long": _("It waited too long for an earlier operation of this wallet and was not sent."),
    "held_up": _("The hub was delayed before it was sent; it is tried again."),
    "iiko_busy": _("iiko takes no calls just now; it is sent in a moment."),
    "iiko_unreachable": _("iiko does not answer just now; it is sent in a moment."),
    "order_over": _("The order was cancelled before the money was held."),
    "customer_not_found": _("iiko knows no such guest."),
    "insufficient_balance": _("The wallet holds %(said)s, and that is too little."),
    "wallet_of_products": _(
        "This wallet counts products, not money. Its balance is changed in iiko. Choose a wallet of money or "
        "points."
    ),
    "wallet_of_discount": _(
        "This wallet is a discount and has no balance. Choose a wallet of money or points."
    ),
    "wallet_of_certificate": _(
        "This wallet is a certificate: it is issued and spent in iiko as a whole. Choose a wallet of money "
        "or points."
    ),
    "wallet_of_unknown_kind": _(
        "The hub does not know what this wallet counts and moves nothing in it. Choose a wallet of money or "
        "points."
    ),
}


_NOT_FOUND, _NOT_POSSIBLE, _SENSELESS, _NO_ANSWER = 404, 409, 422, 503

_OF_REQUESTS: dict[str, tuple[int, Promise]] = {
    "customer_not_found": (_NOT_FOUND, _("iiko knows no such guest at %s.")),
    "wallet_not_found": (_NOT_FOUND, _("This guest has no such wallet.")),
    "hold_not_found": (_NOT_FOUND, _("The hub knows no hold with this transaction id.")),
    "operation_not_found": (_NOT_FOUND, _("The hub knows no operation with this number.")),
    "loyalty_not_provisioned": (
        _NOT_POSSIBLE,
        _("%s has no loyalty in iiko. Have iikoCard switched on for it, then try again."),
    ),
    "iiko_unreachable": (_NO_ANSWER, _("iiko does not answer just now. Try again in a minute.")),
    "restaurant_off": (_NOT_POSSIBLE, _("This restaurant is switched off in the hub.")),
    "comment_reserved": (_SENSELESS, _("The reason must not contain “%s”.")),
    "comment_too_long": (_SENSELESS, _("The reason has more than %d characters.")),
    "amount_not_positive": (_SENSELESS, _("The amount must be more than 0.")),
    "amount_too_large": (_SENSELESS, _("The amount is larger than any wallet's.")),
    "unknown_order": (_SENSELESS, _("%s has no order with this id.")),
    "order_over": (_NOT_POSSIBLE, _("This order is over; nothing can be held for it.")),
    "limit_operation": (
        _NOT_POSSIBLE,
        _("At most %(most)s may be moved at once. (LOYALTY_MAX_OPERATION)"),
    ),
    "limit_day": (
        _NOT_POSSIBLE,
        _("At most %(most)s may be moved in a day, %(moved)s are already. (LOYALTY_MAX_DAY)"),
    ),
    "insufficient_balance": (
        _NOT_POSSIBLE,
        _("The wallet holds %(balance)s, of which %(reserved)s are reserved by operations under way."),
    ),
    "hold_released": (_NOT_POSSIBLE, _("This hold is released already.")),
    "hold_not_done": (_NOT_POSSIBLE, _("This hold is not in force: its state is “%s”.")),
    "already_asked": (_NOT_POSSIBLE, _("The release was requested already and is not over yet.")),
    "already_over": (_NOT_POSSIBLE, _("This operation is over: its state is “%s”.")),
    "already_sent": (
        _NOT_POSSIBLE,
        _(
            "This operation was sent to iiko already and cannot be called off. Wait for its end; what it "
            "moved is moved back by an operation the other way."
        ),
    ),
}


class NotMoved(HubError):
    """A request that was refused, or a guest who could not be read; nothing was stored."""

    def __init__(self, code: str, detail: str, http_status: int = _NOT_POSSIBLE) -> None:
        super().__init__(detail)
        self.code, self.http_status = code, http_status


def refusal(code: str, facts: object = None) -> NotMoved:
    """Return the error of an entry, in the reader's language; ``facts`` go in place of its placeholders."""
    http_status, words = _OF_REQUESTS[code]
    return NotMoved(code, str(words) if facts is None else str(words) % facts, http_status)


_FACTS: dict[str, object] = {
    "customer_not_found": "Beryozka",
    "loyalty_not_provisioned": "Beryozka",
    "comment_reserved": "iikohub:",
    "comment_too_long": 400,
    "unknown_order": "Beryozka",
    "limit_operation": {"most": "10000.00"},
    "limit_day": {"most": "50000.00", "moved": "49500.00"},
    "insufficient_balance": {"balance": "1520.50", "reserved": "1000.00"},
    "hold_not_done": "rejected",
    "already_over": "confirmed",
}
"""Of examples, by code."""


def examples(*codes: str) -> list[NotMoved]:
    """Show what requests are refused with, in English, for a description."""
    with translation.override("en"):
        return [_example(code) for code in codes]


def _example(code: str) -> NotMoved:
    if code in _OF_REQUESTS:
        return refusal(code, _FACTS.get(code))
    return NotMoved(code, str(_OF_OPERATIONS[code]))


def explain(code: str, said: str) -> str:
    """Say what a code means; for one that is not the hub's own, return the words that came with it."""
    if code not in _OF_OPERATIONS:
        return said or code
    return str(_OF_OPERATIONS[code]) % {"said": said}


def detail_of(code: str, said: str) -> str:
    """Write both down as one text, for ``explain_detail`` to read."""
    if code not in _OF_OPERATIONS:
        return said or code
    return f"{code}: {said}" if said else code


def explain_detail(detail: str) -> str:
    code, _colon, said = detail.partition(": ")
    return explain(code, said) if code in _OF_OPERATIONS else detail
