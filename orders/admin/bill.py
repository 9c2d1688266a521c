"""What was ordered and paid, ready for the templates ``orders/order/lines.html`` and ``money.html``."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

from django.utils import formats
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from core.display import EMPTY, clock, money
from core.mirror.precedence import is_told
from iiko_client import vendor_time
from iiko_client.json_reader import JsonObject
from orders.admin.display import item_status_text, payment_kind_text
from orders.payments.settlement import Paid, Settlement, is_taken, settlement_of
from organizations.models.organization import Organization


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
    template: str
    printed: SafeString
    is_deleted: bool
    deletion_reason: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Sum:
    name: str
    detail: str
    amount: str


class Billed(Paid, Protocol):
    """What has a bill: a delivery, a table order, a banquet."""

    items: Any
    tips: Any
    discounts: Any
    when_closed: Any


class Bill:
    """Write amounts and times as a restaurant does: in its currency, on its clock."""

    def __init__(self, organization: Organization, now: datetime) -> None:
        self._currency = organization.currency
        self._zone: tzinfo = organization.zone()
        self._now = now

    def bill(self, row: Billed) -> dict[str, object]:
        settled = settlement_of(row)
        return {
            "lines": [self.line(item) for item in row.items],
            "total": self.money(row.amount_minor),
            "payments": self.payments(row, settled),
            "are_payments_told": is_told(row.field_precedence, "payments"),
            "settled": self.settled(row, settled),
            "money_notes": list(self._notes(row, settled)),
            "tips": [self.payment(one, is_taken=is_taken(one)) for one in row.tips],
            "discounts": [self.discount(one) for one in row.discounts],
        }

    def payments(self, row: Billed, settled: Settlement) -> list[Sum]:
        entered = sum(one.get("sum_minor") or 0 for one in row.payments)
        # Where iiko's total covers all that is entered, each payment is taken, whatever its flags say.
        is_all_taken = settled.paid_minor is not None and settled.paid_minor >= entered
        return [self.payment(one, is_taken=is_all_taken or is_taken(one)) for one in row.payments]

    def settled(self, row: Billed, settled: Settlement) -> str:
        """Say in one sentence what is to be collected and what is paid; empty where neither is known."""
        if settled.paid_minor is None or not (settled.paid_minor or settled.due_minor or row.payments):
            return ""
        parts = [self._due(settled, is_closed=row.when_closed is not None)]
        parts.append(
            _("paid %(sum)s") % {"sum": self.money(settled.paid_minor)}
            if settled.paid_minor
            else _("nothing is paid yet")
        )
        if settled.unprocessed_minor:
            rest = self.money(settled.unprocessed_minor)
            parts.append(_("of which the POS has not processed %(sum)s yet") % {"sum": rest})
        sentence = ", ".join(filter(None, parts))
        return f"{sentence[0].upper()}{sentence[1:]}."

    def _due(self, settled: Settlement, *, is_closed: bool) -> str:
        if settled.overpaid_minor:
            return _("overpaid by %(sum)s") % {"sum": self.money(settled.overpaid_minor)}
        if settled.due_minor is None:
            return ""
        if not settled.due_minor:
            return _("nothing to collect")
        words = _("%(sum)s is missing") if is_closed else _("to collect %(sum)s")
        return words % {"sum": self.money(settled.due_minor)}

    def _notes(self, row: Billed, settled: Settlement) -> Iterable[str]:
        if settled.flagged_minor is not None:
            yield _(
                "iiko contradicts itself: by the payments %(flagged)s was taken, by its own total "
                "%(processed)s."
            ) % {
                "flagged": self.money(settled.flagged_minor),
                "processed": self.money(row.processed_payments_minor),
            }
        if row.payments and settled.uncovered_minor and not row.when_closed:
            yield _("No payment is put down for %(sum)s.") % {"sum": self.money(settled.uncovered_minor)}

    def money(self, minor: int | None) -> str:
        return money(minor, self._currency)

    def clock(self, moment: datetime | None, *, seconds: bool = False) -> SafeString:
        return clock(moment, self._zone, now=self._now, seconds=seconds)

    def line(self, item: JsonObject) -> Line:
        printed = item.get("when_printed")
        return Line(
            name=item.get("name") or _("unnamed"),
            size=item.get("size") or "",
            amount=_count(item) or EMPTY,
            price=self.money(item.get("price_minor")),
            result=self.money(_cost(item)),
            status=item_status_text(item.get("status")),
            note=item.get("comment") or "",
            combo=item.get("combo_name") or "",
            template=item.get("template_name") or "" if item.get("name") != item.get("template_name") else "",
            printed=self.clock(vendor_time.terminal_local(printed, UTC)) if printed else SafeString(""),
            is_deleted=bool(item.get("is_deleted")),
            deletion_reason=item.get("deletion_reason") or "",
            parts=list(self._parts(item)),
        )

    def _parts(self, item: JsonObject) -> Iterable[Part]:
        components = item.get("components") or []
        for component in components:
            if len(components) > 1:  # else the line has its name
                yield self._part(component, is_component=True)
            for modifier in component.get("modifiers") or []:
                yield self._part(modifier)
        for modifier in item.get("modifiers") or []:
            yield self._part(modifier)

    def _part(self, part: JsonObject, *, is_component: bool = False) -> Part:
        return Part(
            name=part.get("name") or _("unnamed"),
            amount="" if part.get("amount") == "1" else _count(part),
            result=self.money(part["result_minor"]) if part.get("result_minor") else "",
            is_deleted=bool(part.get("is_deleted")),
            is_component=is_component,
        )

    def payment(self, row: JsonObject, *, is_taken: bool) -> Sum:
        name = row.get("name") or _("unnamed")
        notes = [payment_kind_text(row.get("kind")), _how_paid(row, is_taken=is_taken)]
        if row.get("is_fiscalized_externally"):
            notes.append(_("receipt printed outside iiko"))
        detail = ", ".join(mark for mark in notes if mark and mark != name.lower())
        return Sum(name, detail, self.money(row.get("sum_minor")))

    def discount(self, row: JsonObject) -> Sum:
        return Sum(row.get("name") or _("unnamed"), "", self.money(row.get("sum_minor")))


def _cost(item: JsonObject) -> int | None:
    """Return what a line costs; a service, as delivery is, has no result of its own."""
    result: int | None = item.get("result_minor")
    return item.get("cost_minor") if result is None else result


def _count(item: JsonObject) -> str:
    """Write how many, or how much by weight, as the reader's language does."""
    amount: str | None = item.get("amount")
    return formats.number_format(amount) if amount else ""


def _how_paid(row: JsonObject, *, is_taken: bool) -> str:
    if row.get("is_prepay"):
        return _("prepaid")
    if row.get("is_processed_externally"):
        return _("paid outside iiko")
    return _("paid") if is_taken else _("to be paid")
