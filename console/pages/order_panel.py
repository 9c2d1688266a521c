"""The panel of one order beside the board: what is promised, who waits, what was paid, what to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from attention.access import items_for
from console.attention.rows import row_context, rows_of
from console.board.written import due_text
from console.pages.discount_total import new_total
from console.pages.frame import Frame, frame_context, frame_of, sees_orders
from core.access import visible_to
from core.display import clock, money, span_text
from core.values.phones import has_phone, normal_phone, phone_key
from orders.admin.call_rows import calls_about
from orders.admin.command_panel import commands_of, may_acknowledge, requested_note
from orders.admin.display import (
    address_text,
    badges,
    courier_text,
    customer_text,
    external_courier_text,
    link_text,
    phone_line,
    type_text,
)
from orders.admin.forms import ActionForm, CourierForm, DiscountForm, StatusForm
from orders.admin.order_page import order_events, order_facts
from orders.mirror.relations import relatives_of
from orders.models.order import MergedOrder, Order, OrderType
from orders.models.stage_times import StageTimes
from orders.stage_times import usual_times

EARLIER_SHOWN = 5
TECHNICAL_SHOWN = 20
MAP_URL = "https://yandex.ru/maps/?"
"""Opened by a click alone; the console itself asks nothing of other hosts."""

_STAGES = (
    ("when_created", "accept_s", gettext_lazy("accepting")),
    ("when_printed", "cook_s", gettext_lazy("cooking")),
    ("when_cooking_completed", "wait_s", gettext_lazy("waiting")),
    ("when_sent", "carry_s", gettext_lazy("on the way")),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of an order: ``span`` is how long it lasted or lasts, ``usual`` how long it usually does."""

    title: str
    is_begun: bool
    is_over: bool
    span: str
    usual: str
    excess_s: int


@require_GET
@never_cache
@sees_orders
def order_panel(request: HttpRequest, number: int) -> HttpResponse:
    """Show the panel: alone for the board's script, with the frame around it at its own address."""
    frame = frame_of(request)
    order = orders_of(frame).filter(pk=number).first()
    if order is None:
        former = get_object_or_404(visible_to(request.user, MergedOrder.objects.all()), pk=number)
        return redirect("console:order", former.order_id)
    return show_panel(request, order, frame=frame, query=request.GET)


def orders_of(frame: Frame) -> QuerySet[Order]:
    """Return the orders that the person may see, to be shown, each with its restaurant."""
    orders = Order.objects.shown(people=frame.shows_people)
    return orders.filter(organization__in=frame.every).select_related("organization")


