"""The connection to iiko, the POS and the readings of stop lists in words, each with the next step."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, ngettext

from core.access import AnyUser, visible_to
from core.display import EMPTY, ago_text, badge, clock_text, span_text
from iiko_client import vendor_time
from iiko_client.http import responses
from iiko_client.http.errors import IikoAuthFailed, IikoBlocked, IikoBusy, IikoNoAnswer, IikoUnreadable
from organizations.connection.status import CircuitState, LoginCheck, LoginStatus
from organizations.models.connection import ApiLogin
from organizations.models.organization import POS_NEWS_LASTS, TerminalGroup
from organizations.models.stop_lists import StopListReading
from organizations.stop_lists.refresh import WITHOUT_LOGIN

Notice = tuple[str, str, str]
"""Its severity, its title and its words."""


# --- API logins --------------------------------------------------------------------------------------


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


# --- POS ---------------------------------------------------------------------------------------------


def answers_text(group: TerminalGroup, now: datetime) -> str | SafeString:
    """Say whether the POS of a terminal group answers, by iiko's last answer."""
    if (since := group.silent_since(now)) is not None:
        zone = vendor_time.zone(group.timezone) if group.timezone else group.organization.zone()
        when = clock_text(since, zone, now=now)
        return badge("problem", _("does not answer since %(when)s") % {"when": when})
    is_recent = group.alive_told_at is not None and now - group.alive_told_at < POS_NEWS_LASTS
    return badge("on", _("answers")) if is_recent else EMPTY


def silent_pos_badges(groups: Iterable[TerminalGroup], now: datetime) -> SafeString:
    """Write a badge for each POS that does not answer; ``groups`` are those of one restaurant."""
    badges = (
        badge(
            "problem",
            _("POS is silent since %(when)s")
            % {"when": clock_text(group.not_answering_since or now, group.organization.zone(), now=now)},
            group.name,
        )
        for group in groups
    )
    return format_html_join(" ", "{}", ((one,) for one in badges))


# --- stop lists --------------------------------------------------------------------------------------


_SHOWN = 5


def freshness_notes(organization_ids: Sequence[str], *, user: AnyUser, now: datetime) -> list[Notice]:
    """Say which lists could not be read and why; where all could, when the oldest was."""
    active = StopListReading.objects.filter(organization__is_active=True)
    readings = visible_to(user, active).select_related("organization")
    if organization_ids:
        readings = readings.filter(organization_id__in=organization_ids)
    failing = list(readings.filter(failing_since__isnull=False).order_by("failing_since")[: _SHOWN + 1])
    notes = [_failure(reading, now) for reading in failing[:_SHOWN]]
    if len(failing) > _SHOWN:
        rest = readings.filter(failing_since__isnull=False).count() - _SHOWN
        words = ngettext("%(count)d restaurant more", "%(count)d restaurants more", rest)
        notes.append(("warn", words % {"count": rest}, _("Choose one to see why its lists cannot be read.")))
    oldest = readings.filter(read_at__isnull=False, failing_since__isnull=True).order_by("read_at").first()
    if oldest is not None and oldest.read_at is not None:
        words = _("The longest unread list was read %(ago)s")
        notes.append(("", words % {"ago": ago_text(oldest.read_at, now)}, ""))
    return notes


def _failure(reading: StopListReading, now: datetime) -> Notice:
    organization = reading.organization
    title = _("%(restaurant)s: the stop lists could not be read since %(since)s") % {
        "restaurant": organization.name,
        "since": clock_text(reading.failing_since or now, organization.zone(), now=now),
    }
    words = [f"{reading.error.rstrip('.')}."]
    if reading.error_code in WITHOUT_LOGIN:
        words = [_("The restaurant has no API login that works; choose one (Organizations).")]
    if reading.retry_at is not None:
        wait = reading.retry_at - now
        if wait < timedelta(seconds=1):
            words.append(_("The hub tries again now."))
        else:
            words.append(_("The hub tries again in %(span)s.") % {"span": span_text(wait)})
    if reading.read_at is None:
        words.append(_("They were never read."))
    else:
        words.append(_("What is shown was read %(ago)s.") % {"ago": ago_text(reading.read_at, now)})
    return "warn", title, " ".join(words)
