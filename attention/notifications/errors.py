"""Why a notification was not sent: codes, as they are kept, and what they say to people.

The words are the hub's own. What a receiver or a plug-in says may quote the address, so it is not kept.
"""

from django.utils.translation import gettext as _, gettext_lazy

from core.display import Text

PRIVATE = "private_address"
LOCAL = "local_access"
NO_ANSWER = "no_answer"
MAIL = "mail_failed"
UNREADABLE = "unreadable_address"
REFUSED = "refused"
CRASHED = "plugin_failed"

ENDED, TAKEN, RESOLVED, SNOOZED = "ended", "taken", "resolved", "snoozed"
NOT_CHOSEN, SWITCHED_OFF = "not_chosen", "switched_off"

_TEXTS: dict[str, Text] = {
    PRIVATE: gettext_lazy(
        "The address leads to a private network, and the hub calls public servers alone. To allow it, set "
        "NOTIFY_ALLOW_PRIVATE_ADDRESSES=1 in the hub's environment."
    ),
    LOCAL: gettext_lazy(
        "This service would have opened a file or started a program on the hub's machine; it may not."
    ),
    NO_ANSWER: gettext_lazy(
        "The receiver cannot be reached, or did not answer in time. Check the server and the port."
    ),
    MAIL: gettext_lazy(
        "The mail server cannot be reached or did not take the message. Check server, port, user, password "
        "and recipient."
    ),
    UNREADABLE: gettext_lazy("The address cannot be read. Enter it again."),
    REFUSED: gettext_lazy("The receiver did not take it. Check keys and recipient in the address."),
    CRASHED: gettext_lazy("The plug-in of this service failed. Check the address against its examples."),
    ENDED: gettext_lazy("It had ended by then."),
    TAKEN: gettext_lazy("Somebody had taken it by then."),
    RESOLVED: gettext_lazy("Somebody had resolved it by then."),
    SNOOZED: gettext_lazy("Somebody had snoozed it by then."),
    NOT_CHOSEN: gettext_lazy("The channel did not tell of it any more: its choices were changed."),
    SWITCHED_OFF: gettext_lazy("The channel was switched off."),
    "http_400": gettext_lazy(
        "The receiver does not understand the message: the recipient (chat, room, address) may be wrong, or "
        "it has not let the bot write to it yet."
    ),
    "http_401": gettext_lazy(
        "The receiver refuses the key, token or password in the address. Enter it anew."
    ),
    "http_403": gettext_lazy(
        "The receiver forbids it: the key may lack the right, or the recipient has blocked the bot."
    ),
    "http_404": gettext_lazy(
        "The receiver knows no such address: a part of it (token, bot, path) may be mistyped or deleted."
    ),
    "http_413": gettext_lazy("The message is too long for the receiver. Choose fewer rules or restaurants."),
    "http_429": gettext_lazy("The receiver takes no more for now: too many messages. It is tried again."),
}


def words(code: str) -> str:
    """Say what a code means, in the language that is active; an empty one says nothing."""
    if not code:
        return ""
    if code in _TEXTS:
        text = str(_TEXTS[code])
    elif code.startswith("http_3"):
        text = _("The receiver says that it has moved. Enter the address at which it is now.")
    elif code.startswith("http_5"):
        text = _("The receiver has a fault of its own. It is tried again.")
    elif code.startswith("http_"):
        text = _("The receiver refuses the message. Check the address.")
    else:
        text = code
    return f"{text} (HTTP {code[5:]})" if code.startswith("http_") else text


def is_of_this_message(code: str) -> bool:
    """Tell whether another message may well be taken: this one was refused, or broke the plug-in."""
    if code == CRASHED:
        return True
    return code.startswith("http_4") and code not in ("http_408", "http_425", "http_429")
