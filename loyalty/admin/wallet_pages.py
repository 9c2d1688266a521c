"""Pages of the admin that move money: a form, a confirmation, then the operation is stored."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from audit.trail import note_refusal
from core.access import visible_to
from core.admin.base import M, MirrorAdmin
from core.admin.list_links import keep_filters
from core.database import db_clock
from core.display import clock, money
from core.errors import HubError
from core.idempotency import IdempotencyKeyReused
from core.privacy.rights import sees_guests
from core.values.phones import phone_key
from loyalty.admin.display import balance_text, moved_text
from loyalty.admin.forms import CancelForm, FindGuestForm, MoveMoneyForm, ReasonForm
from loyalty.models import Customer, LoyaltyOperation, OperationKind, Wallet
from loyalty.permissions import PERMISSIONS
from loyalty.refusals import explain
from loyalty.wallets import submission
from loyalty.wallets.customers import Way, find_customer, read_customer
from orders.admin.action_views import requester_of
from orders.models.order import Order

CUSTOMER_PAGE = "admin:loyalty_customer_change"
OPERATION_PAGE = "admin:loyalty_loyaltyoperation_change"
MOVES = (OperationKind.TOPUP, OperationKind.WITHDRAW, OperationKind.HOLD)

Facts = Sequence[tuple[str, str]]


def may(request: HttpRequest, kind: str) -> bool:
    return request.user.has_perm(PERMISSIONS[OperationKind(kind)])


def may_cancel(request: HttpRequest, operation: LoyaltyOperation) -> bool:
    """Whether a person may cancel an operation: whoever may request one of its kind."""
    return operation.is_unsent and may(request, operation.kind)


def words_of(kind: OperationKind) -> tuple[str, str]:
    """Return the name of an action, and of the button that does it."""
    return {
        OperationKind.TOPUP: (_("Top up"), _("Top up the wallet")),
        OperationKind.WITHDRAW: (_("Withdraw"), _("Withdraw from the wallet")),
        OperationKind.HOLD: (_("Hold"), _("Hold the money")),
        OperationKind.CANCEL_HOLD: (_("Release"), _("Release the hold")),
    }[kind]


class _MoneyPages(MirrorAdmin[M]):
    """What the admins of guests and of operations share."""

    phone_path: str

    def matches(self, request: HttpRequest, text: str) -> Q:
        """Return the rows that a search finds; ``phone_key`` is the key of the guest's phone."""
        raise NotImplementedError

    def search_rows(self, request: HttpRequest, rows: QuerySet[M], text: str) -> QuerySet[M]:
        if "\0" in text:
            return rows.none()
        found: QuerySet[M] = rows.alias(phone_key=phone_key(self.phone_path))
        return found.filter(self.matches(request, text))

    def _check_may(self, request: HttpRequest, kind: str | None = None) -> None:
        if not self.has_view_permission(request) or (kind and not may(request, kind)):
            raise PermissionDenied

    def _page(
        self,
        request: HttpRequest,
        *,
        title: str,
        button: str,
        back_url: str,
        facts: Facts,
        form: forms.Form | None = None,
        hidden: dict[str, str] | None = None,
    ) -> TemplateResponse:
        """Show a form, or what was typed (``hidden``) to be confirmed."""
        context = self.admin_site.each_context(request) | {
            "title": title,
            "opts": self.opts,
            "button": button,
            "back_url": back_url,
            "facts": [fact for fact in facts if fact[1]],
            "form": form,
            "hidden": hidden and hidden.items(),
        }
        return TemplateResponse(request, "admin/loyalty/customer/move.html", context)


