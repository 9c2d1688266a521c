"""The state of the connection to iiko as texts, each with the next step."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.display import badge, clock_text, span_text
from iiko_client.http import responses
from iiko_client.http.errors import IikoAuthFailed, IikoBlocked, IikoBusy, IikoNoAnswer, IikoUnreadable
from organizations.connection.status import CircuitState, LoginCheck, LoginStatus
from organizations.models.connection import ApiLogin

Notice = tuple[str, str, str]


def state_badge(login: ApiLogin, state: LoginStatus) -> SafeString:
    if not login.is_active:
        return badge("off", _("switched off"))
    if state.problem:
        return badge("failed", _("not complete"))
    if state.is_stopped:
        return badge("refused", _("stopped"))
    if login.last_error:
        return badge("refused", _("refused by iiko"))
    if state.circuits or state.pauses:
        return badge("pending", _("partly paused"))
    if login.last_used_at is None:
        return badge("off", _("not tried yet"))
    return badge("on", _("works"))


def notices(login: ApiLogin, state: LoginStatus, now: datetime) -> Iterator[Notice]:
    """List the notices about a login: severity, title, text."""
    if state.problem:
        words = _("Give the API login, or the key, the application id and the client secret together.")
        yield "bad", _("The credentials are not complete"), words
    if login.last_error:
        yield "bad", _("iiko refused this login"), f"{login.last_error}. {_login_advice()}"
    for circuit in state.circuits:
        yield _circuit_words(circuit, now)
    for pause in state.pauses:
        words = _("Nothing of this kind is sent for %(span)s more; then the hub goes on by itself.")
        title = _("iiko asked to be left alone: %(group)s") % {"group": pause.group}
        yield "info", title, words % {"span": span_text(pause.until - now)}
    if login.sync_error:
        yield "warn", _("Not everything could be read"), login.sync_error


def _circuit_words(circuit: CircuitState, now: datetime) -> Notice:
    what = circuit.operation or _("all calls of this login")
    failed = ngettext("%(count)d failure in a row", "%(count)d failures in a row", circuit.failures) % {
        "count": circuit.failures
    }
    if circuit.open_until is None:
        return "info", f"{what}: {failed}", _("A few more, and the hub stops before iiko blocks the key.")
    if circuit.is_half_open:
        return "info", _("%(what)s: to be tried again") % {"what": what}, _("The next call decides.")
    words = _(
        "The hub stopped by itself, because repeating refused calls gets the key blocked. It tries again "
        "in %(span)s; an operator's call goes first."
    )
    title = _("%(what)s: stopped, %(failed)s") % {"what": what, "failed": failed}
    return "bad", title, words % {"span": span_text(circuit.open_until - now)}


def token_words(state: LoginStatus, now: datetime) -> str:
    if state.token_until is None:
        return _("none; the next call asks for one")
    return _("valid, renewed in %(span)s") % {"span": span_text(state.token_until - now)}


def _login_advice() -> str:
    return _(
        "Copy the login from iikoWeb (API logins) once more. If it is right there, iiko's support tells "
        "whether it was blocked."
    )


def check_words(check: LoginCheck, *, now: datetime) -> str:
    """Say how a try of the login ended and, where it failed, what to do."""
    error = check.error
    if error is None:
        return _restaurants_words(check.restaurants)
    advice = _("The credentials are not complete.")
    if isinstance(error, IikoAuthFailed):
        advice = _auth_advice(error.code or "")
    elif isinstance(error, IikoBlocked):
        advice = _("The hub stopped by itself after several refusals. It may be tried again at %(time)s.") % {
            "time": f"{clock_text(error.until, UTC, now=now, seconds=True)} UTC"
        }
    elif isinstance(error, IikoBusy):
        advice = _("iiko asked to wait. Try again in %(count)d s.") % {"count": error.retry_after_s + 1}
    elif isinstance(error, IikoNoAnswer | IikoUnreadable):
        advice = _("There was no answer from iiko at this address. Check the address and the network.")
    return f"{advice} ({error})"


def _restaurants_words(names: tuple[str, ...]) -> str:
    if not names:
        return _("iiko accepts the login but offers no restaurant to it. Allow it some in iikoWeb.")
    count = ngettext("%(count)d restaurant", "%(count)d restaurants", len(names)) % {"count": len(names)}
    shown = "; ".join(names[:10]) + ("; …" if len(names) > 10 else "")
    return _("The login works: %(count)s (%(names)s).") % {"count": count, "names": shown}


def _auth_advice(code: str) -> str:
    if code == responses.RIGHT_MISSING:
        return _("iiko knows the login but does not allow it this call. Tick the right in iikoWeb.")
    if code == responses.LICENCE_EXPIRED:
        return _("The licence of the API has expired. Renew it with iiko's partner.")
    if code == responses.REDIRECT:
        return _("Another server is meant: correct the address of iiko.")
    refused = _("iiko does not accept this login.")
    return f"{refused} {_login_advice()}"
