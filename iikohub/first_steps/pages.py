"""The page of the first steps, and what its buttons do."""

from collections.abc import Callable
from functools import wraps

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.trail import note_refusal
from core.database import db_clock
from core.errors import HubError
from iiko_client.http.circuit_breaker import Priority
from iikohub.first_steps import reach
from iikohub.first_steps.checklist import checklist, may_set_up
from iikohub.first_steps.outcome import refused, registered
from iikohub.first_steps.registration import with_login
from iikohub.first_steps.zones import FIELD, confirm_zones
from webhooks.models.inbox import WebhookConfig
from webhooks.receiving.configs import receive_url
from webhooks.registration import register_webhook

View = Callable[..., HttpResponse]


def for_set_up(view: View) -> View:
    """Send strangers to the sign-in page, and refuse who may not set the hub up."""

    @wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not may_set_up(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    page: View = admin.site.admin_view(checked)
    return page


def may_open(request: HttpRequest) -> bool:
    """Tell the menu whether to show the page."""
    return may_set_up(request.user)


@for_set_up
@require_safe
def steps(request: HttpRequest) -> HttpResponse:
    context = admin.site.each_context(request) | {
        "title": _("First steps"),
        "checklist": checklist(db_clock.now()),
    }
    return TemplateResponse(request, "admin/first_steps.html", context)


@for_set_up
@require_POST
def ask_address(_request: HttpRequest) -> HttpResponse:
    reach.ask_now(now=db_clock.now())
    return redirect("first_steps:steps")


@for_set_up
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    count = confirm_zones(request.POST.getlist(FIELD), by=request.user, now=db_clock.now())
    words = ngettext(
        "The time zone of %(count)d restaurant is confirmed.",
        "The time zones of %(count)d restaurants are confirmed.",
        count,
    )
    messages.success(request, words % {"count": count})
    return redirect("first_steps:steps")


@for_set_up
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Show for each restaurant what a registration would change, or, posted, register them one by one.

    The open page asks for its rows one after the other (``register_one``), so that each outcome is seen as
    it comes, and a page that is closed leaves the rest as they were.
    """
    context = admin.site.each_context(request) | {
        "title": _("Registration of the webhooks"),
        "restaurants": with_login(),
        "receive_url": receive_url(),
        "is_dry_run": request.method != "POST",
    }
    return TemplateResponse(request, "admin/first_steps_register.html", context)


@for_set_up
@require_POST
def register_one(request: HttpRequest, pk: int) -> HttpResponse:
    """Register a restaurant, or with ``dry_run`` only say what that would change: a row of the table."""
    restaurant = get_object_or_404(with_login().select_related("api_login"), pk=pk)
    is_dry_run = "dry_run" in request.POST
    try:
        done = register_webhook(
            restaurant,
            now=db_clock.now,
            dry_run=is_dry_run,
            priority=Priority.OPERATOR,
            requested_by=request.user.get_username(),
        )
        outcome = registered(done)
    except HubError as error:
        note_refusal(error.code)
        outcome = refused(error)
    config = WebhookConfig.objects.first_of(restaurant)  # it may have been made just now
    context = {"restaurant": restaurant, "outcome": outcome, "config": config}
    return render(request, "admin/includes/registration_row.html", context)