def show_panel(
    request: HttpRequest,
    order: Order,
    *,
    frame: Frame,
    form: ActionForm | None = None,
    query: Mapping[str, str] | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    """Answer the panel.

    ``form`` is open in it, ``query`` names the command whose outcome is followed, ``problem`` says why
    nothing was done.
    """
    context = _panel(order, request.user, frame, form, query or {}) | {"problem": problem}
    if request.headers.get("HX-Request"):
        return render(request, "console/panel.html", context, status=status)
    return render(request, "console/order.html", frame_context(frame) | context, status=status)


def panel_url(order_id: int, query: Mapping[str, str]) -> str:
    """Return the address of the panel; with the command that it follows, if ``query`` names one."""
    named = {name: query[name] for name in ("command", "how") if query.get(name)}
    return reverse("console:order", args=[order_id], query=named or None)


def panel_link(order: Order) -> SafeString:
    return format_html(
        '<a href="{}" data-panel="{}">{}</a>', reverse("console:order", args=[order.pk]), order.pk, order
    )


def _panel(
    order: Order,
    user: User | AnonymousUser,
    frame: Frame,
    form: ActionForm | None,
    query: Mapping[str, str],
) -> dict[str, Any]:
    now = frame.now
    relatives = relatives_of(order, visible=orders_of(frame))
    commands = commands_of(order, user=user, now=now)
    stages = list(_stages(order, usual_times([order.organization_id]).get(order.organization_id), now))
    return {
        **order_facts(order, relatives=relatives, now=now, link=panel_link),
        **commands,
        "order": order,
        "url": panel_url(order.pk, query),
        **_attention(order, user, now, back=panel_url(order.pk, query)),
        "is_followed": any(not row["is_final"] for row in commands.get("under_way", ())),
        "requested": requested_note(order, query, user=user, now=now),
        "may_acknowledge": may_acknowledge(order, user),
        "form": form,
        "refused": "" if form is None or form.is_bound else form.why_not(order),
        "present": _present(order, form, now),
        "new_total": new_total(form) if isinstance(form, DiscountForm) and form.is_bound else None,
        "due": due_text(order.promised_time, now) if order.promised_time and order.is_open else "",
        "is_late": order.late_at(now),
        "kind": type_text(order),
        "promised": _promised(order, frame),
        "restaurant": order.organization.name if len(frame.every) > 1 else "",
        "stages": stages,
        "why_late": _why_late(order, stages, now),
        "who": customer_text(order.customer),
        "phone": phone_line(order.phone, order.phone_extension),
        "dial": normal_phone(order.phone or "") if frame.shows_people else "",
        "address_line": address_text(order.address) if order.address else "",
        "map_url": _map_url(order),
        "outside_courier": external_courier_text(order),
        "tracking": link_text(order.tracking_link, _("where the courier is")),
        "courier_dial": normal_phone(order.courier_phone or "") if frame.shows_people else "",
        "earlier": _earlier(order, frame),
        "events": order_events(order, now=now)[:TECHNICAL_SHOWN]
        if user.has_perm("webhooks.view_webhookevent")
        else [],
        "calls": calls_about(order, now=now)[:TECHNICAL_SHOWN]
        if user.has_perm("organizations.view_apicall")
        else [],
    }


def _attention(order: Order, user: User | AnonymousUser, now: datetime, *, back: str) -> dict[str, Any]:
    """Return the items of the attention list that are about the order, with what their rows need."""
    items = items_for(user).current().filter(order=order.pk)
    rows = {"attention": rows_of(items, user=user, now=now)}
    return rows | row_context(user, back=back, is_in_panel=True)


def _present(order: Order, form: ActionForm | None, now: datetime) -> list[tuple[str, str | SafeString]]:
    """Say how what a form changes stands at present."""
    match form:
        case StatusForm():
            return [(_("Status now"), badges(order, now))]
        case CourierForm():
            return [(_("Courier now"), courier_text(order))]
        case DiscountForm():
            return [(_("Costs now"), money(order.amount_minor, order.organization.currency))]
    return []


def _stages(order: Order, usual: StageTimes | None, now: datetime) -> Iterator[Stage]:
    """Yield the stages in their course; a stage ends where the next one known begins."""
    rows = _STAGES if order.order_type == OrderType.DELIVERY else _STAGES[:2]
    begins = [getattr(order, column) for column, _usual, _title in rows]
    end = order.when_delivered or order.when_closed or order.when_cancelled
    for place, (_column, length, title) in enumerate(rows):
        began = begins[place]
        ended = next((at for at in begins[place + 1 :] if at is not None), end)
        usual_s = getattr(usual, length) if usual is not None else None
        lasted = (ended or now) - began if began is not None else None
        yield Stage(
            title=str(title),
            is_begun=began is not None,
            is_over=began is not None and ended is not None,
            span=span_text(lasted) if lasted is not None else "",
            usual=_("usually %(count)d min") % {"count": round(usual_s / 60)} if usual_s is not None else "",
            excess_s=int(lasted.total_seconds()) - usual_s
            if lasted is not None and usual_s is not None
            else 0,
        )


def _why_late(order: Order, stages: list[Stage], now: datetime) -> str:
    """Say in one sentence which stage took the time; empty text for an order in time."""
    if not order.late_at(now):
        return ""
    slowest = max(stages, key=lambda stage: stage.excess_s, default=None)
    if slowest is None or slowest.excess_s < 60:
        return _("It is late, and no stage took much longer than usual: the promise was short.")
    minutes = slowest.excess_s // 60
    words = ngettext(
        "It is late: %(stage)s takes %(count)d minute longer than usual.",
        "It is late: %(stage)s takes %(count)d minutes longer than usual.",
        minutes,
    )
    return words % {"stage": slowest.title, "count": minutes}


def _promised(order: Order, frame: Frame) -> SafeString | str:
    """Write the promised time on the restaurant's clock; with its zone for who sees several."""
    if order.promised_time is None:
        return ""
    several = len({one.timezone for one in frame.every}) > 1
    return clock(order.promised_time, order.organization.zone(), now=frame.now, with_offset=several)


def _map_url(order: Order) -> str:
    if not order.address or order.hides_people:
        return ""
    names = ("city", "street", "house", "line1")
    where = ", ".join(str(order.address[name]) for name in names if order.address.get(name))
    return f"{MAP_URL}{urlencode({'text': where})}" if where else ""


def _earlier(order: Order, frame: Frame) -> list[Order]:
    """Return the guest's other orders, by phone, in the person's restaurants; newest first."""
    if not order.phone or order.hides_people:
        return []
    same = orders_of(frame).alias(phone_key=phone_key("phone")).filter(has_phone("phone_key", order.phone))
    return list(same.exclude(pk=order.pk).order_by("-id")[:EARLIER_SHOWN])
