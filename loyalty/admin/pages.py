"""Loyalty in the admin: guests with their wallets, the ledger, and the differences of the daily check."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Prefetch, Q, QuerySet, Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, pgettext

from core.access import visible_to
from core.admin.base import Context, MirrorAdmin
from core.admin.filters import States, choices_filter, states_filter
from core.admin.trace_link import trace_link
from core.database import db_clock
from core.display import EMPTY, clock, stacked, truncated
from core.privacy.rights import sees_guests
from core.privacy.rows import PeopleQuerySet
from core.values.ids import searchable_id
from core.values.name_keys import has_words
from core.values.phones import has_phone
from loyalty.admin import display, wallet_pages
from loyalty.admin.forms import FindGuestForm
from loyalty.models import (
    BalanceDifference,
    Customer,
    LoyaltyOperation,
    OperationKind,
    OperationState,
    OperationStep,
    Wallet,
)
from loyalty.refusals import explain, explain_detail
from loyalty.wallets.queue import Wait, wait_of, waits_of
from organizations.admin.filters import moment_range_filter, restaurant_filter
from organizations.admin.zones import naming_zones

if TYPE_CHECKING:
    # Rows with what the lists add to them.
    class ListedCustomer(Customer):
        is_many_zones: bool

    class ListedOperation(LoyaltyOperation):
        is_many_zones: bool
        sees_orders: bool
        wait: Wait | None

    class ListedDifference(BalanceDifference):
        is_many_zones: bool


_SHOWN_OPERATIONS = 100


# Two things people look for: what is not over, and money still put aside.
OPERATION_STATES: States = {
    "open": (_("not over"), lambda operations: operations.open()),
    "held": (_("holds in force"), lambda operations: operations.open_holds()),
}


def sees_orders(request: HttpRequest) -> bool:
    return request.user.has_perm("orders.view_order")


@admin.display(description=_("guest"))
def guest(row: LoyaltyOperation | BalanceDifference) -> SafeString:
    return stacked(display.row_link(row.wallet.customer), str(row.wallet))


@admin.display(description=_("restaurant"))
def restaurant(row: LoyaltyOperation | Customer) -> SafeString:
    return truncated(row.organization.name)


@admin.register(Customer)
class CustomerAdmin(wallet_pages.WalletPages):
    list_display = ("guest", restaurant, "balances", "read")
    list_filter = (restaurant_filter(),)
    list_before_template = "admin/loyalty/customer/above_list.html"
    change_form_template = "admin/loyalty/customer/change_form.html"
    search_fields = ("iiko_id",)  # shows the box; see matches
    phone_path = "phone"
    search_help_text = _(
        "An id, exactly; for those who see guests also a phone or its last four digits, an e-mail, a card, "
        "or a part of the name"
    )
    sortable_by = ()
    empty_words = _("Guests appear here once they were looked for in iiko.")
    fields = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        customers = cast("PeopleQuerySet[Customer]", super().get_queryset(request))
        wallets = Prefetch("wallets", Wallet.objects.order_by("id"))
        shown = customers.shown(people=sees_guests(request.user))
        return naming_zones(shown).select_related("organization").prefetch_related(wallets)

    def matches(self, request: HttpRequest, text: str) -> Q:
        found = Q(iiko_id=searchable_id(text))
        if not sees_guests(request.user):
            return found
        found |= Q(email__iexact=text) | has_words(text, "name_key")
        found |= Q(cards__contains=[{"number": text}]) | Q(cards__contains=[{"track": text}])
        return found | has_phone("phone_key", text, by_last_digits=True)

    def list_context(self, request: HttpRequest) -> Context:
        return {"find_form": FindGuestForm(auto_id="find_%s", user=request.user)}

    def page_context(self, request: HttpRequest, row: Customer) -> Context:
        return customer_page(request, row) | {"title": str(row)}

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("guest"))
    def guest(self, customer: ListedCustomer) -> SafeString:
        return stacked(str(customer), customer.phone or EMPTY)

    @admin.display(description=_("balances when last read"))
    def balances(self, customer: Customer) -> SafeString | str:
        currency = customer.organization.currency
        lines = [(str(wallet), display.balance_text(wallet, currency)) for wallet in customer.wallets.all()]
        return format_html_join("", "<div>{}: {}</div>", lines) or EMPTY

    @admin.display(description=_("read"))
    def read(self, customer: ListedCustomer) -> SafeString:
        zone, is_shifted = customer.organization.zone(), customer.is_many_zones
        return clock(customer.read_at, zone, now=db_clock.now(), with_offset=is_shifted)


def customer_page(request: HttpRequest, customer: Customer) -> dict[str, object]:
    """Collect what the page of a guest shows."""
    now, zone = db_clock.now(), customer.organization.zone()
    operations = LoyaltyOperation.objects.shown(people=not customer.hides_people)
    rows = operations.filter(wallet__customer=customer).select_related(
        "organization", "wallet__customer", "order"
    )
    return {
        "headline": [
            (_("Restaurant"), customer.organization.name),
            (_("Phone"), customer.phone or EMPTY),
            (_("E-mail"), customer.email or EMPTY),
            (_("Cards"), _cards(customer) or EMPTY),
            (_("Read from iiko"), clock(customer.read_at, zone, now=now, seconds=True)),
        ],
        "wallets": _wallets(request, customer, now),
        "holds": [
            {
                "hold": hold,
                "amount": display.moved_text(hold),
                "age": display.hold_text(hold, now),
                "order": display.order_link(hold, sees_orders=sees_orders(request)),
                "url": reverse("admin:loyalty_customer_release", args=[hold.pk]),
            }
            for hold in rows.open_holds().order_by("id")
        ],
        "requested_now": _requested_now(request, rows),
        "may_release": wallet_pages.may(request, OperationKind.CANCEL_HOLD),
        "is_under_way": rows.open().exists(),
        "is_older": rows.filter(state=OperationState.CONFIRMED, finished_at__gte=customer.read_at).exists(),
        "operations": _operations(request, customer, rows, now),
        "read_url": reverse("admin:loyalty_customer_read", args=[customer.pk]),
    }


def _wallets(request: HttpRequest, customer: Customer, now: datetime) -> list[dict[str, object]]:
    currency, zone = customer.organization.currency, customer.organization.zone()
    kinds = [kind for kind in wallet_pages.MOVES if wallet_pages.may(request, kind)]
    return [
        {
            "wallet": wallet,
            "kind": display.kind_text(wallet),
            "balance": display.balance_text(wallet, currency),
            "read": clock(wallet.read_at, zone, now=now, seconds=True),
            "actions": [
                (
                    wallet_pages.words_of(kind)[0],
                    reverse("admin:loyalty_customer_move", args=[customer.pk, wallet.pk, kind.value]),
                )
                for kind in kinds
            ],
            "refusal": explain(wallet.why_not_moved, ""),
        }
        for wallet in customer.wallets.order_by("id")
    ]


def _operations(
    request: HttpRequest, customer: Customer, rows: QuerySet[LoyaltyOperation], now: datetime
) -> list[dict[str, object]]:
    zone, shown = customer.organization.zone(), list(rows.order_by("-id")[:_SHOWN_OPERATIONS])
    waits = waits_of(shown, now=now)
    return [
        {
            "operation": operation,
            "link": display.row_link(operation),
            "requested": clock(operation.created_at, zone, now=now, seconds=True),
            "badge": display.state_badge(operation),
            "wait": display.wait_text(waits.get(operation.pk), zone, now=now),
            "amount": display.amount_text(operation),
            "order": display.order_link(operation, sees_orders=sees_orders(request)),
        }
        for operation in shown
    ]


def _requested_now(request: HttpRequest, rows: QuerySet[LoyaltyOperation]) -> str | SafeString:
    """Say what the person has just requested, and how it stands; the address names the operation."""
    number = request.GET.get("operation", "")
    is_number = number.isdecimal() and len(number) < 19
    operation = rows.filter(pk=number).first() if is_number else None
    if operation is None:
        return ""
    words = gettext("Requested: {}. This page shows the outcome.")
    return format_html(f"{words} {{}}", display.row_link(operation), display.state_badge(operation))


def _cards(customer: Customer) -> str:
    return ", ".join(filter(None, (card.get("number") or card.get("track") for card in customer.cards)))


@admin.register(LoyaltyOperation)
class LoyaltyOperationAdmin(wallet_pages.CancelPage):
    list_display = ("requested", "what", "amount", "outcome", guest, restaurant, "order_shown", "requester")
    list_filter = (
        states_filter(OPERATION_STATES, values=OperationState.choices),
        choices_filter(_("what"), "kind", OperationKind.choices),
        restaurant_filter(),
        moment_range_filter(_("asked"), "asked", "created_at"),
    )
    change_form_template = "admin/loyalty/loyaltyoperation/change_form.html"
    search_fields = ("transaction_id",)  # shows the box; see matches
    phone_path = "wallet__customer__phone"
    search_help_text = _(
        "A transaction id, a marker, or the guest's id, exactly; for those who see guests also the phone"
    )
    sortable_by = ()
    empty_words = _("Money moved in wallets is listed here.")
    fields = ()

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Add to each row of the page what it waits for, in one query."""
        changelist: ChangeList = super().get_changelist_instance(request)
        waits = waits_of(changelist.result_list, now=db_clock.now())
        for operation in changelist.result_list:
            operation.wait = waits.get(operation.pk)
        return changelist

    def get_queryset(self, request: HttpRequest) -> QuerySet[LoyaltyOperation]:
        operations = cast("PeopleQuerySet[LoyaltyOperation]", super().get_queryset(request))
        rows = operations.shown(people=sees_guests(request.user)).annotate(
            sees_orders=Value(sees_orders(request))
        )
        return naming_zones(rows).select_related("organization", "wallet__customer", "order", "hold")

    def matches(self, request: HttpRequest, text: str) -> Q:
        found = Q(transaction_id=searchable_id(text)) | Q(marker=text)
        found |= Q(wallet__customer__iiko_id=searchable_id(text))
        return found | has_phone("phone_key", text) if sees_guests(request.user) else found

    def page_context(self, request: HttpRequest, row: LoyaltyOperation) -> Context:
        return operation_page(request, row) | {"title": str(row)}

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("requested"))
    def requested(self, operation: ListedOperation) -> SafeString:
        zone, is_shifted = operation.organization.zone(), operation.is_many_zones
        return clock(operation.created_at, zone, now=db_clock.now(), seconds=True, with_offset=is_shifted)

    @admin.display(description=_("what"))
    def what(self, operation: LoyaltyOperation) -> SafeString:
        return stacked(operation.get_kind_display(), operation.comment)

    @admin.display(description=_("amount"))
    def amount(self, operation: LoyaltyOperation) -> SafeString:
        return display.amount_text(operation)

    @admin.display(description=_("state"))
    def outcome(self, operation: ListedOperation) -> SafeString:
        now = db_clock.now()
        if waits := display.wait_text(operation.wait, operation.organization.zone(), now=now):
            return stacked(display.state_badge(operation), truncated(waits))
        is_hold = operation.kind == OperationKind.HOLD
        return stacked(display.state_badge(operation), display.hold_text(operation, now) if is_hold else "")

    @admin.display(description=_("order"))
    def order_shown(self, operation: ListedOperation) -> SafeString | str:
        return display.order_link(operation, sees_orders=operation.sees_orders)

    @admin.display(description=_("requested by"))
    def requester(self, operation: LoyaltyOperation) -> SafeString:
        return truncated(operation.requested_by)


