"""Cancelling an order, and what becomes of its food."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_lazy

from core.errors import HubError
from core.values.name_keys import NAME_ORDER, fold
from iiko_client.endpoints.deliveries import LONGEST_COMMENT
from iiko_client.json_reader import canonical_id
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.base import Action, Display, Fields, Target
from orders.actions.params import Params
from orders.actions.rules import Subject, may_be_from, pos_from
from orders.commands.refusals import ANY, OF_CANCELLATION, OF_FOOD, refusal
from orders.models.command import CommandKind
from orders.models.order import Order
from organizations.models.dictionaries import DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization

CAUSES_FROM = (7, 7, 1)
COMMENTS_FROM = (8, 7, 6)

_BEING_MADE = (DeliveryStatus.COOKING_STARTED, DeliveryStatus.COOKING_COMPLETED)


@dataclass(frozen=True, slots=True)
class CancelParams(Params):
    """What is asked is the reason and iiko's ids; the rest is filled in.

    The reason becomes the comment, and the cause where one has that name.
    """

    reason: str = ""
    cause_id: str | None = None
    removal_type_id: str | None = None
    comment: str = ""
    cause: str | None = None
    removal_type: str | None = None


class CancelOrder(Action[CancelParams, CancelParams]):
    kind = CommandKind.CANCEL
    title = gettext_lazy("Cancel the order")
    permission = "orders.cancel_order"
    params = CancelParams
    refusals = ANY | OF_CANCELLATION | OF_FOOD
    rules = (pos_from(7, 5, 4),)
    shown_by = ("status",)
    is_destructive = True

    def check_asked(self, asked: CancelParams, now: datetime) -> None:
        if len(asked.reason) > LONGEST_COMMENT:
            raise refusal("reason_too_long", most=LONGEST_COMMENT)

    def resolve(self, subject: Subject, asked: CancelParams) -> CancelParams:
        """Leave out what the POS's version does not know.

        Where food is being made and nobody chose, the one type that writes it off at the restaurant's cost
        is taken: food that is made is never written off nowhere, nor on somebody, without being asked for.
        """
        self.check(subject)
        organization, reason = subject.organization, asked.reason.strip()
        cause = removal = None
        if asked.cause_id:
            cause = _entry(organization, DictionaryKind.CANCEL_CAUSE, asked.cause_id)
        elif reason:
            cause = _cause_named(organization, reason)
        if asked.removal_type_id:
            removal = _entry(organization, DictionaryKind.REMOVAL_TYPE, asked.removal_type_id)
        elif needs_removal_type(subject):
            removal = _removal_of_made_food(organization)
        if removal is not None and removal.data.get("is_reason_required") and not reason:
            raise refusal("reason_needed", type=removal.name)
        if not may_be_from(subject, CAUSES_FROM):
            cause = removal = None
        return CancelParams(
            reason=reason,
            comment=reason if may_be_from(subject, COMMENTS_FROM) else "",
            cause_id=cause.iiko_id if cause else None,
            cause=cause.name if cause else None,
            removal_type_id=removal.iiko_id if removal else None,
            removal_type=removal.name if removal else None,
        )

    def send(self, target: Target, params: CancelParams) -> str:
        comment = params.comment or None
        return target.client.cancel(
            **target.ids,
            cause_id=params.cause_id,
            comment=comment,
            removal_type_id=params.removal_type_id,
            removal_comment=comment if params.removal_type_id else None,
        ).correlation_id

    def is_fulfilled(self, params: CancelParams, fields: Fields) -> bool:
        return fields.get("status") == DeliveryStatus.CANCELLED

    def describe(self, params: CancelParams, display: Display) -> str:
        said = [params.cause, params.reason if params.reason != params.cause else None]
        if params.removal_type:
            said.append(gettext("removal: %(name)s") % {"name": params.removal_type})
        return "; ".join(filter(None, said)) or gettext("without a reason")


def words_of_cancellation(subject: Subject, reason: str, *, is_printed: bool = False) -> dict[str, Any]:
    """Return what goes with a cancellation of the hub's own, as far as the POS's version knows it.

    Raises:
        InvalidParams: items are printed, and it is not clear how they are to be deleted.
    """
    takes_ids = may_be_from(subject, CAUSES_FROM)
    removal = _harmless_removal(subject.organization) if is_printed and takes_ids else None
    comment = reason if may_be_from(subject, COMMENTS_FROM) else None
    return {
        "comment": comment,
        "removal_type_id": removal.iiko_id if removal else None,
        "removal_comment": comment if removal else None,
    }


def needs_removal_type(subject: Subject) -> bool:
    """Whether food of the order is being made or is made already, and the POS takes a removal type."""
    if not may_be_from(subject, CAUSES_FROM):
        return False
    order = subject.order
    # SOI tells nothing of printing. With no types known the POS decides.
    return _was_printed(order) or (is_made(order) and bool(removal_types(order.organization_id)))


def is_made(order: Order) -> bool:
    """Whether the kitchen has food of the order in hand, as far as iiko has reported."""
    return _was_printed(order) or order.status in _BEING_MADE


def _was_printed(order: Order) -> bool:
    return order.when_printed is not None or any(item.get("when_printed") for item in order.items)


# --- causes and removal types ------------------------------------------------------------------------


def _entries(organization_id: str, kind: DictionaryKind) -> QuerySet[DictionaryEntry]:
    return DictionaryEntry.objects.filter(organization_id=organization_id, kind=kind, is_deleted=False)


def _entry(organization: Organization, kind: DictionaryKind, iiko_id: str) -> DictionaryEntry:
    found = _entries(organization.iiko_id, kind).filter(iiko_id=canonical_id(iiko_id)).first()
    if found is None:
        raise refusal(f"unknown_{kind.value}", restaurant=organization.name, what=kind.label, id=iiko_id)
    return found


def _cause_named(organization: Organization, name: str) -> DictionaryEntry | None:
    wanted = fold(name).strip()
    entries = _entries(organization.iiko_id, DictionaryKind.CANCEL_CAUSE).order_by("id")
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


def _harmless_removal(organization: Organization) -> DictionaryEntry:
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
    none_known = gettext("the dictionary is empty, read the dictionaries first")
    return refusal("removal_type_needed", types=listed or none_known)


def write_off_text(entry: DictionaryEntry) -> str:
    """Say in words who bears the cost of what is removed by a type."""
    whom = {
        "cafe": gettext("the restaurant"),
        "waiter": gettext("the waiter"),
        "user": gettext("an employee"),
    }
    bearers = [str(name) for key, name in whom.items() if entry.data.get(f"can_write_off_to_{key}")]
    if not bearers:
        return gettext("nothing is written off")
    return gettext("written off to: %s") % ", ".join(bearers)


def writes_off(entry: DictionaryEntry) -> bool:
    return any(entry.data.get(f"can_write_off_to_{whom}") for whom in ("cafe", "waiter", "user"))
