"""Search over all restaurants of a person: a page of its own, and what appears below the box as one types."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from console.pages.frame import Frame, frame_context, frame_of, sees_orders
from core.admin.base import is_out_of_patience, patience
from core.display import EMPTY, clock
from orders.admin.display import (
    address_text,
    courier_text,
    customer_text,
    late_badge,
    phone_line,
    problem_badge,
    status_badge,
)
from orders.models.order import Order, OrderQuerySet
from orders.search.find import found_by, searchable
from orders.search.marks import Marker
from orders.search.words import LONGEST

PAGE = 30
BELOW_BOX = 8
"""So many appear below the box; the page has the rest."""

_READ = (
    *(
        "organization_id",
        "readable_number",
        "external_order_id",
        "soi_external_id",
        "iiko_order_id",
        "pos_id",
    ),
    *("status", "raw_status", "creation_status", "is_open", "is_deleted", "problem", "promised_time"),
    *("when_delivered", "when_closed", "courier_name", "external_courier_service_id"),
    *("external_courier_service_name", "customer", "phone", "phone_extension", "address", "created_at"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page goes on: among the open orders or the others, below a number."""

    is_open: bool = True
    below: int | None = None

    @classmethod
    def of(cls, text: str) -> "Place":
        """Read what ``str`` wrote; anything else is the beginning."""
        group, _dash, number = text.partition("-")
        is_one = group in {"open", "over"} and number.isascii() and number.isdigit() and len(number) < 19
        return cls(group == "open", int(number)) if is_one else cls()

    def __str__(self) -> str:
        return f"{'open' if self.is_open else 'over'}-{self.below}"


@dataclass(frozen=True, slots=True)
class Found:
    """One order as a line of the results, with what matched marked."""

    order: Order
    title: SafeString
    state: SafeString
    promised: SafeString
    restaurant: str
    is_exact: bool
    facts: Sequence[SafeString]


@require_GET
@never_cache
def search(request: HttpRequest) -> HttpResponse:
    """Answer the page, or to the page's script the lines alone; 401 where it is not signed in."""
    if request.headers.get("HX-Request") and not request.user.is_authenticated:
        return HttpResponse(status=401)
    return _results(request)


@sees_orders
def _results(request: HttpRequest) -> HttpResponse:
    frame = frame_of(request)
    text = request.GET.get("q", "").strip()
    context = _found(text, request, frame)
    if request.headers.get("HX-Request"):
        return render(request, "console/found.html", context)
    only = _only(context["found"]) if "list" not in request.GET else None
    if only is not None:
        return redirect("console:order", only.pk)
    return render(request, "console/search.html", frame_context(frame) | context)


def _found(text: str, request: HttpRequest, frame: Frame) -> dict[str, Any]:
    place = Place.of(request.GET.get("after", ""))
    is_below_box = request.headers.get("HX-Target") == "search-found"
    is_too_long = len(text) > LONGEST
    page: list[Order] = []
    is_too_slow = False
    if text and not is_too_long:
        try:
            with patience():
                page = _page(found_by(_orders_of(frame), text, people=frame.shows_people), place)
        except OperationalError as error:
            if not is_out_of_patience(error):
                raise
            is_too_slow = True
    marker = Marker(text)
    # Of those that are open, the number itself stands before numbers that begin with it.
    orders = sorted(page[:PAGE], key=lambda order: (not order.is_open, not _is_exact(order, marker)))
    return {
        "q": text,
        "found": list(_lines(orders[: BELOW_BOX if is_below_box else PAGE], marker, frame)),
        "count": len(orders),
        "more": Place(bool(page[PAGE - 1].is_open), page[PAGE - 1].pk) if len(page) > PAGE else None,
        "is_below_box": is_below_box,
        "is_first": place == Place(),
        "is_too_long": is_too_long,
        "is_too_slow": is_too_slow,
        "longest": LONGEST,
        "searchable": searchable(people=frame.shows_people),
    }


def _orders_of(frame: Frame) -> OrderQuerySet:
    ids = [one.iiko_id for one in frame.every]
    orders = Order.objects.shown(people=frame.shows_people)
    return orders.filter(organization_id__in=ids).only(*_READ)


def _page(found: OrderQuerySet, place: Place) -> list[Order]:
    """Read a page and one order more, to tell that there is one: the open ones first, the newest first."""
    orders: list[Order] = []
    for is_open in (True, False) if place.is_open else (False,):
        group = found.filter(is_open=is_open).order_by("-pk")
        if is_open == place.is_open and place.below is not None:
            group = group.filter(pk__lt=place.below)
        orders += group[: PAGE + 1 - len(orders)]
        if len(orders) > PAGE:
            break
    return orders


def _only(lines: Sequence[Found]) -> Order | None:
    """Return the order that was surely meant: the only one, or the only open one of that very number."""
    if len(lines) == 1:
        return lines[0].order
    exact = [line.order for line in lines if line.is_exact and line.order.is_open]
    return exact[0] if len(exact) == 1 else None


# --- lines -------------------------------------------------------------------------------------------


def _lines(orders: Sequence[Order], marker: Marker, frame: Frame) -> Iterator[Found]:
    restaurants = {one.iiko_id: one for one in frame.every}
    is_many_zones = len({one.timezone for one in frame.every}) > 1
    for order in orders:
        restaurant = restaurants[order.organization_id]
        yield Found(
            order=order,
            title=marker.mark(str(order)),
            state=_state(order, frame),
            promised=clock(order.promised_time, restaurant.zone(), now=frame.now, with_offset=is_many_zones),
            restaurant=restaurant.name,
            is_exact=_is_exact(order, marker),
            facts=list(_facts(order, marker)),
        )


def _is_exact(order: Order, marker: Marker) -> bool:
    return marker.is_name(order.readable_number, order.external_order_id, order.soi_external_id)


def _state(order: Order, frame: Frame) -> SafeString:
    late = late_badge(order, frame.now) if order.is_open else SafeString("")
    return SafeString(" ".join(filter(None, (status_badge(order), late, problem_badge(order)))))


def _facts(order: Order, marker: Marker) -> Iterator[SafeString]:
    """Yield what people know an order by; ids only where they were looked for."""
    shown = (
        customer_text(order.customer),
        phone_line(order.phone, order.phone_extension) or EMPTY,
        _street(order),
        courier_text(order),
    )
    yield from (marker.mark(fact) for fact in shown if fact != EMPTY)
    external = order.external_order_id or order.soi_external_id
    if external and external != str(order):
        yield marker.mark(external)
    for ident in (order.iiko_order_id, order.pos_id):
        if ident and marker.has_found(ident):
            yield marker.mark(ident)


def _street(order: Order) -> str:
    address = order.address or {}
    return address_text({name: address.get(name) for name in ("street", "house", "line1")})