class WalletPages(_MoneyPages[Customer]):
    """The views that the admin of guests adds to Django's."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        move = "<int:customer_id>/wallets/<int:wallet_id>/<str:verb>/"
        own = [
            path("find/", view(self.find_view), name="loyalty_customer_find"),
            path("<int:customer_id>/read/", view(self.read_view), name="loyalty_customer_read"),
            path(move, view(self.move_view), name="loyalty_customer_move"),
            path("holds/<int:hold_id>/release/", view(self.release_view), name="loyalty_customer_release"),
        ]
        return [*own, *super().get_urls()]

    # --- looking ---------------------------------------------------------------------------------------

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Read a guest from iiko and show the page."""
        self._check_may(request)
        form = FindGuestForm(request.POST or None, user=request.user)
        back = HttpResponseRedirect(reverse("admin:loyalty_customer_changelist"))
        if request.method != "POST" or not form.is_valid():
            if form.errors:
                messages.error(request, _("Choose a restaurant and write what to look for."))
            return back
        wanted = form.cleaned_data
        find = partial(
            find_customer,
            organization=wanted["organization"],
            way=Way(wanted["way"]),
            value=wanted["value"],
        )
        customer = _read(request, find)
        return HttpResponseRedirect(reverse(CUSTOMER_PAGE, args=[customer.pk])) if customer else back

    def read_view(self, request: HttpRequest, customer_id: int) -> HttpResponse:
        """Read the balances again."""
        self._check_may(request)
        customer = _customer(request, customer_id)
        if request.method == "POST":
            organization, ident = customer.organization, customer.iiko_id
            _read(request, partial(read_customer, organization=organization, customer_id=ident))
        return HttpResponseRedirect(_customer_url(request, customer))

    # --- moving ----------------------------------------------------------------------------------------

    def move_view(self, request: HttpRequest, customer_id: int, wallet_id: int, verb: str) -> HttpResponse:
        """Show the form, then the confirmation, then store the operation."""
        if verb not in MOVES:
            raise Http404
        kind = OperationKind(verb)
        self._check_may(request, kind)
        customer = _customer(request, customer_id)
        wallet = get_object_or_404(customer.wallets, pk=wallet_id)
        if refusal := explain(wallet.why_not_moved, ""):
            messages.error(request, refusal)
            return HttpResponseRedirect(reverse(CUSTOMER_PAGE, args=[customer.pk]))
        form = _move_form(request, kind)
        is_valid = request.method == "POST" and form.is_valid()
        order = _order(customer, form, people=sees_guests(request.user)) if is_valid else None
        facts, (title, button) = _facts_of(customer, wallet), words_of(kind)
        page = partial(self._page, request, title=title, back_url=_customer_url(request, customer))
        if not is_valid or form.errors:
            return page(button=_("Continue"), facts=facts, form=form)
        amount, reason = form.cleaned_data["amount"], form.cleaned_data["reason"]
        if "confirmed" not in request.POST:
            facts += [(_("Amount"), money(amount, customer.organization.currency)), (_("Reason"), reason)]
            return page(button=button, facts=[*facts, (_("Order"), str(order or ""))], hidden=form.shown())
        transfer = submission.TransferRequest(
            organization=customer.organization,
            customer_id=customer.iiko_id,
            wallet_id=wallet.iiko_id,
            amount_minor=amount,
            comment=reason,
            order_id=order.pk if order else None,
        )
        by, now = requester_of(request), db_clock.now()
        prepare = partial(submission.prepare, kind, transfer=transfer, by=by, now=now)
        return self._write(request, customer, form, prepare)

    def release_view(self, request: HttpRequest, hold_id: int) -> HttpResponse:
        """Show the form for the reason, then store the release of a hold: there is nothing to choose."""
        self._check_may(request, OperationKind.CANCEL_HOLD)
        holds = LoyaltyOperation.objects.filter(kind=OperationKind.HOLD)
        rows = visible_to(request.user, holds.shown(people=sees_guests(request.user)))
        rows = rows.select_related("wallet__customer__organization", "order")
        hold = get_object_or_404(rows, pk=hold_id)
        customer = hold.wallet.customer
        form = ReasonForm(request.POST or None, initial={"token": uuid4().hex})
        if not (request.method == "POST" and form.is_valid()):
            title, button = words_of(OperationKind.CANCEL_HOLD)
            facts = [*_facts_of_operation(hold), (_("Order"), str(hold.order or ""))]
            back_url = _customer_url(request, customer)
            return self._page(request, title=title, button=button, back_url=back_url, facts=facts, form=form)
        write = partial(
            submission.request_cancel_hold,
            transaction_id=hold.transaction_id,
            by=requester_of(request),
            now=db_clock.now(),
            comment=form.cleaned_data["reason"],
        )
        return self._write(request, customer, form, lambda: write)

    def _write(
        self,
        request: HttpRequest,
        customer: Customer,
        form: forms.Form,
        prepare: Callable[[], submission.Write],
    ) -> HttpResponse:
        page_url = reverse(CUSTOMER_PAGE, args=[customer.pk])
        content = "\0".join([request.path, *(str(form.cleaned_data[name]) for name in sorted(form.fields))])
        try:
            operation, _is_new = submission.IDEMPOTENCY_KEYS.once(
                prepare,
                owner=f"admin:{request.user.pk}",
                key=form.cleaned_data["token"],
                fingerprint=hashlib.sha256(content.encode()).hexdigest(),
                now=db_clock.now(),
            )
        except IdempotencyKeyReused:
            words = _("This form was sent already, with other values. What it requested stands below.")
            messages.error(request, words)
        except HubError as error:
            note_refusal(error.code)
            messages.error(request, error.detail)
        else:
            # The page shows how the operation stands; a message would stay as it is while that changes.
            page_url = f"{page_url}?operation={operation.pk}"
        return HttpResponseRedirect(keep_filters(request, page_url))


