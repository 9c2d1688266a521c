"""What was asked, made exact with the restaurant's dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.display import money
from core.errors import HubError
from core.values.name_keys import NAME_ORDER, fold
from iiko_client.json_reader import canonical_id
from iiko_client.models.payments import PaymentKind
from iiko_client.models.statuses import DeliveryStatus
from iiko_client.units import MinorUnits
from orders.actions.rules import Subject, version_of
from orders.commands.refusals import refusal
from orders.models.order import Order
from orders.payments.kinds import KIND_IN_DICTIONARY, kind_of
from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization

CAUSES_FROM = (7, 7, 1)
COMMENTS_FROM = (8, 7, 6)


@dataclass(frozen=True, slots=True)
class AskedPayment:
    """``kind`` or ``type_id`` is given; the type is iiko's id of it."""

    sum_minor: MinorUnits
    kind: PaymentKind | None = None
    type_id: str | None = None
    is_processed_externally: bool = False
    is_fiscalized_externally: bool = False


def courier(organization: Organization, courier_id: str) -> Courier:
    """Return a courier of the restaurant.

    Raises:
        InvalidParams: there is none with this id, or iiko has deleted it.
    """
    found = Courier.objects.filter(organization=organization, iiko_id=canonical_id(courier_id)).first()
    if found is None:
        raise refusal("unknown_courier", restaurant=organization.name)
    if found.is_deleted:
        raise refusal("courier_deleted", courier=found)
    return found


# --- payments ----------------------------------------------------------------------------------------


def payments(order: Order, asked: Sequence[AskedPayment]) -> list[dict[str, Any]]:
    """Return the payments with their types; together they cover the order.

    Raises:
        InvalidParams: a type is not known, not clear, or the sums are too small.
    """
    resolved = [_payment(order, one) for one in asked]
    put_down = sum(one.sum_minor for one in asked)
    if order.amount_minor is not None and put_down < order.amount_minor:
        currency = order.organization.currency
        raise refusal(
            "sum_too_small", sum=money(put_down, currency), amount=money(order.amount_minor, currency)
        )
    return resolved


def _payment(order: Order, asked: AskedPayment) -> dict[str, Any]:
    entry = _type_by_id(order, asked) if asked.type_id else _type_by_kind(order, asked)
    kind = asked.kind or _settable_kind(entry)
    if kind is PaymentKind.LOYALTY_CARD:
        raise refusal("loyalty_card_needs_guest")
    if asked.is_processed_externally and not may_be_processed_outside(entry):
        raise refusal("payment_type_not_external", type=entry.name)
    return {
        "payment_type_id": entry.iiko_id,
        "name": entry.name,
        "kind": kind.value,
        "sum_minor": asked.sum_minor,
        "is_processed_externally": asked.is_processed_externally,
        "is_fiscalized_externally": asked.is_fiscalized_externally,
    }


def _settable_kind(entry: DictionaryEntry) -> PaymentKind:
    if (kind := kind_of(entry)) is None:
        raise refusal("payment_type_not_settable", type=entry.name)
    return kind


def may_be_processed_outside(entry: DictionaryEntry) -> bool:
    """Whether iiko lets a payment of this type be taken outside; yes where the dictionary does not say.

    Only External and Both may; null is common and refused (docs/iiko.md#payments-processed-outside).
    """
    return "processing" not in entry.data or entry.data["processing"] in ("External", "Both")


def _entries(organization_id: str, kind: DictionaryKind) -> QuerySet[DictionaryEntry]:
    return DictionaryEntry.objects.filter(organization_id=organization_id, kind=kind, is_deleted=False)


def _types(order: Order) -> QuerySet[DictionaryEntry]:
    return _entries(order.organization_id, DictionaryKind.PAYMENT_TYPE)


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


# --- cancellation ------------------------------------------------------------------------------------


def cancellation(
    subject: Subject, reason: str, cause_id: str | None, removal_type_id: str | None
) -> dict[str, Any]:
    """Return comment, cause and removal type; what the POS's version does not know is left out.

    Where food is being made and nobody chose, the one type that writes it off at the restaurant's cost is
    taken: food that is made is never written off nowhere, nor on somebody, without being asked for.

    Raises:
        InvalidParams: a cause or type is not known, or one is needed and not clear.
    """
    organization = subject.organization
    cause = _entry(organization, DictionaryKind.CANCEL_CAUSE, cause_id) if cause_id else None
    if cause is None and reason:
        cause = _named(organization, DictionaryKind.CANCEL_CAUSE, reason)
    removal = _entry(organization, DictionaryKind.REMOVAL_TYPE, removal_type_id) if removal_type_id else None
    if removal is None and needs_removal_type(subject):
        removal = _removal_of_made_food(organization)
    if removal is not None and removal.data.get("is_reason_required") and not reason:
        raise refusal("reason_needed", type=removal.name)
    takes_ids, takes_comments = _knows(subject, CAUSES_FROM), _knows(subject, COMMENTS_FROM)
    return {
        "comment": reason if takes_comments else "",
        "reason": reason,
        "cause_id": cause.iiko_id if cause and takes_ids else None,
        "cause": cause.name if cause and takes_ids else None,
        "removal_type_id": removal.iiko_id if removal and takes_ids else None,
        "removal_type": removal.name if removal and takes_ids else None,
    }


