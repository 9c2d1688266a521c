"""Why a message did not arrive: codes, and what they mean to people."""

from django.utils.translation import gettext as _

NO_ADDRESS, PRIVATE, NO_ANSWER, TIMEOUT = "no_address", "private", "no_answer", "timeout"
TLS, BAD_ANSWER, REDIRECT, NOT_SENT = "tls", "bad_answer", "redirect", "not_sent"
NOT_TOLD = "not_told"
GONE = "http_410"


def code_of_status(status: int) -> str:
    """Return the code of an answer; empty where it says that the message was taken."""
    if 200 <= status < 300:
        return ""
    return REDIRECT if 300 <= status < 400 else f"http_{status}"


def explain(code: str) -> str:
    """Say in the language of the reader what a code means; empty for none."""
    texts = {
        "": "",
        NO_ADDRESS: _("The name of the server leads to no address."),
        PRIVATE: _(
            "The name of the server leads to a private address. An administrator may allow it: "
            "OUTBOUND_ALLOW_PRIVATE_ADDRESSES=1."
        ),
        NO_ANSWER: _("The server cannot be reached."),
        TIMEOUT: _("The server did not answer within 15 seconds."),
        TLS: _("The certificate of the server is not valid, or it speaks no TLS."),
        BAD_ANSWER: _("The server answered something that is no HTTP."),
        REDIRECT: _("The server answered with another address. Write that one into the subscription."),
        NOT_SENT: _("The hub could not send it; its log says why."),
        NOT_TOLD: _("It was not sent: the subscription may not receive events of that restaurant any more."),
        GONE: _("The server answered 410: it wants no more messages."),
    }
    return texts.get(code) or _("The server answered %(status)s.") % {"status": code.removeprefix("http_")}
