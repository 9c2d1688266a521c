"""What is wrong with an order."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.db.models import Exists, Func, JSONField, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from attention.models.items import AttentionItem, Severity
from attention.rules.base import Finding, Limits, NextStep, Rule, moments_of
from iiko_client.models.order_lines import iso
from orders.mirror.timeline import SHOWN_AT
from orders.models.order import COUNTED_FOR, Order, OrderType, Status, TimelineEntry
from orders.models.stage_times import StageTimes
from orders.stage_times import at_risk_from, usual_times
from orders.twice import possible_duplicates
from organizations.models.stop_lists import StopListItem

NAMING = ("organization_id", "readable_number", "external_order_id", "soi_external_id", "iiko_order_id")
"""What a finding of an order is told by, and its restaurant."""

Facts = Mapping[str, Any]
"""The facts of an item, with its moments in words."""

_LONGEST_TEXT = 100
_DISHES_NAMED = 10


def subject_of(order_id: int) -> str:
    return f"order:{order_id}"


class OrderRule(Rule):
    permission = "orders.view_order"

    def finding(self, order: Order, since: datetime, **facts: object) -> Finding:
        """Make a finding of an order that was read with ``NAMING``."""
        return Finding(
            subject=subject_of(order.pk),
            since=since,
            organization_id=order.organization_id,
            order_id=order.pk,
            facts={"order": str(order), **facts},
        )

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        return self.words(item.facts | moments_of(item, now=now, zone=zone))

    @abstractmethod
    def words(self, facts: Facts) -> str:
        """Say it, with the moments of ``facts`` (promised, since) in words."""

    def next_step(self, item: AttentionItem) -> NextStep | None:
        return None if item.order_id is None else order_step(item.order_id)


def order_step(order_id: int) -> NextStep:
    return NextStep(_("Open the order"), reverse("console:order", args=[order_id]), "orders.view_order")


class Late(OrderRule):
    """The guest still waits though the promised time is over."""

    name = "late"
    title = gettext_lazy("Order is late")
    severity = Severity.CRITICAL
    limit = 0

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        waiting = Order.objects.open().filter(promised_time__lt=now - shortest, when_delivered__isnull=True)
        for order in waiting.only(*NAMING, "promised_time").order_by():
            if order.promised_time is not None:
                yield self.finding(order, order.promised_time, promised=iso(order.promised_time))

    def words(self, facts: Facts) -> str:
        return _("Order %(order)s is late: it was promised for %(promised)s.") % facts


class WillBeLate(OrderRule):
    """It will be late if its stages last as long as they usually do (``orders.stage_times``)."""

    name = "will_be_late"
    title = gettext_lazy("Order will be late")
    severity = Severity.WARNING

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        usual = usual_times(None)
        waiting = Order.objects.open().filter(
            organization_id__in=list(usual),
            # Later ones have time for all their stages.
            promised_time__range=(now, now + max(map(_all_stages, usual.values()), default=timedelta())),
            when_delivered__isnull=True,
        )
        stages = ("when_created", "when_printed", "when_cooking_completed", "when_sent", "when_delivered")
        fields = (*NAMING, *stages, "promised_time", "order_type", "is_open")
        for order in waiting.only(*fields).order_by():
            since = at_risk_from(order, usual)
            if since is not None and since <= now:
                yield self.finding(order, since, promised=iso(order.promised_time))

    def words(self, facts: Facts) -> str:
        words = _("Order %(order)s will usually be late: it is promised for %(promised)s.")
        return words % facts


def _all_stages(times: StageTimes) -> timedelta:
    stages = (times.accept_s, times.cook_s, times.wait_s, times.carry_s)
    return timedelta(seconds=sum(length or 0 for length in stages))


class NoCourier(OrderRule):
    """A delivery is cooked, and nobody is to carry it."""

    name = "no_courier"
    title = gettext_lazy("No courier for a cooked order")
    severity = Severity.CRITICAL
    limit = 5

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        cooked = Order.objects.open().filter(
            order_type=OrderType.DELIVERY,
            when_cooking_completed__lte=now - shortest,
            when_delivered__isnull=True,
        )
        waiting = cooked.exclude(status=Status.DELIVERED).filter(
            *(
                Q(**{f"{name}__isnull": True}) | Q(**{name: ""})
                for name in (
                    "courier_id",
                    "courier_name",
                    "external_courier_service_id",
                    "external_courier_service_name",
                )
            )
        )
        for order in waiting.only(*NAMING, "when_cooking_completed").order_by():
            if (since := order.when_cooking_completed) is not None:
                yield self.finding(order, since)

    def words(self, facts: Facts) -> str:
        return _("Order %(order)s is cooked since %(since)s and has no courier.") % facts


class CreationRefused(OrderRule):
    """The POS did not take an order; until somebody acknowledges it, for a day at most."""

    name = "creation_refused"
    title = gettext_lazy("Order not taken by the POS")
    severity = Severity.CRITICAL

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        refused = Order.objects.refused_lately(now).only(*NAMING, "error_info", "updated_at")
        for order in refused.order_by():
            error = order.error_info if isinstance(order.error_info, dict) else {}
            yield self.finding(order, order.updated_at, code=str(error.get("code") or "")[:_LONGEST_TEXT])

    def words(self, facts: Facts) -> str:
        words = _("The POS did not take order %(order)s: nobody cooks it.")
        if facts.get("code"):
            words = _("The POS did not take order %(order)s (%(code)s): nobody cooks it.")
        return words % facts


class Problem(OrderRule):
    """The restaurant marked a problem. Its words stay with the order: they may name the guest."""

    name = "problem"
    title = gettext_lazy("Problem with an order")
    severity = Severity.WARNING

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        marked = TimelineEntry.objects.filter(order=OuterRef("pk"), what="problem").order_by("-id")
        since = Coalesce(Subquery(marked.values(at=SHOWN_AT)[:1]), "updated_at")
        orders = Order.objects.open().filter(problem__isnull=False).annotate(problem_at=since)
        for order in orders.only(*NAMING).order_by():
            yield self.finding(order, order.problem_at)  # type: ignore[attr-defined]  # added above

    def words(self, facts: Facts) -> str:
        return _("The restaurant reports a problem with order %(order)s.") % facts


class UnknownStatus(OrderRule):
    """iiko sent a status that the hub does not know."""

    name = "unknown_status"
    title = gettext_lazy("Unknown status of an order")
    severity = Severity.WARNING

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        unknown = Order.objects.open().filter(status__isnull=True, raw_status__isnull=False)
        for order in unknown.only(*NAMING, "raw_status", "updated_at").order_by():
            yield self.finding(order, order.updated_at, status=(order.raw_status or "")[:_LONGEST_TEXT])

    def words(self, facts: Facts) -> str:
        words = _("iiko sends a status of order %(order)s that the hub does not know: “%(status)s”.")
        return words % facts


class NotListed(OrderRule):
    """iiko lists an open order no more; also a day after the hub took it off the board for that."""

    name = "not_listed"
    title = gettext_lazy("iiko no longer lists an open order")
    severity = Severity.WARNING
    limit = 1

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        left_out = Q(is_open=True, not_listed_since__lte=now - shortest)
        taken_off = Q(unknown_to_iiko_at__gte=now - COUNTED_FOR)
        noted = Order.objects.listed_nowhere().filter(left_out | taken_off)
        for order in noted.only(*NAMING, "not_listed_since", "unknown_to_iiko_at", "is_open").order_by():
            since = order.not_listed_since or order.unknown_to_iiko_at
            if since is not None:
                yield self.finding(order, since, is_on_board=bool(order.is_open))

    def words(self, facts: Facts) -> str:
        if facts.get("is_on_board"):
            return _("iiko does not list order %(order)s since %(since)s, though it is open here.") % facts
        words = _("iiko does not list order %(order)s since %(since)s: it is off the board.")
        return words % facts


_BEFORE_THE_KITCHEN = (Status.UNCONFIRMED, Status.WAIT_COOKING, Status.READY_FOR_COOKING)


class DishOut(OrderRule):
    """An order that the kitchen has not begun has a dish that is out of stock.

    A dish that is printed was there: the last portion of it puts it on the stop list.
    """

    name = "dish_out"
    title = gettext_lazy("Dish of an open order is out of stock")
    severity = Severity.WARNING

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        # Of a product with sizes only what is out in all of them: an order names its size in words.
        out = StopListItem.objects.current().filter(is_out_of_stock=True, size_id="")
        since = {
            (ident, group, product): at
            for ident, group, product, at in out.values_list(
                "organization__iiko_id", "terminal_group_id", "product_id", "since"
            )
        }
        for order in _not_begun(since):
            stops = {
                name: max(since[key], order.created_at)
                for name, product in _dishes(order)
                if (key := (order.organization_id, order.terminal_group_id or "", product)) in since
            }
            if stops:
                dishes = sorted(stops)
                yield self.finding(
                    order, min(stops.values()), dishes=dishes[:_DISHES_NAMED], count=len(dishes)
                )

    def words(self, facts: Facts) -> str:
        words = ngettext(
            "%(count)d dish of order %(order)s is out of stock: %(dishes)s.",
            "%(count)d dishes of order %(order)s are out of stock: %(dishes)s.",
            facts["count"],
        )
        dishes = ", ".join(map(str, facts["dishes"]))
        return words % {"order": facts["order"], "count": facts["count"], "dishes": dishes}


def _not_begun(out: Collection[tuple[str, str, str]]) -> Iterable[Order]:
    """Read the open orders that the kitchen has not begun and that may have one of these dishes."""
    if not out:
        return ()
    products = Func(
        "items", Value("$.**.product_id"), function="jsonb_path_query_array", output_field=JSONField()
    )
    waiting = Order.objects.open().filter(
        Q(status__isnull=True) | Q(status__in=_BEFORE_THE_KITCHEN),
        organization_id__in={ident for ident, _group, _product in out},
        when_printed__isnull=True,
    )
    some = waiting.alias(products=products).filter(
        products__has_any_keys=sorted({product for _ident, _group, product in out})
    )
    return some.only(*NAMING, "terminal_group_id", "items", "created_at").order_by()


def _dishes(order: Order) -> Iterator[tuple[str, str]]:
    """Yield name and product of each dish; a compound one by its components."""
    for line in order.items:
        if not line.get("is_deleted"):
            for part in line.get("components") or [line]:
                yield str(part.get("name") or line.get("name") or ""), str(part.get("product_id") or "")


class OrderTwice(OrderRule):
    """An order was perhaps made twice; found for the later one."""

    name = "order_twice"
    title = gettext_lazy("Order there twice")
    severity = Severity.WARNING
    limit = 10

    def find(self, now: datetime, limits: Limits) -> Iterator[Finding]:
        """Yield the later of two orders that were made within the limit of the restaurant."""
        by_restaurant: dict[str, list[Order]] = defaultdict(list)
        for order in self._alike():
            by_restaurant[order.organization_id].append(order)
        for organization_id, orders in by_restaurant.items():
            within = limits.of(organization_id)
            found = {} if within is None else possible_duplicates(orders, within=within)
            pairs = {_pair(one, found[one.pk]) for one in orders if one.pk in found}
            for earlier, later in pairs:
                yield self.finding(later, later.when_created or now, other=str(earlier))

    def candidates(self, now: datetime, shortest: timedelta) -> Iterable[Finding]:
        raise NotImplementedError("Its limit is no age: see find.")

    def _alike(self) -> Iterable[Order]:
        known = Order.objects.open().filter(phone__gt="", amount_minor__gt=0, when_created__isnull=False)
        alike = known.filter(
            organization_id=OuterRef("organization_id"),
            phone=OuterRef("phone"),
            amount_minor=OuterRef("amount_minor"),
        )
        several = known.filter(Exists(alike.exclude(pk=OuterRef("pk"))))
        return several.only(*NAMING, "phone", "amount_minor", "when_created", "is_open").order_by()

    def words(self, facts: Facts) -> str:
        return _("Order %(order)s was perhaps made twice: %(other)s is like it.") % facts


def _pair(one: Order, other: Order) -> tuple[Order, Order]:
    """Return both, the one that was made earlier first."""
    first, second = sorted((one, other), key=lambda order: (str(order.when_created), order.pk))
    return first, second