class CancelPage(_MoneyPages[LoyaltyOperation]):
    """The view that the admin of operations adds to Django's: cancel one before it is sent."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.cancel_view)
        own = path("<int:operation_id>/cancel/", view, name="loyalty_loyaltyoperation_cancel")
        return [own, *super().get_urls()]

    def cancel_view(self, request: HttpRequest, operation_id: int) -> HttpResponse:
        """Show the form for the reason, then cancel the operation."""
        self._check_may(request)
        shown = LoyaltyOperation.objects.shown(people=sees_guests(request.user))
        rows = shown.select_related("organization", "wallet__customer")
        operation = get_object_or_404(visible_to(request.user, rows), pk=operation_id)
        self._check_may(request, operation.kind)
        form, back_url = CancelForm(request.POST or None), reverse(OPERATION_PAGE, args=[operation.pk])
        if not (request.method == "POST" and form.is_valid()):
            title = _("Call off: %(operation)s") % {"operation": operation}
            facts = [*_facts_of_operation(operation), (_("Reason"), operation.comment)]
            return self._page(
                request, title=title, button=_("Call off"), back_url=back_url, facts=facts, form=form
            )
        by, reason = requester_of(request), form.cleaned_data["reason"]
        try:
            submission.cancel(operation.pk, by=by, now=db_clock.now(), comment=reason)
        except HubError as error:
            note_refusal(error.code)
            messages.error(request, error.detail)
        return HttpResponseRedirect(back_url)


def _move_form(request: HttpRequest, kind: OperationKind) -> MoveMoneyForm:
    form = MoveMoneyForm(request.POST or None, initial={"token": uuid4().hex})
    if kind == OperationKind.HOLD:
        form.fields["order_number"].help_text = _(
            "Its number or id, if it is for one. A hold goes back when its order is cancelled."
        )
    return form


def _read(request: HttpRequest, read: Callable[..., Customer]) -> Customer | None:
    """Read a guest from iiko, or tell the person why that failed."""
    try:
        return read(requested_by=requester_of(request).name, now=db_clock.now())
    except HubError as error:
        note_refusal(error.code)
        messages.error(request, error.detail)
        return None


def _facts_of(customer: Customer, wallet: Wallet) -> list[tuple[str, str]]:
    organization = customer.organization
    return [
        (_("Guest"), str(customer)),
        (_("Wallet"), str(wallet)),
        (_("Balance"), balance_text(wallet, organization.currency)),
        (_("Read from iiko"), clock(wallet.read_at, organization.zone(), now=db_clock.now())),
    ]


def _facts_of_operation(operation: LoyaltyOperation) -> Facts:
    wallet = operation.wallet
    return [
        (_("Guest"), str(wallet.customer)),
        (_("Wallet"), str(wallet)),
        (_("Amount"), moved_text(operation)),
    ]


def _customer_url(request: HttpRequest, customer: Customer) -> str:
    return keep_filters(request, reverse(CUSTOMER_PAGE, args=[customer.pk]))


def _customer(request: HttpRequest, customer_id: int) -> Customer:
    customers = Customer.objects.shown(people=sees_guests(request.user)).select_related("organization")
    visible = visible_to(request.user, customers)
    return get_object_or_404(visible, pk=customer_id)


def _order(customer: Customer, form: MoveMoneyForm, *, people: bool) -> Order | None:
    """Find the order that was named; several or none is an error of the field."""
    text = form.cleaned_data["order_number"].strip()
    if not text:
        return None
    named = Order.objects.searched(text, people=people).filter(organization=customer.organization)
    found = list(named.order_by("-id")[:2])
    if len(found) == 1:
        return found[0]
    words = _("Several orders answer to this. Give iiko's id.") if found else _("There is no such order.")
    form.add_error("order_number", words)
    return None
