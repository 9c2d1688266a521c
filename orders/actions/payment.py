"""Changing the payments of an order."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from core.display import money
from core.errors import HubError
from core.values.name_keys import NAME_ORDER
from iiko_client.json_reader import JsonObject, canonical_id
from iiko_client.models.payments import Payment, PaymentKind
from iiko_client.units import MinorUnits
from orders.actions.base import Action, Display, Fields, Target
from orders.actions.params import Params
from orders.actions.rules import Subject, pos_from
from orders.commands.refusals import ANY, CHANGES, OF_PAYMENT, refusal
from orders.models.command import CommandKind
from orders.models.order import Order
from orders.payments.kinds import KIND_IN_DICTIONARY, kind_of, outside_text
from orders.payments.settlement import settlement_of
from organizations.models.dictionaries import DictionaryEntry, DictionaryKind


def nothing_is_processed(subject: Subject) -> None:
    if (settlement_of(subject.order).paid_minor or 0) > 0:
        raise refusal("payment_processed.update")


@dataclass(frozen=True, slots=True)
class AskedPayment:
    """``kind`` or ``type_id`` is given; the type is iiko's id of it."""

    sum_minor: MinorUnits
    kind: PaymentKind | None = None
    type_id: str | None = None
    is_processed_externally: bool = False
    is_fiscalized_externally: bool = False


@dataclass(frozen=True, slots=True)
class StoredPayment(Params):
    payment_type_id: str
    name: str
    kind: PaymentKind
    sum_minor: MinorUnits
    is_processed_externally: bool = False
    is_fiscalized_externally: bool = False


@dataclass(frozen=True, slots=True)
class PaymentParams(Params):
    payments: tuple[StoredPayment, ...]


class UpdatePayment(Action[Sequence[AskedPayment], PaymentParams]):
    """Put other payments in place of all the order has; together they must cover it."""

    kind = CommandKind.UPDATE_PAYMENT
    title = gettext_lazy("Change the payment")
    permission = "orders.change_order_payment"
    params = PaymentParams
    refusals = ANY | CHANGES | OF_PAYMENT
    rules = (pos_from(7, 6, 3), nothing_is_processed)
    shown_by = ("payments",)

    def resolve(self, subject: Subject, asked: Sequence[AskedPayment]) -> PaymentParams:
        self.check(subject)
        order = subject.order
        wanted = PaymentParams(tuple(_payment(order, one) for one in asked))
        put_down = sum(one.sum_minor for one in asked)
        if order.amount_minor is not None and put_down < order.amount_minor:
            currency = order.organization.currency
            raise refusal(
                "sum_too_small", sum=money(put_down, currency), amount=money(order.amount_minor, currency)
            )
        if self.is_fulfilled(wanted, {"payments": order.payments}):
            raise refusal("already_so.payments")
        return wanted

    def ask_again(self, params: PaymentParams) -> Sequence[AskedPayment]:
        return [
            AskedPayment(
                one.sum_minor,
                one.kind,
                one.payment_type_id,
                is_processed_externally=one.is_processed_externally,
                is_fiscalized_externally=one.is_fiscalized_externally,
            )
            for one in params.payments
        ]

    def send(self, target: Target, params: PaymentParams) -> str:
        payments = [
            Payment(
                one.kind,
                one.payment_type_id,
                one.sum_minor,
                is_processed_externally=one.is_processed_externally,
                # A POS knows it from 7.6.3, as it does this operation; false is left out.
                is_fiscalized_externally=one.is_fiscalized_externally or None,
            )
            for one in params.payments
        ]
        return target.client.change_payments(**target.ids, payments=payments).correlation_id

    def is_fulfilled(self, params: PaymentParams, fields: Fields) -> bool:
        wanted, shown = [asdict(one) for one in params.payments], fields.get("payments") or []
        # A POS may report nothing of receipts: then they prove nothing, either way.
        are_receipts_reported = all(one.get("is_fiscalized_externally") is not None for one in shown)
        flags = ("is_processed_externally", *(["is_fiscalized_externally"] if are_receipts_reported else []))
        return _sums(wanted, "payment_type_id", flags) == _sums(shown, "type_id", flags)

    def describe(self, params: PaymentParams, display: Display) -> str:
        return ", ".join(
            f"{one.name} {display.money(one.sum_minor)}{outside_text(asdict(one))}" for one in params.payments
        )


