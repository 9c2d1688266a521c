"""Loyalty in the admin: guests with their wallets, the ledger, and the differences of the daily check."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, Q, QuerySet, Value
from django.http import HttpRequest
from django.urls import URLPattern, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import Context, MirrorAdmin
from core.admin.filters import States, choices_filter, states_filter
from core.database import db_clock
from core.display import EMPTY, clock, stacked, truncated
from core.redaction import masked_card, masked_email
from core.values.ids import searchable_id
from core.values.name_keys import has_words
from core.values.phones import has_phone, phone_key
from loyalty.admin.cancel_page import CancelPage, may_cancel
from loyalty.admin.display import (
    actor_text,
    amount_text,
    balance_text,
    hold_text,
    kind_text,
    minor_text,
    moved_text,
    order_link,
    phone_text,
    state_badge,
    wait_text,
)
from loyalty.admin.forms import FindGuestForm
from loyalty.admin.wallet_pages import WalletPages, may, words_of
from loyalty.failure_texts import explain, explain_detail
from loyalty.models import (
    BalanceDifference,
    Customer,
    LoyaltyOperation,
    OperationKind,
    OperationState,
    Wallet,
)
from loyalty.permissions import SEES_PEOPLE
from loyalty.wallets.queue import wait_of, waits_of
from organizations.admin.filters import moment_range_filter, restaurant_filter
from organizations.admin.zones import naming_zones

_SHOWN_OPERATIONS = 100


# Two things people look for: what is not over, and money still put aside.
OPERATION_STATES: States = {
    "open": (_("not over"), lambda operations: operations.open()),
    "held": (_("holds in force"), lambda operations: operations.open_holds()),
}


def sees_people(request: HttpRequest) -> bool:
    return request.user.has_perm(SEES_PEOPLE)


@admin.register(Customer)
class CustomerAdmin(WalletPages, MirrorAdmin[Customer]):
    list_display = ("guest", "restaurant", "balances", "read")
    list_filter = (restaurant_filter(),)
    list_before_template = "admin/loyalty/customer/above_list.html"
    change_form_template = "admin/loyalty/customer/change_form.html"
    search_fields = ("iiko_id",)  # shows the box; see get_search_results
    search_help_text = _(
        "A phone, an e-mail, a card or an id, exactly; a part of the name; or, for those who see phones, the "
        "last four digits of one"
    )
    sortable_by = ()
    empty_words = _("Guests appear here once they were looked for in iiko.")
    fields = ()

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        return self.wallet_urls() + urls

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        customers: QuerySet[Customer] = super().get_queryset(request)
        wallets = Prefetch("wallets", Wallet.objects.order_by("id"))
        # The columns need to know who looks, and one admin serves many people at once.
        customers = customers.annotate(sees_people=Value(sees_people(request)))
        return naming_zones(customers).select_related("organization").prefetch_related(wallets)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        text = search_term.strip()
        if not text or "\0" in text:
            return (queryset.none() if text else queryset), False
        found = Q(iiko_id=searchable_id(text)) | Q(email__iexact=text) | has_words(text, "name_key")
        found |= Q(cards__contains=[{"number": text}]) | Q(cards__contains=[{"track": text}])
        found |= has_phone("phone_key", text, by_last_digits=sees_people(request))
        return queryset.alias(phone_key=phone_key("phone")).filter(found), False

    def list_context(self, request: HttpRequest) -> Context:
        return {"find_form": FindGuestForm(auto_id="find_%s")}

    def page_context(self, request: HttpRequest, row: Customer) -> Context:
        return customer_page(request, row) | {"title": str(row)}

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("guest"))
    def guest(self, customer: Any) -> SafeString:
        return stacked(str(customer), phone_text(customer, sees_people=customer.sees_people))

    @admin.display(description=_("restaurant"))
    def restaurant(self, customer: Customer) -> SafeString:
        return truncated(customer.organization.name)

    @admin.display(description=_("balances when last read"))
    def balances(self, customer: Customer) -> SafeString | str:
        currency = customer.organization.currency
        lines = [(str(wallet), balance_text(wallet, currency)) for wallet in customer.wallets.all()]
        return format_html_join("", "<div>{}: {}</div>", lines) or EMPTY

    @admin.display(description=_("read"))
    def read(self, customer: Any) -> SafeString:
        zone, is_shifted = customer.organization.zone(), customer.is_many_zones
        return clock(customer.read_at, zone, now=db_clock.now(), with_offset=is_shifted)


def customer_page(request: HttpRequest, customer: Customer) -> dict[str, Any]:
    """Collect what the page of a guest shows."""
    now, zone, currency = db_clock.now(), customer.organization.zone(), customer.organization.currency
    shown = sees_people(request)
    rows = LoyaltyOperation.objects.filter(wallet__customer=customer).select_related(
        "organization", "wallet__customer", "order"
    )
    shown_rows = list(rows.order_by("-id")[:_SHOWN_OPERATIONS])
    waits = waits_of(shown_rows, now=now)
    return {
        "headline": [
            (_("Restaurant"), customer.organization.name),
            (_("Phone"), phone_text(customer, sees_people=shown)),
            (_("E-mail"), (customer.email if shown else masked_email(customer.email)) or EMPTY),
            (_("Cards"), _cards(customer, shown=shown) or EMPTY),
            (_("Read from iiko"), clock(customer.read_at, zone, now=now, seconds=True)),
        ],
        "wallets": [
            {
                "wallet": wallet,
                "kind": kind_text(wallet),
                "balance": balance_text(wallet, currency),
                "read": clock(wallet.read_at, zone, now=now, seconds=True),
                "actions": _actions(request, customer, wallet),
                "refusal": explain(wallet.why_not_moved, ""),
            }
            for wallet in customer.wallets.order_by("id")
        ],
        "holds": [
            {
                "amount": moved_text(hold),
                "age": hold_text(hold, now),
                "order": order_link(hold, sees_orders=request.user.has_perm("orders.view_order")),
                "wallet": hold.wallet,
                "url": reverse("admin:loyalty_customer_release", args=[hold.pk]),
            }
            for hold in rows.open_holds().order_by("id")
        ],
        "requested_now": _requested_now(request, rows),
        "may_release": may(request, OperationKind.CANCEL_HOLD),
        "is_under_way": rows.open().exists(),
        "is_older": rows.filter(state=OperationState.CONFIRMED, finished_at__gte=customer.read_at).exists(),
        "operations": [
            {
                "operation": operation,
                "url": reverse("admin:loyalty_loyaltyoperation_change", args=[operation.pk]),
                "requested": clock(operation.created_at, zone, now=now, seconds=True),
                "badge": state_badge(operation),
                "wait": wait_text(waits.get(operation.pk), zone, now=now),
                "amount": amount_text(operation),
                "order": order_link(operation, sees_orders=request.user.has_perm("orders.view_order")),
            }
            for operation in shown_rows
        ],
        "read_url": reverse("admin:loyalty_customer_read", args=[customer.pk]),
    }


def _requested_now(request: HttpRequest, rows: QuerySet[LoyaltyOperation]) -> str | SafeString:
    """Say what the person has just requested, and how it stands; the address names the operation."""
    number = request.GET.get("operation", "")
    is_number = number.isdecimal() and len(number) < 19
    operation = rows.filter(pk=number).first() if is_number else None
    if operation is None:
        return ""
    url = reverse("admin:loyalty_loyaltyoperation_change", args=[operation.pk])
    link = format_html('<a class="hub-link" href="{}">{}</a>', url, operation)
    words = format_html(gettext("Requested: {}. This page shows the outcome."), link)
    return format_html("{} {}", words, state_badge(operation))


def _cards(customer: Customer, *, shown: bool) -> str:
    numbers = [card.get("number") or card.get("track") or "" for card in customer.cards]
    return ", ".join(number if shown else masked_card(number) for number in numbers if number)


def _actions(request: HttpRequest, customer: Customer, wallet: Wallet) -> list[tuple[str, str]]:
    kinds = (OperationKind.TOPUP, OperationKind.WITHDRAW, OperationKind.HOLD)
    return [
        (
            words_of(kind)[0],
            reverse("admin:loyalty_customer_move", args=[customer.pk, wallet.pk, kind.value]),
        )
        for kind in kinds
        if may(request, kind)
    ]


@admin.register(LoyaltyOperation)
class LoyaltyOperationAdmin(CancelPage, MirrorAdmin[LoyaltyOperation]):
    list_display = (
        "requested",
        "what",
        "amount",
        "outcome",
        "guest",
        "restaurant",
        "order_shown",
        "requester",
    )
    list_filter = (
        states_filter(OPERATION_STATES, values=OperationState.choices),
        choices_filter(_("what"), "kind", OperationKind.choices),
        restaurant_filter(),
        moment_range_filter(_("asked"), "asked", "created_at"),
    )
    change_form_template = "admin/loyalty/loyaltyoperation/change_form.html"
    search_fields = ("transaction_id",)  # shows the box; see get_search_results
    search_help_text = _("A transaction id, a marker, or the guest's id or phone, exactly")
    sortable_by = ()
    empty_words = _("Money moved in wallets is listed here.")
    fields = ()

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        return self.cancel_urls() + urls

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Add to each row of the page what it waits for, in one query."""
        changelist = super().get_changelist_instance(request)
        waits = waits_of(changelist.result_list, now=db_clock.now())
        for operation in changelist.result_list:
            operation.wait = waits.get(operation.pk)
        return changelist

    def get_queryset(self, request: HttpRequest) -> QuerySet[LoyaltyOperation]:
        rows: QuerySet[LoyaltyOperation] = super().get_queryset(request)
        rows = rows.annotate(sees_orders=Value(request.user.has_perm("orders.view_order")))
        return naming_zones(rows).select_related("organization", "wallet__customer", "order", "hold")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LoyaltyOperation], search_term: str
    ) -> tuple[QuerySet[LoyaltyOperation], bool]:
        text = search_term.strip()
        if not text or "\0" in text:
            return (queryset.none() if text else queryset), False
        found = Q(transaction_id=searchable_id(text)) | Q(marker=text)
        found |= Q(wallet__customer__iiko_id=searchable_id(text))
        found |= has_phone("phone_key", text)
        return queryset.alias(phone_key=phone_key("wallet__customer__phone")).filter(found), False

    def page_context(self, request: HttpRequest, row: LoyaltyOperation) -> Context:
        return operation_page(request, row) | {"title": str(row)}

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("requested"))
    def requested(self, operation: Any) -> SafeString:
        zone, is_shifted = operation.organization.zone(), operation.is_many_zones
        return clock(operation.created_at, zone, now=db_clock.now(), seconds=True, with_offset=is_shifted)

    @admin.display(description=_("what"))
    def what(self, operation: LoyaltyOperation) -> SafeString:
        return stacked(operation.get_kind_display(), operation.comment)

    @admin.display(description=_("amount"))
    def amount(self, operation: LoyaltyOperation) -> SafeString:
        return amount_text(operation)

    @admin.display(description=_("state"))
    def outcome(self, operation: Any) -> SafeString:
        now = db_clock.now()
        if waits := wait_text(operation.wait, operation.organization.zone(), now=now):
            return stacked(state_badge(operation), truncated(waits))
        is_hold = operation.kind == OperationKind.HOLD
        return stacked(state_badge(operation), hold_text(operation, now) if is_hold else "")

    @admin.display(description=_("guest"))
    def guest(self, operation: LoyaltyOperation) -> SafeString:
        url = reverse("admin:loyalty_customer_change", args=[operation.wallet.customer_id])
        link = format_html('<a class="hub-link" href="{}">{}</a>', url, operation.wallet.customer)
        return stacked(link, str(operation.wallet))

    @admin.display(description=_("restaurant"))
    def restaurant(self, operation: LoyaltyOperation) -> SafeString:
        return truncated(operation.organization.name)

    @admin.display(description=_("order"))
    def order_shown(self, operation: Any) -> SafeString | str:
        return order_link(operation, sees_orders=operation.sees_orders)

    @admin.display(description=_("requested by"))
    def requester(self, operation: LoyaltyOperation) -> SafeString:
        return truncated(operation.requested_by)


