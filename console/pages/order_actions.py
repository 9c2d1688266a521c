"""Acting on an order from its panel: the forms of the actions, and what may be done about a command.

The forms, their rules and their refusals are the admin's (``orders.admin.forms``). Each answer is the panel:
for the page's script alone, else a page of its own, so that everything works without the script, too.
"""

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.trail import note_refusal
from console.pages.discount_total import is_shown, new_total
from console.pages.frame import Frame, frame_of, sees_orders
from console.pages.order_panel import orders_of, panel_url, show_panel
from core.database import db_clock
from core.errors import HubError
from orders.admin.action_views import requested_once, requester_of
from orders.admin.command_display import refusal_text
from orders.admin.command_panel import concerning, may_be_retried
from orders.admin.forms import FORMS, ActionForm, DiscountForm
from orders.commands.acknowledge import acknowledge_command, acknowledge_refusal
from orders.commands.submission import abandon, retry
from orders.errors import NotAllowed
from orders.models.command import OrderCommand
from orders.models.order import Order
from orders.permissions import may_request, may_request_any


@never_cache
@sees_orders
@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, number: int, slug: str) -> HttpResponse:
    """Show the form of an action on GET; on POST store its command, or say why not and store nothing.

    409 is the refusal of a rule, 422 a form that is not complete. The same form sent twice asks once.
    """
    frame = frame_of(request)
    order = get_object_or_404(orders_of(frame), pk=number)
    form_class = _permitted(request, slug)
    if request.method != "POST":
        return show_panel(request, order, frame=frame, form=form_class([order]))
    form = form_class([order], request.POST)
    if form.is_valid() and not _is_total_shown(form, request.POST.get("seen_total", "")):
        form.add_error(None, _("Look at what the order will cost, and confirm it."))
    if not form.is_valid():
        return show_panel(request, order, frame=frame, form=form, status=422)
    try:
        command, is_new = requested_once(request, form, order)
    except HubError as error:
        note_refusal(error.code)
        form.add_error(None, refusal_text(error))
        return show_panel(request, order, frame=frame, form=form, status=409)
    return _requested(request, frame, order, command, "" if is_new else "repeat")


@require_GET
@never_cache
@sees_orders
def discount_total(request: HttpRequest, number: int) -> HttpResponse:
    """Answer what the order will cost with the discount that is being filled in."""
    frame = frame_of(request)
    order = get_object_or_404(orders_of(frame), pk=number)
    _permitted(request, DiscountForm.slug)
    form = DiscountForm([order], request.GET)
    return render(request, "console/discount_total.html", {"new_total": new_total(form)})


@never_cache
@sees_orders
@require_POST
def act_on_command(request: HttpRequest, number: int, command_id: int, what: str) -> HttpResponse:
    """Retry a command, stop following it, or acknowledge how it ended."""
    if what not in _ON_COMMANDS:
        raise Http404
    frame = frame_of(request)
    order = get_object_or_404(orders_of(frame), pk=number)
    command = get_object_or_404(concerning(order).select_related("order__organization"), pk=command_id)
    if not may_request(request.user, command.kind):
        raise PermissionDenied
    try:
        command, how = _ON_COMMANDS[what](request, command)
    except HubError as error:
        note_refusal(error.code)
        return show_panel(request, order, frame=frame, problem=refusal_text(error), status=409)
    return _requested(request, frame, order, command, how)


@never_cache
@sees_orders
@require_POST
def acknowledge(request: HttpRequest, number: int) -> HttpResponse:
    """Acknowledge that the POS did not take the order."""
    frame = frame_of(request)
    order = get_object_or_404(orders_of(frame), pk=number)
    if not may_request_any(request.user):
        raise PermissionDenied
    try:
        acknowledge_refusal(order_id=order.pk, by=request.user.get_username(), now=db_clock.now())
    except HubError as error:
        note_refusal(error.code)
        return show_panel(request, order, frame=frame, problem=refusal_text(error), status=409)
    return _answer(request, frame, order, {})


def _permitted(request: HttpRequest, slug: str) -> type[ActionForm]:
    if slug not in FORMS:
        raise Http404
    if not may_request(request.user, FORMS[slug].action.kind):
        raise PermissionDenied
    return FORMS[slug]


def _is_total_shown(form: ActionForm, seen: str) -> bool:
    return not isinstance(form, DiscountForm) or is_shown(form, seen)


def _requested(
    request: HttpRequest, frame: Frame, order: Order, command: OrderCommand, how: str
) -> HttpResponse:
    # A command of the replaced order is followed there.
    followed = {"command": str(command.pk), "how": how} if command.order_id == order.pk else {}
    return _answer(request, frame, order, followed)


def _answer(request: HttpRequest, frame: Frame, order: Order, query: dict[str, str]) -> HttpResponse:
    """Answer the panel as it stands now; a form sent without the script is led to the panel's address."""
    if not request.headers.get("HX-Request"):
        return HttpResponseRedirect(panel_url(order.pk, query))
    fresh = orders_of(frame).filter(Q(pk=order.pk) | Q(former_rows__pk=order.pk)).first()
    if fresh is None:
        raise Http404
    return show_panel(request, fresh, frame=frame, query=query)


# --- commands ----------------------------------------------------------------------------------------


def _retry(request: HttpRequest, command: OrderCommand) -> tuple[OrderCommand, str]:
    if not may_be_retried(command):
        raise NotAllowed("not_failed", _("Only refused or abandoned commands can be retried."))
    again, is_new = retry(command, by=requester_of(request), now=db_clock.now())
    return again, "again" if is_new else "again-repeat"


def _abandon(request: HttpRequest, command: OrderCommand) -> tuple[OrderCommand, str]:
    return abandon(command_id=command.pk, by=requester_of(request), now=db_clock.now()), "given-up"


def _acknowledge(request: HttpRequest, command: OrderCommand) -> tuple[OrderCommand, str]:
    acknowledge_command(command_id=command.pk, by=request.user.get_username(), now=db_clock.now())
    return command, ""


_ON_COMMANDS = {"retry": _retry, "abandon": _abandon, "acknowledge": _acknowledge}