def _sums(payments: Iterable[JsonObject], type_key: str, flags: Sequence[str]) -> Counter[tuple[object, ...]]:
    return Counter(
        (one.get(type_key), one.get("sum_minor"), *(bool(one.get(flag)) for flag in flags))
        for one in payments
    )


# --- which type --------------------------------------------------------------------------------------


def _payment(order: Order, asked: AskedPayment) -> StoredPayment:
    entry = _type_by_id(order, asked) if asked.type_id else _type_by_kind(order, asked)
    kind = asked.kind or _settable_kind(entry)
    if kind is PaymentKind.LOYALTY_CARD:
        raise refusal("loyalty_card_needs_guest")
    if asked.is_processed_externally and not may_be_processed_outside(entry):
        raise refusal("payment_type_not_external", type=entry.name)
    return StoredPayment(
        entry.iiko_id,
        entry.name,
        kind,
        asked.sum_minor,
        is_processed_externally=asked.is_processed_externally,
        is_fiscalized_externally=asked.is_fiscalized_externally,
    )


def _settable_kind(entry: DictionaryEntry) -> PaymentKind:
    if (kind := kind_of(entry)) is None:
        raise refusal("payment_type_not_settable", type=entry.name)
    return kind


def may_be_processed_outside(entry: DictionaryEntry) -> bool:
    """Whether iiko lets a payment of this type be taken outside; yes where the dictionary does not say.

    Only External and Both may; null is common and refused (docs/iiko.md#payments-processed-outside).
    """
    return "processing" not in entry.data or entry.data["processing"] in ("External", "Both")


def _types(order: Order) -> QuerySet[DictionaryEntry]:
    return DictionaryEntry.objects.filter(
        organization_id=order.organization_id, kind=DictionaryKind.PAYMENT_TYPE, is_deleted=False
    )


def _type_by_id(order: Order, asked: AskedPayment) -> DictionaryEntry:
    entry = _types(order).filter(iiko_id=canonical_id(asked.type_id or "")).first()
    if entry is None:
        raise refusal("unknown_payment_type")
    if asked.kind is not None and (kind := _settable_kind(entry)) is not asked.kind:
        raise refusal("payment_type_of_other_kind", name=entry.name, kind=kind.value)
    return entry


def _type_by_kind(order: Order, asked: AskedPayment) -> DictionaryEntry:
    kind = asked.kind
    if kind is None:
        raise refusal("payment_without_type")
    if kind is PaymentKind.LOYALTY_CARD:
        raise refusal("loyalty_card_needs_guest")
    wanted = KIND_IN_DICTIONARY.get(kind, kind.value)
    fitting = [
        entry for entry in _types(order).filter(data__kind=wanted).order_by(*NAME_ORDER) if fits(entry, order)
    ]
    if asked.is_processed_externally:
        # Where none may be, the refusal names one of them.
        fitting = [entry for entry in fitting if may_be_processed_outside(entry)] or fitting[:1]
    if len(fitting) > 1:
        usual = order.organization.default_payment_types.get(kind.value)
        fitting = [entry for entry in fitting if entry.iiko_id == usual] or fitting
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise _no_type_of(kind, order)
    restaurant = order.organization.name
    raise refusal("payment_type_ambiguous", kind=kind.value, restaurant=restaurant, types=_listed(fitting))


def _no_type_of(kind: PaymentKind, order: Order) -> HubError:
    there_are = [entry for entry in _types(order).order_by(*NAME_ORDER) if fits(entry, order)]
    if not there_are:
        return refusal("no_such_payment_type.none_known")
    return refusal("no_such_payment_type", kind=kind.value, types=_listed(there_are))


def fits(entry: DictionaryEntry, order: Order) -> bool:
    """Whether a payment type is of the order's terminal group; any may be where that is unknown (SOI)."""
    groups = entry.data.get("terminal_group_ids") or []
    return not groups or not order.terminal_group_id or order.terminal_group_id in groups


def _listed(entries: Iterable[DictionaryEntry]) -> str:
    return "; ".join(f"{entry.name} = {entry.iiko_id}" for entry in entries)
