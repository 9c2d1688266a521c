"""Requesting actions in the admin: a form for one order, a form for many, and the outcome of each.

Nothing happens on GET. A form sent twice requests once: its key and content name the command.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, gettext_lazy as _, ngettext

from audit.entries import record_refusal
from audit.trail import note_refusal
from core.access import visible_to
from core.admin.list_links import FILTERS, keep_filters, list_url
from core.database import db_clock
from core.display import money
from core.errors import HubError
from core.privacy.rights import sees_guests
from orders.actions.registry import action_of
from orders.admin.command_display import refusal_text
from orders.admin.command_panel import command_row
from orders.admin.display import badges, courier_text, restaurant_text
from orders.admin.forms import FORMS, ActionForm
from orders.commands.acknowledge import acknowledge_refusal
from orders.commands.idempotency import once
from orders.commands.submission import Requester, request as request_action
from orders.errors import UnknownOrder
from orders.models.command import OrderCommand
from orders.models.order import Order
from orders.permissions import may_request, may_request_any, sees_commands

AT_ONCE = 100
"""Orders of one bulk action: each is a command that somebody will check."""

RUNS_KEPT = 5
_RUNS = "orders.acted"
"""Where a session keeps the commands of the last bulk actions."""


def requester_of(request: HttpRequest) -> Requester:
    user: Any = request.user
    return Requester(user.get_username(), f"user:{user.pk}", user)


def requested_once(request: HttpRequest, form: ActionForm, order: Order) -> tuple[OrderCommand, bool]:
    """Store the command of a valid form for an order; a repeat returns the first command and False.

    Raises:
        HubError: it was refused, and nothing was stored.
    """
    by = requester_of(request)
    digest = form.params_digest()
    return once(
        lambda: request_action(form.action, form.asked(order), order_id=order.pk, by=by, now=db_clock.now()),
        owner=by.owner,
        key=f"form:{form.cleaned_data['key']}:{order.pk}:{digest[:32]}",
        fingerprint=digest,
        now=db_clock.now(),
    )


class ActionViews:
    """The actions on orders, mixed into their admin."""

    admin_site: Any
    opts: Any
    model: Any

    def get_actions(self, request: HttpRequest) -> dict[str, tuple[Callable[..., Any], str, str] | None]:
        """Offer what may be requested of many orders at once, then what Django finds."""
        bulk = [
            (form, *form.bulk)
            for form in FORMS.values()
            if form.bulk and may_request(request.user, form.action.kind)
        ]
        offered: dict[str, tuple[Callable[..., Any], str, Any]] = {
            name: (partial(_choose, slug=form.slug), name, title) for form, name, title in bulk
        }
        others: dict[str, tuple[Callable[..., Any], str, str] | None] = super().get_actions(request)  # type: ignore[misc]  # mixed into an admin
        return {**offered, **others}

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        return may_request_any(request.user)

    @admin.action(description=_("Acknowledge refusals"), permissions=["acknowledge"])
    def acknowledge_refusals(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        refused = queryset.filter(pk__in=Order.objects.refused().values("pk")).order_by("id")
        chosen = refused.values_list("pk", flat=True)[:AT_ONCE]
        by, now = request.user.get_username(), db_clock.now()
        report_acknowledged(request, [acknowledge_refusal(order_id=pk, by=by, now=now) for pk in chosen])

    def acknowledge_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """On POST acknowledge an order that the POS did not take."""
        if not may_request_any(request.user):
            raise PermissionDenied
        if not _orders(request, [order_id]):
            raise Http404
        if request.method == "POST":
            try:
                acknowledge_refusal(order_id=order_id, by=request.user.get_username(), now=db_clock.now())
            except UnknownOrder as error:
                raise Http404 from error
            except HubError as error:
                note_refusal(error.code)
                messages.error(request, refusal_text(error))
        return HttpResponseRedirect(
            keep_filters(request, reverse("admin:orders_order_change", args=[order_id]))
        )

    def action_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:order_id>/seen/", view(self.acknowledge_view), name="orders_order_seen"),
            path("<int:order_id>/ask/<slug:slug>/", view(self.ask_view), name="orders_order_ask"),
            path("ask/<slug:slug>/", view(self.ask_many_view), name="orders_order_ask_many"),
            path("asked/<uuid:run>/", view(self.asked_view), name="orders_order_asked"),
        ]

    # --- one order -------------------------------------------------------------------------------------

    def ask_view(self, request: HttpRequest, order_id: int, slug: str) -> HttpResponse:
        """Show the form on GET, store the command on POST."""
        form_class = self._permitted(request, slug)
        order = next(iter(_orders(request, [order_id])), None)
        if order is None:
            raise Http404
        form = form_class([order], request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            try:
                command, is_new = requested_once(request, form, order)
            except HubError as error:
                note_refusal(error.code)
                form.add_error(None, refusal_text(error))
            else:
                url = requested_url(command, "" if is_new else "repeat")
                return HttpResponseRedirect(keep_filters(request, url))
        return self.form_page(request, form, refused="" if form.is_bound else form.why_not(order))

    def _permitted(self, request: HttpRequest, slug: str) -> type[ActionForm]:
        if slug not in FORMS:
            raise Http404
        if not may_request(request.user, FORMS[slug].action.kind):
            raise PermissionDenied
        return FORMS[slug]

    def form_page(self, request: HttpRequest, form: ActionForm, *, refused: str = "") -> TemplateResponse:
        order, now = form.first, db_clock.now()
        context: dict[str, object] = {
            "title": form.action.title,
            "subtitle": None,
            "form": form,
            "refused": refused,
            "rows": _form_rows(form),
            "badges": badges(order, now),
            "back_url": _orders_url(request),
        }
        if not form.is_bulk:
            commands = order.commands.open().order_by("id")
            context |= {
                "subtitle": str(order),
                "headline": [
                    (gettext("Amount"), money(order.amount_minor, order.organization.currency)),
                    (gettext("Courier"), courier_text(order)),
                    (gettext("Restaurant"), restaurant_text(order)),
                ],
                "open_commands": [command_row(one, order=order, now=now) for one in commands],
                "back_url": keep_filters(request, order_url(order)),
            }
        context = self.admin_site.each_context(request) | {"opts": self.opts} | context
        return TemplateResponse(request, "admin/orders/order/ask.html", context)

    # --- many orders -----------------------------------------------------------------------------------

    def ask_many_view(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Request the action for each order that the form names, and lead to the outcomes."""
        form_class = self._permitted(request, slug)
        ids = [int(text) for text in request.POST.getlist("order") if text.isdecimal() and len(text) < 19]
        orders = _orders(request, ids[:AT_ONCE])
        if request.method != "POST" or not orders or form_class.bulk is None:
            return HttpResponseRedirect(_orders_url(request))
        form = form_class(orders, request.POST)
        if not form.is_valid() or form.has_no_choices:
            return self.many_page(request, slug, form)
        run = str(form.cleaned_data["key"])
        results = [self._result(request, form, order) for order in orders]
        runs = {name: one for name, one in request.session.get(_RUNS, {}).items() if name != run}
        newest = dict(list(runs.items())[-(RUNS_KEPT - 1) :])
        request.session[_RUNS] = newest | {run: {"kind": form.action.kind.value, "results": results}}
        return HttpResponseRedirect(keep_filters(request, reverse("admin:orders_order_asked", args=[run])))

    def many_page(self, request: HttpRequest, slug: str, form: ActionForm) -> TemplateResponse:
        page = self.form_page(request, form)
        count = len(form.orders)
        page.context_data = (page.context_data or {}) | {
            "action_url": keep_filters(request, reverse("admin:orders_order_ask_many", args=[slug])),
            "is_many": True,
            "subtitle": ngettext("%(count)d order", "%(count)d orders", count) % {"count": count},
            "headline": [],
            "hidden": [("order", order.pk) for order in form.orders],
        }
        return page

    def _result(self, request: HttpRequest, form: ActionForm, order: Order) -> dict[str, object]:
        """Request the action for one order; a refusal does not affect the others."""
        try:
            command, _is_new = requested_once(request, form, order)
        except HubError as error:
            record_refusal(order, error.code)
            return {"order": order.pk, "command": None, "reason": refusal_text(error)}
        return {"order": order.pk, "command": command.pk, "reason": ""}

    def asked_view(self, request: HttpRequest, run: object) -> HttpResponse:
        """Show the outcome for each order of a bulk action, as things stand now."""
        kept = request.session.get(_RUNS, {}).get(str(run))
        if kept is None or not sees_commands(request.user) or not request.user.has_perm("orders.view_order"):
            messages.info(request, gettext("The page of each order shows the outcome."))
            return HttpResponseRedirect(_orders_url(request))
        rows = _result_rows(request, kept["results"])
        context = {
            "title": action_of(kept["kind"]).title,
            "subtitle": None,
            "opts": self.opts,
            "rows": rows,
            "counts": _counts(rows),
        }
        return TemplateResponse(
            request, "admin/orders/order/asked.html", self.admin_site.each_context(request) | context
        )