def operation_page(request: HttpRequest, operation: LoyaltyOperation) -> dict[str, object]:
    """Collect what the page of an operation shows: its facts and every step."""
    now, zone = db_clock.now(), operation.organization.zone()
    wait = wait_of(operation, now=now)
    first = wait.first if wait and wait.ahead else None
    if first and not visible_to(request.user, LoyaltyOperation.objects.filter(pk=first.pk)).exists():
        first = None  # of another restaurant with the same guest
    return {
        "wait": display.wait_text(wait, zone, now=now),
        "first": first and display.row_link(first),
        "is_guessed": wait is not None and wait.is_guessed,
        "cancel_url": wallet_pages.may_cancel(request, operation)
        and reverse("admin:loyalty_loyaltyoperation_cancel", args=[operation.pk]),
        "badge": display.state_badge(operation),
        "headline": [
            (pgettext("operation", "Hold"), display.hold_text(operation, now) or EMPTY)
            if operation.kind == OperationKind.HOLD
            else (_("Wallet"), operation.wallet),
            (_("Amount"), display.amount_text(operation)),
            (_("Requested"), clock(operation.created_at, zone, now=now, seconds=True)),
        ],
        "facts": _facts(request, operation),
        "steps": [
            (
                clock(step.recorded_at, zone, now=now, seconds=True),
                str(OperationState(step.after).label),
                explain_detail(step.detail),
                display.actor_text(step.actor),
            )
            for step in OperationStep.objects.shown(people=not operation.hides_people)
            .filter(operation=operation)
            .order_by("id")
        ],
    }


