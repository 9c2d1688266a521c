"""The hub's texts on an operation, by code.

Beside the code stands what iiko said, or a number, so that each reader gets a text in their own language.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

_WORDS: dict[str, Any] = {
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


def explain(code: str, said: str) -> str:
    """Say what a code means; for one that is not the hub's own, return the words that came with it."""
    if code not in _WORDS:
        return said or code
    return str(_WORDS[code]) % {"said": said}


def detail_of(code: str, said: str) -> str:
    """Write both down as one text, for ``explain_detail`` to read."""
    if code not in _WORDS:
        return said or code
    return f"{code}: {said}" if said else code


def explain_detail(detail: str) -> str:
    code, _colon, said = detail.partition(": ")
    return explain(code, said) if code in _WORDS else detail
