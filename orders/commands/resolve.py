"""What was asked, made exact with the restaurant's dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.display import money
from core.name_keys import NAME_ORDER, fold
from iiko_client.json_reader import canonical_id
from iiko_client.models.payments import PaymentKind
from iiko_client.models.statuses import DeliveryStatus
from iiko_client.units import MinorUnits
from orders.actions.rules import Subject, version_of
from orders.errors import InvalidParams
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
        raise InvalidParams(
            "unknown_courier",
            _("%s has no courier with this id. Read the dictionaries again if the courier is new.")
            % organization.name,
        )
    if found.is_deleted:
        raise InvalidParams("courier_deleted", _("%s is deleted in iiko.") % found)
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
        raise InvalidParams(
            "sum_too_small",
            _("The payments come to %(sum)s, the order costs %(amount)s.")
            % {
                "sum": money(put_down, order.organization.currency),
                "amount": money(order.amount_minor, order.organization.currency),
            },
        )
    return resolved


def _payment(order: Order, asked: AskedPayment) -> dict[str, Any]:
    entry = _type_by_id(order, asked) if asked.type_id else _type_by_kind(order, asked)
    kind = asked.kind or kind_of(entry)
    if kind is PaymentKind.LOYALTY_CARD:
        _refuse_loyalty_card()
    if asked.is_processed_externally and not may_be_processed_outside(entry):
        raise InvalidParams(
            "payment_type_not_external",
            _("iiko takes %s only itself, so it cannot have been paid outside iiko.") % entry.name,
        )
    return {
        "payment_type_id": entry.iiko_id,
        "name": entry.name,
        "kind": kind.value,
        "sum_minor": asked.sum_minor,
        "is_processed_externally": asked.is_processed_externally,
        "is_fiscalized_externally": asked.is_fiscalized_externally,
    }


def _refuse_loyalty_card() -> NoReturn:
    # Both fields are required (docs/iiko.md#payments).
    raise InvalidParams(
        "loyalty_card_needs_guest",
        _(
            "iiko takes a payment from a loyalty card only with the guest's own proof (credential, "
            "searchScope), which the hub neither takes nor keeps. Put it down on the POS."
        ),
    )


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
        raise InvalidParams("unknown_payment_type", _("This restaurant has no payment type with this id."))
    if asked.kind is not None and kind_of(entry) is not asked.kind:
        raise InvalidParams(
            "payment_type_of_other_kind",
            _("%(name)s is of the kind %(kind)s.") % {"name": entry.name, "kind": kind_of(entry).value},
        )
    return entry


def _type_by_kind(order: Order, asked: AskedPayment) -> DictionaryEntry:
    kind = asked.kind
    if kind is None:
        raise InvalidParams("payment_without_type", _("Each payment needs paymentTypeId or paymentTypeKind."))
    if kind is PaymentKind.LOYALTY_CARD:
        _refuse_loyalty_card()
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
        raise InvalidParams("no_such_payment_type", _no_type_of(kind, order))
    raise InvalidParams(
        "payment_type_ambiguous",
        _(
            "Several payment types are of the kind %(kind)s. Give paymentTypeId, or have the usual one "
            "chosen in the admin (Organizations, %(restaurant)s, Usual payment types): %(types)s."
        )
        % {"kind": kind.value, "restaurant": order.organization.name, "types": _listed(fitting)},
    )


def _no_type_of(kind: PaymentKind, order: Order) -> str:
    there_are = [entry for entry in _types(order).order_by(*NAME_ORDER) if fits(entry, order)]
    if not there_are:
        return _("No payment type of this restaurant is known here. Read the dictionaries.")
    return _("This restaurant has no payment type of the kind %(kind)s. It has: %(types)s.") % {
        "kind": kind.value,
        "types": _listed(there_are),
    }


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
        raise InvalidParams(
            "reason_needed", _("The removal type %s needs a reason. Give one.") % removal.name
        )
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
    entries = DictionaryEntry.objects.filter(organization=organization, kind=kind, is_deleted=False)
    found = entries.filter(iiko_id=canonical_id(iiko_id)).first()
    if found is None:
        raise InvalidParams(
            f"unknown_{kind.value}",
            _("%(restaurant)s has no such entry (%(what)s): %(id)s.")
            % {"restaurant": organization.name, "what": kind.label, "id": iiko_id},
        )
    return found


def _named(organization: Organization, kind: DictionaryKind, name: str) -> DictionaryEntry | None:
    entries = DictionaryEntry.objects.filter(organization=organization, kind=kind, is_deleted=False)
    wanted = fold(name).strip()
    return next((entry for entry in entries.order_by("id") if entry.name_key.strip() == wanted), None)


def removal_types(organization_id: str) -> list[DictionaryEntry]:
    entries = DictionaryEntry.objects.filter(
        organization_id=organization_id, kind=DictionaryKind.REMOVAL_TYPE, is_deleted=False
    )
    return list(entries.order_by(*NAME_ORDER))


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


def _removal_type_needed(organization: Organization) -> InvalidParams:
    entries = removal_types(organization.iiko_id)
    listed = "; ".join(f"{entry.name} ({write_off_text(entry)}) = {entry.iiko_id}" for entry in entries)
    return InvalidParams(
        "removal_type_needed",
        _("Food of this order is made already: say how it is removed. Give removal_type_id: %s.")
        % (listed or _("the dictionary is empty, read the dictionaries first")),
    )


def write_off_text(entry: DictionaryEntry) -> str:
    """Say in words who bears the cost of what is removed by a type."""
    whom = {"cafe": _("the restaurant"), "waiter": _("the waiter"), "user": _("an employee")}
    bearers = [str(name) for key, name in whom.items() if entry.data.get(f"can_write_off_to_{key}")]
    return _("written off to: %s") % ", ".join(bearers) if bearers else _("nothing is written off")


def writes_off(entry: DictionaryEntry) -> bool:
    return any(entry.data.get(f"can_write_off_to_{whom}") for whom in ("cafe", "waiter", "user"))
