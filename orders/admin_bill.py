"""What was ordered and paid, ready for the templates ``orders/order/lines.html`` and ``money.html``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from iiko_client import clocks
from orders.presentation import item_status_text, payment_kind_text
from orders.services.ranks import is_told
from organizations.models import Organization
from organizations.presentation import EMPTY, clock, money


@dataclass(frozen=True, slots=True)
class Part:
    """A modifier or a half of a line."""

    name: str
    amount: str
    result: str
    is_deleted: bool
    is_component: bool


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    size: str
    amount: str
    price: str
    result: str
    status: str
    note: str
    combo: str
    printed: SafeString
    is_deleted: bool
    deletion_reason: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Sum:
    name: str
    detail: str
    amount: str


class Billed(Protocol):
    """What has a bill: a delivery, a table order, a banquet."""

    amount_minor: Any
    processed_payments_minor: Any
    items: Any
    payments: Any
    tips: Any
    discounts: Any
    field_ranks: Any


class Bill:
    """Puts amounts and times in a restaurant's words."""

    def __init__(self, organization: Organization, now: datetime) -> None:
        self._currency = organization.currency
        self._zone: tzinfo = organization.zone()
        self._now = now

    def bill(self, row: Billed) -> dict[str, Any]:
        return {
            "lines": [self.line(item) for item in row.items],
            "total": self.money(row.amount_minor),
            "payments": [self.payment(one) for one in row.payments],
            "are_payments_told": is_told(row.field_ranks, "payments"),
            "paid": self.money(row.processed_payments_minor),
            "tips": [self.payment(one) for one in row.tips],
            "discounts": [self.payment(one) for one in row.discounts],
        }

    def money(self, minor: int | None) -> str:
        return money(minor, self._currency)

    def clock(self, moment: datetime | None, *, seconds: bool = False) -> SafeString:
        return clock(moment, self._zone, now=self._now, seconds=seconds)

    def line(self, item: Mapping[str, Any]) -> Line:
        printed = item.get("when_printed")
        return Line(
            name=item.get("name") or _("unnamed"),
            size=item.get("size") or "",
            amount=item.get("amount") or EMPTY,
            price=self.money(item.get("price_minor")),
            result=self.money(item.get("result_minor")),
            status=item_status_text(item.get("status")),
            note=item.get("comment") or "",
            combo=item.get("combo_name") or "",
            printed=self.clock(clocks.terminal_local(printed, UTC)) if printed else SafeString(""),
            is_deleted=bool(item.get("is_deleted")),
            deletion_reason=item.get("deletion_reason") or "",
            parts=list(self._parts(item)),
        )

    def _parts(self, item: Mapping[str, Any]) -> Iterable[Part]:
        for component in item.get("components") or []:
            yield self._part(component, is_component=True)
            for modifier in component.get("modifiers") or []:
                yield self._part(modifier)
        for modifier in item.get("modifiers") or []:
            yield self._part(modifier)

    def _part(self, part: Mapping[str, Any], *, is_component: bool = False) -> Part:
        return Part(
            name=part.get("name") or _("unnamed"),
            amount="" if part.get("amount") in (None, "1") else str(part["amount"]),
            result=self.money(part["result_minor"]) if part.get("result_minor") else "",
            is_deleted=bool(part.get("is_deleted")),
            is_component=is_component,
        )

    def payment(self, row: Mapping[str, Any]) -> Sum:
        marks = [payment_kind_text(row.get("kind"))]
        if row.get("is_prepay"):
            marks.append(_("prepaid"))
        if row.get("is_processed_externally"):
            marks.append(_("taken outside iiko"))
        if row.get("is_fiscalized_externally"):
            marks.append(_("receipt printed outside iiko"))
        if row.get("is_preliminary"):
            marks.append(_("not posted yet"))
        name = row.get("name") or _("unnamed")
        detail = ", ".join(mark for mark in marks if mark and mark != name.lower())
        return Sum(name, detail, self.money(row.get("sum_minor")))
