"""What is wrong with the money of guests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from attention.models.items import AttentionItem, Severity
from attention.rules.base import Finding, NextStep, Rule
from core.display import money
from loyalty.models import BalanceDifference, DifferenceKind, LoyaltyOperation
from loyalty.wallets.holds import orphaned_holds

SEEN_WITHIN = timedelta(days=2)
"""The check runs once a day; what it does not find again is over."""


class HoldKept(Rule):
    """Money of a guest is still held for an order that was cancelled or refused."""

    name = "hold_kept"
    title = gettext_lazy("Hold not released")
    severity = Severity.CRITICAL
    permission = "loyalty.view_loyaltyoperation"
    limit = 15

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        # The hub tries to release it by itself, after 1, 2, 4 … minutes.
        holds = orphaned_holds(LoyaltyOperation.objects.open_holds())
        for hold in holds.select_related("order", "organization", "wallet").order_by():
            order = hold.order
            if order is None:
                continue
            yield Finding(
                subject=f"hold:{hold.pk}",
                since=order.when_cancelled or order.updated_at,
                organization_id=hold.organization_id,
                order_id=order.pk,
                facts={
                    "order": str(order),
                    "operation": hold.pk,
                    "amount_minor": hold.amount_minor,
                    "currency": hold.currency or "",
                },
            )

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        amount = money(item.facts["amount_minor"], item.facts["currency"]).rstrip()
        words = _("%(amount)s is still held in a wallet for order %(order)s, which was cancelled or refused.")
        return words % {"amount": amount, "order": item.facts["order"]}

    def next_step(self, item: AttentionItem) -> NextStep:
        url = reverse("admin:loyalty_loyaltyoperation_change", args=[item.facts["operation"]])
        return NextStep(_("Look at the hold"), url)


class WalletDifference(Rule):
    """The daily check found what it cannot explain."""

    name = "wallet_difference"
    title = gettext_lazy("Difference in a wallet")
    severity = Severity.CRITICAL
    permission = "loyalty.view_balancedifference"

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        seen = BalanceDifference.objects.filter(seen_at__gte=now - SEEN_WITHIN)
        for one in seen.select_related("wallet__customer__organization").order_by():
            yield Finding(
                subject=f"difference:{one.pk}",
                since=one.found_at,
                organization_id=one.wallet.customer.organization_id,
                facts={
                    "difference": one.pk,
                    "kind": one.kind,
                    "expected_minor": one.expected_minor,
                    "found_minor": one.found_minor,
                    "currency": one.wallet.currency or "",
                },
            )

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        facts = item.facts
        kind = (
            DifferenceKind(facts["kind"]).label if facts["kind"] in DifferenceKind.values else facts["kind"]
        )
        words = _("A wallet and the ledger differ: %(kind)s. Expected %(expected)s, found %(found)s.")
        sums = {
            name: money(facts[f"{name}_minor"], facts["currency"]).rstrip() for name in ("expected", "found")
        }
        return words % {"kind": kind, **sums}

    def next_step(self, item: AttentionItem) -> NextStep:
        url = reverse("admin:loyalty_balancedifference_change", args=[item.facts["difference"]])
        return NextStep(_("Look at the difference"), url)
