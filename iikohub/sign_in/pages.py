"""Pages of the second step: the code at signing in, and one's own page to set it up, renew codes, end it."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

import segno
from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from core.database import db_clock
from iikohub.configuration.addresses import host_of
from iikohub.models.sign_in import SecondFactor
from iikohub.sign_in import second_factor
from iikohub.sign_in.forms import CodeForm
from iikohub.sign_in.gate import Step, has_to_take_two, known_by_password, missing_step
from iikohub.sign_in.noting import note_last_step, note_refused_code
from iikohub.sign_in.second_factor import CodeResult
from iikohub.sign_in.sessions import (
    PASSED,
    UNKEPT,
    are_codes_unkept,
    note_codes_shown,
    were_codes_shown_for,
)

_PAGES = {Step.CODE: "sign_in:code", Step.SET_UP: "sign_in:two-steps"}
_FORM = require_http_methods(["GET", "HEAD", "POST"])


@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """Lead who gave the password on to what is missing; everybody else gets the admin's own page."""
    step = missing_step(request) if request.method == "GET" else None
    if step is None:
        return admin.site.login(request)
    return redirect(f"{reverse(_PAGES[step])}?{urlencode({'next': _next(request)})}")


@never_cache
@sensitive_post_parameters()
@_FORM
def code(request: HttpRequest) -> HttpResponse:
    """Ask for the code of the app, or a recovery code, after the password."""
    user = known_by_password(request)
    if missing_step(request) is not Step.CODE or not isinstance(user, User):
        return redirect(_next(request))
    form = CodeForm(request.POST or None)
    if form.is_valid():
        result = second_factor.check_code(user, form.cleaned_data["code"], now=db_clock.now())
        if result.factor_pk is not None:
            _let_in(request, result.factor_pk)
            note_last_step(user)
            return redirect(_next(request))
        _refuse(request, user, form, result)
    return _page(request, "sign_in/code.html", {"title": _("Two-step sign-in"), "form": form, "name": user})


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Sign out; the admin's own address for it does not know who owes a step."""
    logout(request)
    return redirect("admin:login")


@never_cache
@sensitive_post_parameters()
@_FORM
def own_page(request: HttpRequest) -> HttpResponse:
    """Show and change one's own second step; what is on is changed with a code only."""
    user = known_by_password(request)
    if not isinstance(user, User) or missing_step(request) is Step.CODE:
        return redirect_to_login(request.get_full_path(), resolve_url("admin:login"))
    act = request.POST.get("act", "")
    if act == "begin":
        second_factor.begin(user)
        return redirect(f"{request.path}?{urlencode({'next': _next(request)})}")
    if act and are_codes_unkept(request.session, now=db_clock.now()):
        answer = _after_codes(request, user, act)
        if answer is not None:
            return answer
    form = CodeForm(request.POST if act in _ACTS else None)
    is_owed = missing_step(request) is Step.SET_UP
    if form.is_valid():
        result = _ACTS[act](user, form.cleaned_data["code"], now=db_clock.now())
        if result.factor_pk is not None:
            if is_owed:
                note_last_step(user)
            return _done(request, user, act, result)
        _refuse(request, user, form, result)
    return _own(request, user, form)


def _after_codes(request: HttpRequest, user: User, act: str) -> HttpResponse | None:
    """Answer the page that shows recovery codes once: they were kept, they are lost, or it is loaded again.

    Loaded again, it asks which of the two; None: something else is wanted.
    """
    if act == "kept":
        del request.session[UNKEPT]
        return redirect(_next(request))
    if act == "lost":
        return _done(request, user, act, second_factor.replace_lost_codes(user))
    if were_codes_shown_for(request.session, request.POST.get("code", "")):
        return redirect(f"{request.path}?{urlencode({'next': _next(request)})}")
    return None


_Act = Callable[..., CodeResult]
_ACTS: dict[str, _Act] = {
    "confirm": second_factor.confirm,
    "codes": second_factor.renew_codes,
    "off": second_factor.turn_off,
}


def _done(request: HttpRequest, user: User, act: str, result: CodeResult) -> HttpResponse:
    if act == "off" or result.factor_pk is None:
        return redirect(f"{request.path}?{urlencode({'next': _next(request)})}")
    _let_in(request, result.factor_pk)
    if act != "lost":  # the ten minutes do not begin again
        code = request.POST.get("code", "")
        note_codes_shown(request.session, result.factor_pk, code, now=db_clock.now())
    context = {
        "title": _("Recovery codes"),
        "codes": result.recovery_codes,
        "is_new": act == "confirm",
        "name": user,
    }
    return _page(request, "sign_in/recovery_codes.html", context)


def _own(request: HttpRequest, user: User, form: CodeForm) -> HttpResponse:
    factor = second_factor.factor_of(user)
    context = {
        "title": _("Two-step sign-in"),
        "form": form,
        "factor": factor,
        "is_asked": has_to_take_two(user),
        "is_owed": missing_step(request) is Step.SET_UP,
        "are_codes_unkept": are_codes_unkept(request.session, now=db_clock.now()),
        "codes_left": len(factor.recovery_digests) if factor else 0,
    }
    if factor is not None and factor.confirmed_at is None:
        context |= {"secret": _in_fours(factor.secret), "picture": _picture(factor)}
    return _page(request, "sign_in/two_steps.html", context)


def _page(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    form = context.get("form")
    is_waiting = isinstance(form, CodeForm) and form.has_error("code", "wait")
    shown = admin.site.each_context(request) | {"next": _next(request)} | context
    return TemplateResponse(request, template, shown, status=429 if is_waiting else 200)


def _let_in(request: HttpRequest, factor_pk: int) -> None:
    request.session[PASSED] = factor_pk
    request.session.cycle_key()


def _refuse(request: HttpRequest, user: User, form: CodeForm, result: CodeResult) -> None:
    """Say why, and leave a trace where wrong passwords leave theirs."""
    AxesProxyHandler.update_request(request)
    request.axes_attempt_time = db_clock.now()  # type: ignore[attr-defined]  # axes keeps it there
    credentials = {"username": user.get_username()}
    note_refused_code(user, result)
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)
    if result.waits_until is None:
        form.add_error(
            "code",
            _(
                "The code is wrong or was used before. Wait for the next one, and see that the phone's clock "
                "is right."
            ),
        )
        return
    form.add_error("code", _wait_error(result.waits_until))


def _wait_error(until: datetime) -> forms.ValidationError:
    minutes = max(1, round((until - db_clock.now()).total_seconds() / 60))
    words = ngettext(
        "Too many wrong codes. Try again in %(minutes)d minute.",
        "Too many wrong codes. Try again in %(minutes)d minutes.",
        minutes,
    )
    return forms.ValidationError(words % {"minutes": minutes}, code="wait")


def _next(request: HttpRequest) -> str:
    """Return where the person was going; only to pages of our own."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    return asked if is_ours else reverse("home")


def _in_fours(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def _picture(factor: SecondFactor) -> str:
    host = host_of(settings.WEBHOOK_BASE_URL)
    address = second_factor.address_of(factor, issuer=f"iikohub {host}" if host else "iikohub")
    drawn: str = segno.make(address, micro=False).svg_inline(scale=4, light="#fff")
    return mark_safe(drawn)  # noqa: S308  # drawn here; the address is squares in it
