"""The page of the admin that cancels an operation before it is sent."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core.database import db_clock
from core.errors import HubError
from loyalty.admin.display import moved_text
from loyalty.admin.forms import CancelForm
from loyalty.admin.wallet_pages import may
from loyalty.models import LoyaltyOperation, OperationKind
from loyalty.wallets import submission
from orders.admin.action_views import requester_of

_FORM = "admin/loyalty/customer/move.html"


def may_cancel(request: HttpRequest, operation: LoyaltyOperation) -> bool:
    """Whether a person may cancel an operation: whoever may request one of its kind."""
    return operation.is_unsent and may(request, OperationKind(operation.kind))


class CancelPage:
    """A view of ``LoyaltyOperationAdmin``; ``has_view_permission`` and ``admin_site`` are its own."""

    def cancel_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.cancel_view)  # type: ignore[attr-defined]  # the admin this is mixed into
        return [path("<int:operation_id>/cancel/", view, name="loyalty_loyaltyoperation_cancel")]

    def cancel_view(self, request: HttpRequest, operation_id: int) -> HttpResponse:
        """Show the form for the reason, then cancel the operation."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]  # the admin's
            raise PermissionDenied
        rows = LoyaltyOperation.objects.select_related("organization", "wallet__customer")
        found = rows.filter(pk=operation_id).first()
        if found is None:
            raise Http404
        if not may(request, OperationKind(found.kind)):
            raise PermissionDenied
        form = CancelForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._cancel(request, found, form.cleaned_data["reason"])
        return self._page(request, found, form)

    def _cancel(self, request: HttpRequest, operation: LoyaltyOperation, reason: str) -> HttpResponse:
        try:
            submission.cancel(operation.pk, by=requester_of(request), now=db_clock.now(), comment=reason)
        except HubError as error:
            messages.error(request, error.detail)
        return HttpResponseRedirect(_url(operation))

    def _page(self, request: HttpRequest, operation: LoyaltyOperation, form: CancelForm) -> HttpResponse:
        site, opts = self.admin_site, self.opts  # type: ignore[attr-defined]  # the admin's
        facts = [
            (_("Guest"), str(operation.wallet.customer)),
            (_("Wallet"), str(operation.wallet)),
            (_("Amount"), moved_text(operation)),
            (_("Reason"), operation.comment),
        ]
        context = site.each_context(request) | {
            "title": _("Call off: %(operation)s") % {"operation": operation},
            "opts": opts,
            "form": form,
            "facts": [fact for fact in facts if fact[1]],
            "button": _("Call off"),
            "back_url": _url(operation),
        }
        return TemplateResponse(request, _FORM, context)


def _url(operation: LoyaltyOperation) -> str:
    return reverse("admin:loyalty_loyaltyoperation_change", args=[operation.pk])