def operation_page(request: HttpRequest, operation: LoyaltyOperation) -> dict[str, Any]:
    """Collect what the page of an operation shows: its facts and every step."""
    now, zone = db_clock.now(), operation.organization.zone()
    customer = operation.wallet.customer
    url = reverse("admin:loyalty_customer_change", args=[customer.pk])
    sees_orders = request.user.has_perm("orders.view_order")
    is_hold = operation.kind == OperationKind.HOLD
    facts: list[tuple[Any, Any]] = [
        (_("Guest"), format_html('<a class="hub-link" href="{}">{}</a>', url, customer)),
        (_("Wallet"), operation.wallet),
        (_("Restaurant"), operation.organization.name),
        (_("Order"), order_link(operation, sees_orders=sees_orders)),
        (_("Reason"), operation.comment or EMPTY),
        (_("Requested by"), operation.requested_by),
        (_("Transaction in iiko"), _mono(operation.transaction_id)),
        (_("Marker"), _mono(operation.marker)),
    ]
    steps = [
        (
            clock(step.recorded_at, zone, now=now, seconds=True),
            str(OperationState(step.after).label),
            explain_detail(step.detail),
            actor_text(step.actor),
        )
        for step in operation.steps.order_by("id")
    ]
    if operation.state == OperationState.CANCELLED:
        facts += [
            (_("Called off by"), operation.cancelled_by),
            (_("Why it was called off"), operation.cancel_comment or EMPTY),
        ]
    wait = wait_of(operation, now=now)
    first = wait.first if wait and wait.ahead else None
    return {
        "wait": wait_text(wait, zone, now=now),
        "first": first,
        "first_url": first and reverse("admin:loyalty_loyaltyoperation_change", args=[first.pk]),
        "is_guessed": wait is not None and wait.is_guessed,
        "cancel_url": may_cancel(request, operation)
        and reverse("admin:loyalty_loyaltyoperation_cancel", args=[operation.pk]),
        "badge": state_badge(operation),
        "headline": [
            (pgettext("operation", "Hold"), hold_text(operation, now) or EMPTY)
            if is_hold
            else (_("Wallet"), operation.wallet),
            (_("Amount"), amount_text(operation)),
            (_("Requested"), clock(operation.created_at, zone, now=now, seconds=True)),
        ],
        "facts": facts,
        "steps": steps,
    }