def words_of_cancellation(subject: Subject, reason: str, *, is_printed: bool = False) -> dict[str, Any]:
    """Return what goes with a cancellation of the hub's own, as far as the POS's version knows it.

    Raises:
        InvalidParams: items are printed, and it is not clear how they are to be deleted.
    """
    takes_ids = _knows(subject, CAUSES_FROM)
    removal = removal_type(subject.organization) if is_printed and takes_ids else None
    comment = reason if _knows(subject, COMMENTS_FROM) else None
    return {
        "comment": comment,
        "removal_type_id": removal.iiko_id if removal else None,
        "removal_comment": comment if removal else None,
    }


def _knows(subject: Subject, needed: tuple[int, ...]) -> bool:
    version = version_of(subject.pos_version)
    return not version or version >= needed


_BEING_MADE = (DeliveryStatus.COOKING_STARTED, DeliveryStatus.COOKING_COMPLETED)


def needs_removal_type(subject: Subject) -> bool:
    """Whether food of the order is being made or is made already, and the POS takes a removal type."""
    if not _knows(subject, CAUSES_FROM):
        return False
    order = subject.order
    if order.when_printed is not None or any(item.get("when_printed") for item in order.items):
        return True
    # SOI tells nothing of printing. With no types known the POS decides.
    return order.status in _BEING_MADE and bool(removal_types(order.organization_id))


def _entry(organization: Organization, kind: DictionaryKind, iiko_id: str) -> DictionaryEntry:
    found = _entries(organization.iiko_id, kind).filter(iiko_id=canonical_id(iiko_id)).first()
    if found is None:
        raise refusal(f"unknown_{kind.value}", restaurant=organization.name, what=kind.label, id=iiko_id)
    return found


def _named(organization: Organization, kind: DictionaryKind, name: str) -> DictionaryEntry | None:
    wanted = fold(name).strip()
    entries = _entries(organization.iiko_id, kind).order_by("id")
    return next((entry for entry in entries if entry.name_key.strip() == wanted), None)


def removal_types(organization_id: str) -> list[DictionaryEntry]:
    return list(_entries(organization_id, DictionaryKind.REMOVAL_TYPE).order_by(*NAME_ORDER))


def _removal_of_made_food(organization: Organization) -> DictionaryEntry:
    """Take the one type that writes off, if the restaurant bears it; nobody is charged unasked.

    Raises:
        InvalidParams: there is none such, or several.
    """
    writing = [entry for entry in removal_types(organization.iiko_id) if writes_off(entry)]
    if len(writing) == 1 and writing[0].data.get("can_write_off_to_cafe"):
        return writing[0]
    raise _removal_type_needed(organization)


def removal_type(organization: Organization) -> DictionaryEntry:
    """Choose how an order of the hub's own is taken back.

    The one type that writes nothing off, else the only one. The food is made for the order in whose place it
    stood.

    Raises:
        InvalidParams: neither is there.
    """
    entries = removal_types(organization.iiko_id)
    harmless = [entry for entry in entries if not writes_off(entry)]
    for choice in (harmless, entries):
        if len(choice) == 1:
            return choice[0]
    raise _removal_type_needed(organization)


def _removal_type_needed(organization: Organization) -> HubError:
    entries = removal_types(organization.iiko_id)
    listed = "; ".join(f"{entry.name} ({write_off_text(entry)}) = {entry.iiko_id}" for entry in entries)
    none_known = _("the dictionary is empty, read the dictionaries first")
    return refusal("removal_type_needed", types=listed or none_known)


def write_off_text(entry: DictionaryEntry) -> str:
    """Say in words who bears the cost of what is removed by a type."""
    whom = {"cafe": _("the restaurant"), "waiter": _("the waiter"), "user": _("an employee")}
    bearers = [str(name) for key, name in whom.items() if entry.data.get(f"can_write_off_to_{key}")]
    return _("written off to: %s") % ", ".join(bearers) if bearers else _("nothing is written off")


def writes_off(entry: DictionaryEntry) -> bool:
    return any(entry.data.get(f"can_write_off_to_{whom}") for whom in ("cafe", "waiter", "user"))
