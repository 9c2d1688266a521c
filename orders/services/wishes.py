"""What was asked, made exact with the restaurant's dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from iiko_client.reading import canonical_id
from iiko_client.types.payments import PaymentKind
from iiko_client.units import MinorUnits, to_major
from orders.errors import BadWish
from orders.models import Order
from orders.services.actions import Subject, version_of
from orders.services.payment_kinds import KIND_IN_DICTIONARY, kind_of
from organizations.link_models import Courier, DictionaryEntry, DictionaryKind
from organizations.models import Organization
from organizations.name_keys import NAME_ORDER, fold

CAUSES_FROM = (7, 7, 1)
COMMENTS_FROM = (8, 7, 6)


@dataclass(frozen=True, slots=True)
class AskedPayment:
    """``kind`` or ``type_id`` is given; the type is iiko's id of it."""

    sum_minor: MinorUnits
    kind: PaymentKind | None = None
    type_id: str | None = None


def courier(organization: Organization, courier_id: str) -> Courier:
    """Return a courier of the restaurant.

    Raises:
        BadWish: there is none with this id, or iiko has deleted it.
    """
    found = Courier.objects.filter(organization=organization, iiko_id=canonical_id(courier_id)).first()
    if found is None:
        raise BadWish(
            "unknown_courier",
            _("%s has no courier with this id. Read the dictionaries again if the courier is new.")
            % organization.name,
        )
    if found.is_deleted:
        raise BadWish("courier_deleted", _("%s is deleted in iiko.") % found)
    return found


# --- payments ----------------------------------------------------------------------------------------


def payments(order: Order, asked: Sequence[AskedPayment]) -> list[dict[str, Any]]:
    """Return the payments with their types; together they cover the order.

    Raises:
        BadWish: a type is not known, not clear, or the sums are too small.
    """
    resolved = [_payment(order, one) for one in asked]
    put_down = sum(one.sum_minor for one in asked)
    if order.amount_minor is not None and put_down < order.amount_minor:
        raise BadWish(
            "sum_too_small",
            _("The payments come to %(sum)s, the order costs %(amount)s.")
            % {
                "sum": to_major(MinorUnits(put_down)),
                "amount": to_major(MinorUnits(order.amount_minor)),
            },
        )
    return resolved


def _payment(order: Order, asked: AskedPayment) -> dict[str, Any]:
    entry = _type_by_id(order, asked) if asked.type_id else _type_by_kind(order, asked.kind)
    kind = asked.kind or kind_of(entry)
    return {
        "payment_type_id": entry.iiko_id,
        "name": entry.name,
        "kind": kind.value,
        "sum_minor": asked.sum_minor,
    }


def _types(order: Order) -> QuerySet[DictionaryEntry]:
    return DictionaryEntry.objects.filter(
        organization_id=order.organization_id, kind=DictionaryKind.PAYMENT_TYPE, is_deleted=False
    )


def _type_by_id(order: Order, asked: AskedPayment) -> DictionaryEntry:
    entry = _types(order).filter(iiko_id=canonical_id(asked.type_id or "")).first()
    if entry is None:
        raise BadWish("unknown_payment_type", _("This restaurant has no payment type with this id."))
    if asked.kind is not None and kind_of(entry) is not asked.kind:
        raise BadWish(
            "payment_type_of_other_kind",
            _("%(name)s is of the kind %(kind)s.") % {"name": entry.name, "kind": kind_of(entry).value},
        )
    return entry