BulkAction = Callable[["ActionViews", HttpRequest, QuerySet[Order]], HttpResponse | None]


def _choose(
    views: ActionViews, request: HttpRequest, queryset: QuerySet[Order], *, slug: str
) -> HttpResponse | None:
    """Show the form for the orders that were selected in the list."""
    ids = list(queryset.order_by("-id").values_list("pk", flat=True)[: AT_ONCE + 1])
    if len(ids) > AT_ONCE:
        words = gettext("More than %(count)d orders are chosen. Choose fewer; the filters help.")
        messages.error(request, words % {"count": AT_ONCE})
        return None
    orders = _orders(request, ids)
    if not orders:
        return None  # they are gone, or of a restaurant that the person may not see
    # From here on the page's address remembers how the list was filtered.
    request.GET = QueryDict(urlencode({FILTERS: request.GET.urlencode()}))
    return views.many_page(request, slug, FORMS[slug](orders))


def requested_url(command: OrderCommand, how: str = "") -> str:
    """Lead to the order's page, which shows the outcome (``command_panel.requested_note``).

    A message would stay as it is while the command is refused below it.
    """
    query = {"command": str(command.pk)} | ({"how": how} if how else {})
    return f"{reverse('admin:orders_order_change', args=[command.order_id])}?{urlencode(query)}"