def _mono(text: str) -> SafeString | str:
    return format_html('<span class="hub-mono">{}</span>', text) if text else EMPTY


@admin.register(BalanceDifference)
class BalanceDifferenceAdmin(MirrorAdmin[BalanceDifference]):
    list_display = ("kind_shown", "guest", "expected", "found", "detail", "found_when", "seen_when")
    list_display_links = None
    sortable_by = ()
    empty_words = _("The daily check found nothing that does not agree.")
    fields = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[BalanceDifference]:
        rows: QuerySet[BalanceDifference] = super().get_queryset(request)
        return naming_zones(rows).select_related("wallet__customer__organization", "operation")

    @admin.display(description=_("what"))
    def kind_shown(self, difference: BalanceDifference) -> SafeString:
        operation = difference.operation
        if operation is None:
            return stacked(difference.get_kind_display(), "")
        url = reverse("admin:loyalty_loyaltyoperation_change", args=[operation.pk])
        link = format_html('<a class="hub-link" href="{}">{}</a>', url, operation)
        return stacked(difference.get_kind_display(), link)

    @admin.display(description=_("guest"))
    def guest(self, difference: BalanceDifference) -> SafeString:
        url = reverse("admin:loyalty_customer_change", args=[difference.wallet.customer_id])
        link = format_html('<a class="hub-link" href="{}">{}</a>', url, difference.wallet.customer)
        return stacked(link, str(difference.wallet))

    @admin.display(description=_("expected"))
    def expected(self, difference: BalanceDifference) -> str:
        return _difference_text(difference, difference.expected_minor)

    @admin.display(description=_("found"))
    def found(self, difference: BalanceDifference) -> str:
        return _difference_text(difference, difference.found_minor)

    @admin.display(description=_("found"))
    def found_when(self, difference: BalanceDifference) -> SafeString:
        return _when(difference.found_at, difference)

    @admin.display(description=_("last seen"))
    def seen_when(self, difference: BalanceDifference) -> SafeString:
        return _when(difference.seen_at, difference)


def _when(moment: datetime, difference: Any) -> SafeString:
    zone = difference.wallet.customer.organization.zone()
    return clock(moment, zone, now=db_clock.now(), with_offset=difference.is_many_zones)


def _difference_text(difference: BalanceDifference, minor: int | None) -> str:
    wallet = difference.wallet
    return minor_text(minor, wallet.customer.organization.currency if wallet.holds_money else None)