def _type_by_kind(order: Order, kind: PaymentKind | None) -> DictionaryEntry:
    if kind is None:
        raise BadWish("payment_without_type", _("Each payment needs paymentTypeId or paymentTypeKind."))
    wanted = KIND_IN_DICTIONARY.get(kind, kind.value)
    fitting = [
        entry for entry in _types(order).filter(data__kind=wanted).order_by(*NAME_ORDER) if fits(entry, order)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise BadWish(
            "no_such_payment_type", _("This restaurant has no payment type of the kind %s.") % kind.value
        )
    raise BadWish(
        "payment_type_ambiguous",
        _("Several payment types are of the kind %(kind)s, give paymentTypeId: %(types)s.")
        % {"kind": kind.value, "types": _listed(fitting)},
    )


def fits(entry: DictionaryEntry, order: Order) -> bool:
    """Whether a payment type is of the order's till group; any may be where nobody told that, as with SOI."""
    groups = entry.data.get("terminal_group_ids") or []
    return not groups or not order.terminal_group_id or order.terminal_group_id in groups


def _listed(entries: Iterable[DictionaryEntry]) -> str:
    return "; ".join(f"{entry.name} = {entry.iiko_id}" for entry in entries)


# --- cancellation ------------------------------------------------------------------------------------


def cancellation(
    subject: Subject, reason: str, cause_id: str | None, removal_type_id: str | None
) -> dict[str, Any]:
    """Return comment, cause and removal type; what the till's version does not know is left out.

    Raises:
        BadWish: a cause or type is not known, or one is needed and not clear.
    """
    organization = subject.organization
    cause = _entry(organization, DictionaryKind.CANCEL_CAUSE, cause_id) if cause_id else None
    if cause is None and reason:
        cause = _named(organization, DictionaryKind.CANCEL_CAUSE, reason)
    removal = _entry(organization, DictionaryKind.REMOVAL_TYPE, removal_type_id) if removal_type_id else None
    if removal is None and _is_printed(subject.order):
        removal = removal_type(organization)
    if removal is not None and removal.data.get("is_reason_required") and not reason:
        raise BadWish("reason_needed", _("The removal type %s needs a reason. Give one.") % removal.name)
    takes_ids = _knows(subject, CAUSES_FROM)
    takes_comments = _knows(subject, COMMENTS_FROM)
    return {
        "comment": reason if takes_comments else "",
        "reason": reason,
        "cause_id": cause.iiko_id if cause and takes_ids else None,
        "cause": cause.name if cause and takes_ids else None,
        "removal_type_id": removal.iiko_id if removal and takes_ids else None,
        "removal_type": removal.name if removal and takes_ids else None,
    }


def words_of_cancellation(subject: Subject, reason: str, *, is_printed: bool = False) -> dict[str, Any]:
    """Return what goes with a cancellation of the hub's own, as far as the till's version knows it.

    Raises:
        BadWish: items are printed, and it is not clear how they are to be deleted.
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
    version = version_of(subject.till_version)
    return not version or version >= needed


def _is_printed(order: Order) -> bool:
    return order.when_printed is not None or any(item.get("when_printed") for item in order.items)


def _entry(organization: Organization, kind: DictionaryKind, iiko_id: str) -> DictionaryEntry:
    entries = DictionaryEntry.objects.filter(organization=organization, kind=kind, is_deleted=False)
    found = entries.filter(iiko_id=canonical_id(iiko_id)).first()
    if found is None:
        raise BadWish(
            f"unknown_{kind.value}",
            _("%(restaurant)s has no such entry (%(what)s): %(id)s.")
            % {"restaurant": organization.name, "what": kind.label, "id": iiko_id},
        )
    return found


def _named(organization: Organization, kind: DictionaryKind, name: str) -> DictionaryEntry | None:
    entries = DictionaryEntry.objects.filter(organization=organization, kind=kind, is_deleted=False)
    wanted = fold(name).strip()
    return next((entry for entry in entries.order_by("id") if entry.name_key.strip() == wanted), None)


def removal_type(organization: Organization) -> DictionaryEntry:
    """Choose how printed items are deleted: the one type that writes nothing off, else the only one."""
    entries = list(
        DictionaryEntry.objects.filter(
            organization=organization, kind=DictionaryKind.REMOVAL_TYPE, is_deleted=False
        ).order_by(*NAME_ORDER)
    )
    harmless = [entry for entry in entries if not _writes_off(entry)]
    for choice in (harmless, entries):
        if len(choice) == 1:
            return choice[0]
    raise BadWish(
        "removal_type_needed",
        _("Items are printed in the kitchen already, so iiko needs a removal type. Give removal_type_id: %s.")
        % (_listed(entries) or _("the dictionary is empty, read the dictionaries first")),
    )


def _writes_off(entry: DictionaryEntry) -> bool:
    return any(entry.data.get(f"can_write_off_to_{whom}") for whom in ("cafe", "waiter", "user"))