def _facts(request: HttpRequest, operation: LoyaltyOperation) -> list[tuple[object, object]]:
    facts: list[tuple[object, object]] = [
        (_("Guest"), display.row_link(operation.wallet.customer)),
        (_("Wallet"), operation.wallet),
        (_("Restaurant"), operation.organization.name),
        (_("Order"), display.order_link(operation, sees_orders=sees_orders(request))),
        (_("Reason"), operation.comment or EMPTY),
        (_("Requested by"), operation.requested_by),
        (_("Transaction in iiko"), _mono(operation.transaction_id)),
        (_("Marker"), _mono(operation.marker)),
        (_("Trace"), trace_link(operation.trace_id) or EMPTY),
    ]
    if operation.state == OperationState.CANCELLED:
        facts += [
            (_("Called off by"), operation.cancelled_by),
            (_("Why it was called off"), operation.cancel_comment or EMPTY),
        ]
    return facts


def _mono(text: str) -> SafeString | str:
    return format_html('<span class="hub-mono">{}</span>', text) if text else EMPTY


@admin.register(BalanceDifference)
class BalanceDifferenceAdmin(MirrorAdmin[BalanceDifference]):
    list_display = ("kind_shown", guest, "expected", "found", "detail", "found_when", "seen_when")
    list_display_links = None
    sortable_by = ()
    empty_words = _("The daily check found nothing that does not agree.")
    fields = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[BalanceDifference]:
        rows = cast("PeopleQuerySet[BalanceDifference]", super().get_queryset(request))
        return naming_zones(rows.shown(people=sees_guests(request.user))).select_related(
            "wallet__customer__organization", "operation"
        )

    @admin.display(description=_("what"))
    def kind_shown(self, difference: BalanceDifference) -> SafeString:
        operation = difference.operation
        return stacked(difference.get_kind_display(), display.row_link(operation) if operation else "")

    @admin.display(description=_("expected"))
    def expected(self, difference: BalanceDifference) -> str:
        return display.minor_text(difference.expected_minor, difference.wallet.currency)

    @admin.display(description=_("found"))
    def found(self, difference: BalanceDifference) -> str:
        return display.minor_text(difference.found_minor, difference.wallet.currency)

    @admin.display(description=_("found"))
    def found_when(self, difference: ListedDifference) -> SafeString:
        return _when(difference.found_at, difference)

    @admin.display(description=_("last seen"))
    def seen_when(self, difference: ListedDifference) -> SafeString:
        return _when(difference.seen_at, difference)


def _when(moment: datetime, difference: ListedDifference) -> SafeString:
    zone = difference.wallet.customer.organization.zone()
    return clock(moment, zone, now=db_clock.now(), with_offset=difference.is_many_zones)