def report_acknowledged(request: HttpRequest, done: list[bool]) -> None:
    """Say how many of the chosen are acknowledged, with those that were before."""
    words = ngettext("%(count)d acknowledged.", "%(count)d acknowledged.", len(done))
    report = messages.success if done else messages.warning
    report(
        request, words % {"count": len(done)} if done else gettext("Nothing here needs to be acknowledged.")
    )


def order_url(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])


def _orders_url(request: HttpRequest) -> str:
    return list_url(request, reverse("admin:orders_order_changelist"))


def _orders(request: HttpRequest, ids: list[int]) -> list[Order]:
    """Read those of the orders that the person may see, to be shown."""
    orders = Order.objects.shown(people=sees_guests(request.user)).select_related("organization")
    visible = visible_to(request.user, orders)
    return list(visible.filter(pk__in=ids).order_by("-id"))


def _form_rows(form: ActionForm) -> list[dict[str, object]]:
    """Return the orders of a form, each with why it will be refused as far as is known."""
    if not form.is_bulk:
        return []
    now = db_clock.now()
    return [
        {
            "order": order,
            "url": order_url(order),
            "badges": badges(order, now),
            "courier": courier_text(order),
            "refused": form.why_not(order),
        }
        for order in form.orders
    ]


def _result_rows(request: HttpRequest, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    now = db_clock.now()
    orders = {order.pk: order for order in _orders(request, [one["order"] for one in results])}
    commands = OrderCommand.objects.in_bulk([one["command"] for one in results if one["command"]])
    rows = []
    for one in results:
        # Rows of one order are merged: its commands go with the one that stays.
        command = commands.get(one["command"])
        order = orders.get(one["order"])
        if order is None:
            continue
        row = command_row(command, order=order, now=now) if command else None
        url = order_url(order)
        rows.append({"order": order, "url": url, "command": row, "reason": one["reason"]})
    return rows


def _counts(rows: list[dict[str, Any]]) -> list[tuple[Any, int]]:
    waiting = sum(1 for row in rows if row["command"] and not row["command"]["is_final"])
    done = sum(1 for row in rows if row["command"] and row["command"]["is_done"])
    undone = len(rows) - waiting - done
    # Read after the number, of a command.
    counts = [
        (ngettext("is waiting for iiko", "are waiting for iiko", waiting), waiting),
        (ngettext("is done", "are done", done), done),
        (ngettext("is not done", "are not done", undone), undone),
    ]
    return [(title, count) for title, count in counts if count]
