"""Pages of the admin that move money: a form, a confirmation, then the operation is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core.admin.list_links import keep_filters
from core.database import db_clock
from core.display import clock, money
from core.errors import HubError
from core.idempotency import IdempotencyKeyReused
from loyalty.admin.display import balance_text, moved_text
from loyalty.admin.forms import FindGuestForm, MoveMoneyForm, ReasonForm
from loyalty.failure_texts import explain
from loyalty.models import Customer, LoyaltyOperation, OperationKind
from loyalty.permissions import PERMISSIONS
from loyalty.wallets import submission
from loyalty.wallets.customers import Way, find_customer, read_customer
from loyalty.wallets.submission import IDEMPOTENCY_KEYS, TransferRequest, Write
from orders.admin.action_views import requester_of
from orders.models.order import Order
from organizations.models.organization import Organization

CUSTOMER_PAGE = "admin:loyalty_customer_change"
_FORM = "admin/loyalty/customer/move.html"


def may(request: HttpRequest, kind: OperationKind) -> bool:
    return request.user.has_perm(PERMISSIONS[kind])


def words_of(kind: OperationKind) -> tuple[str, str]:
    """Return the name of an action, and of the button that does it."""
    return {
        OperationKind.TOPUP: (_("Top up"), _("Top up the wallet")),
        OperationKind.WITHDRAW: (_("Withdraw"), _("Withdraw from the wallet")),
        OperationKind.HOLD: (_("Hold"), _("Hold the money")),
        OperationKind.CANCEL_HOLD: (_("Release"), _("Release the hold")),
    }[kind]


class WalletPages:
    """Views of ``CustomerAdmin``; ``has_view_permission`` and ``admin_site`` are its own."""

    def wallet_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view  # type: ignore[attr-defined]  # the admin this is mixed into
        move = "<int:customer_id>/wallets/<int:wallet_id>/<str:verb>/"
        return [
            path("find/", view(self.find_view), name="loyalty_customer_find"),
            path("<int:customer_id>/read/", view(self.read_view), name="loyalty_customer_read"),
            path(move, view(self.move_view), name="loyalty_customer_move"),
            path("holds/<int:hold_id>/release/", view(self.release_view), name="loyalty_customer_release"),
        ]

    # --- looking ---------------------------------------------------------------------------------------

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Read a guest from iiko and show the page."""
        self._check_view(request)
        form = FindGuestForm(request.POST or None)
        back = HttpResponseRedirect(reverse("admin:loyalty_customer_changelist"))
        if request.method != "POST" or not form.is_valid():
            if form.errors:
                messages.error(request, _("Choose a restaurant and write what to look for."))
            return back
        wanted = form.cleaned_data
        try:
            customer = find_customer(
                organization=cast("Organization", wanted["organization"]),
                way=Way(wanted["way"]),
                value=wanted["value"],
                requested_by=requester_of(request).name,
                now=db_clock.now(),
            )
        except HubError as error:
            messages.error(request, error.detail)
            return back
        return HttpResponseRedirect(reverse(CUSTOMER_PAGE, args=[customer.pk]))

    def read_view(self, request: HttpRequest, customer_id: int) -> HttpResponse:
        """Read the balances again."""
        self._check_view(request)
        customer = _customer(customer_id)
        if request.method == "POST":
            try:
                read_customer(
                    organization=customer.organization,
                    customer_id=customer.iiko_id,
                    requested_by=requester_of(request).name,
                    now=db_clock.now(),
                )
            except HubError as error:
                messages.error(request, error.detail)
        return HttpResponseRedirect(_customer_url(request, customer_id))

    def _check_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):  # type: ignore[attr-defined]  # the admin's
            raise PermissionDenied

    # --- moving ----------------------------------------------------------------------------------------

    def move_view(self, request: HttpRequest, customer_id: int, wallet_id: int, verb: str) -> HttpResponse:
        """Show the form, then the confirmation, then store the operation."""
        kind = _kind(verb)
        self._check_may(request, kind)
        customer = _customer(customer_id)
        wallet = customer.wallets.filter(pk=wallet_id).first()
        if wallet is None:
            raise Http404
        if refusal := explain(wallet.why_not_moved, ""):
            messages.error(request, refusal)
            return HttpResponseRedirect(reverse(CUSTOMER_PAGE, args=[customer.pk]))
        form = MoveMoneyForm(request.POST or None, initial={"token": uuid4().hex})
        if kind == OperationKind.HOLD:
            form.fields["order_number"].help_text = _(
                "Its number or id, if it is for one. A hold goes back when its order is cancelled."
            )
        currency = customer.organization.currency
        facts = [
            (_("Guest"), str(customer)),
            (_("Wallet"), str(wallet)),
            (_("Balance"), balance_text(wallet, currency)),
            (_("Read from iiko"), clock(wallet.read_at, customer.organization.zone(), now=db_clock.now())),
        ]
        if not (request.method == "POST" and form.is_valid()):
            return self._ask(request, kind, customer, form, facts)
        order = _order(customer.organization, form)
        if form.errors:
            return self._ask(request, kind, customer, form, facts)
        amount = form.cleaned_data["amount"]
        if "confirmed" not in request.POST:
            facts += [(_("Amount"), money(amount, currency)), (_("Reason"), form.cleaned_data["reason"])]
            facts += [(_("Order"), str(order))] if order else []
            return self._confirm(request, kind, customer, form, facts)
        transfer = TransferRequest(
            organization=customer.organization,
            customer_id=customer.iiko_id,
            wallet_id=wallet.iiko_id,
            amount_minor=amount,
            comment=form.cleaned_data["reason"],
            order_id=order.pk if order else None,
        )
        by = requester_of(request)
        return self._write(
            request,
            customer,
            form,
            lambda: submission.prepare(kind, transfer=transfer, by=by, now=db_clock.now()),
        )

    def release_view(self, request: HttpRequest, hold_id: int) -> HttpResponse:
        """Show the form for the reason, then store the release of a hold: there is nothing to choose."""
        self._check_may(request, OperationKind.CANCEL_HOLD)
        holds = LoyaltyOperation.objects.filter(kind=OperationKind.HOLD)
        hold = holds.select_related("wallet__customer__organization", "order").filter(pk=hold_id).first()
        if hold is None:
            raise Http404
        customer = hold.wallet.customer
        form = ReasonForm(request.POST or None, initial={"token": uuid4().hex})
        if not (request.method == "POST" and form.is_valid()):
            facts = [(_("Guest"), str(customer)), (_("Wallet"), str(hold.wallet))]
            facts += [(_("Amount"), moved_text(hold))]
            facts += [(_("Order"), str(hold.order))] if hold.order else []
            return self._ask(request, OperationKind.CANCEL_HOLD, customer, form, facts)
        by, reason = requester_of(request), form.cleaned_data["reason"]
        return self._write(
            request,
            customer,
            form,
            lambda: (
                lambda: submission.request_cancel_hold(
                    transaction_id=hold.transaction_id, by=by, now=db_clock.now(), comment=reason
                )
            ),
        )

    def _check_may(self, request: HttpRequest, kind: OperationKind) -> None:
        self._check_view(request)
        if not may(request, kind):
            raise PermissionDenied

    def _write(
        self, request: HttpRequest, customer: Customer, form: forms.Form, prepare: Callable[[], Write]
    ) -> HttpResponse:
        back = HttpResponseRedirect(_customer_url(request, customer.pk))
        content = "\0".join([request.path, *(str(form.cleaned_data[name]) for name in sorted(form.fields))])
        try:
            operation, _is_new = IDEMPOTENCY_KEYS.once(
                prepare,
                owner=f"admin:{request.user.pk}",
                key=form.cleaned_data["token"],
                fingerprint=hashlib.sha256(content.encode()).hexdigest(),
                now=db_clock.now(),
            )
        except IdempotencyKeyReused:
            words = _("This form was sent already, with other values. What it requested stands below.")
            messages.error(request, words)
            return back
        except HubError as error:
            messages.error(request, error.detail)
            return back
        # The page shows how the operation stands; a message would stay as it is while that changes.
        return HttpResponseRedirect(f"{back.url}?operation={operation.pk}")

    def _ask(
        self,
        request: HttpRequest,
        kind: OperationKind,
        customer: Customer,
        form: forms.Form,
        facts: list[tuple[str, str]],
    ) -> TemplateResponse:
        return self._page(request, kind, customer, {"form": form, "facts": facts})

    def _confirm(
        self,
        request: HttpRequest,
        kind: OperationKind,
        customer: Customer,
        form: MoveMoneyForm,
        facts: list[tuple[str, str]],
    ) -> TemplateResponse:
        return self._page(request, kind, customer, {"hidden": form.shown().items(), "facts": facts})

    def _page(
        self, request: HttpRequest, kind: OperationKind, customer: Customer, more: dict[str, Any]
    ) -> TemplateResponse:
        title, button = words_of(kind)
        site, opts = self.admin_site, self.opts  # type: ignore[attr-defined]  # the admin's
        is_last = "hidden" in more or kind == OperationKind.CANCEL_HOLD
        context = site.each_context(request) | {
            "title": title,
            "opts": opts,
            "button": button if is_last else _("Continue"),
            "back_url": _customer_url(request, customer.pk),
        }
        return TemplateResponse(request, _FORM, context | more)


def _customer_url(request: HttpRequest, customer_id: int) -> str:
    return keep_filters(request, reverse(CUSTOMER_PAGE, args=[customer_id]))


def _kind(verb: str) -> OperationKind:
    kinds = {kind.value: kind for kind in (OperationKind.TOPUP, OperationKind.WITHDRAW, OperationKind.HOLD)}
    if verb not in kinds:
        raise Http404
    return kinds[verb]


def _customer(customer_id: int) -> Customer:
    customer = Customer.objects.select_related("organization").filter(pk=customer_id).first()
    if customer is None:
        raise Http404
    return customer


def _order(organization: Organization, form: MoveMoneyForm) -> Order | None:
    """Find the order that was named; several or none is an error of the field."""
    text = form.cleaned_data["order_number"].strip()
    if not text:
        return None
    found = list(Order.objects.searched(text).filter(organization=organization).order_by("-id")[:2])
    if len(found) == 1:
        return found[0]
    words = _("Several orders answer to this. Give iiko's id.") if found else _("There is no such order.")
    form.add_error("order_number", words)
    return None
