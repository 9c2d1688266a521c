"""What may be asked of an order as it stands. The API and the admin offer what this table allows.

The transitions are the vendor's (docs/iiko.md#status-changes). Where it is silent the POS is asked and
its refusal is shown: refused here is only what cannot work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from core.mirror.precedence import is_told
from iiko_client.json_reader import is_uuid
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.discount.reissue_request import check as check_reissue
from orders.actions.discount.reissue_request import checked_fields
from orders.actions.discount.replacement import replacement_of
from orders.commands.refusals import refusal
from orders.errors import NotAllowed
from orders.models.command import CommandKind
from orders.models.order import CreationStatus, Order, OrderType
from orders.payments.settlement import settlement_of
from organizations.models.organization import Organization

Version = tuple[int, ...]

DRIVER_FROM: Version = (8, 6, 6)
"""The POS that knows ``change_driver_info``, which also takes a courier off (docs/iiko.md#couriers)."""

PAID_ON_THE_WAY = "WhenOrderOnTheWay"

_BEFORE_KITCHEN = frozenset({DeliveryStatus.WAIT_COOKING})
_WITH_COURIER = frozenset({DeliveryStatus.ON_WAY, DeliveryStatus.DELIVERED})


@dataclass(frozen=True)
class Subject:
    """An order with what decides about it beside its own fields."""

    order: Order
    organization: Organization
    pos_version: str

    @property
    def status(self) -> str | None:
        return self.order.status

    @cached_property
    def replacement(self) -> Order | None:
        return replacement_of(self.order)


Check = Callable[[Subject], None]


def subject_of(order: Order) -> Subject:
    """Read what decides about an order; its organization is fetched with it where possible."""
    organization = order.organization
    group = organization.terminal_group(order.terminal_group_id)
    return Subject(order, organization, (group.pos_version if group else "") or organization.pos_version)


# --- checks ------------------------------------------------------------------------------------------


def is_served(subject: Subject) -> None:
    if not subject.organization.is_active:
        raise refusal("restaurant_off")


def has_ids(subject: Subject) -> None:
    order = subject.order
    # First: of an order that was refused no id ever comes.
    if order.creation_status == CreationStatus.ERROR and order.raw_status is None:
        raise refusal("not_taken_by_till")
    if order.iiko_order_id is None:
        raise refusal("not_in_iiko")
    if not (is_uuid(order.iiko_order_id) and is_uuid(order.organization_id)):
        raise refusal("not_an_iiko_id")


def is_in_iiko(subject: Subject) -> None:
    has_ids(subject)
    order = subject.order
    if order.creation_status == CreationStatus.IN_PROGRESS and order.raw_status is None:
        raise refusal("not_taken_yet")


def exists(subject: Subject) -> None:
    if subject.order.is_deleted:
        raise refusal("order_deleted")


def is_unfinished(subject: Subject) -> None:
    if subject.status == DeliveryStatus.CLOSED:
        raise refusal("order_closed")
    if subject.status == DeliveryStatus.CANCELLED:
        if subject.replacement is not None:
            raise refusal("order_cancelled.replaced", order=subject.replacement)
        is_moved = (subject.order.moved or {}).get("to_order_id")
        raise refusal("order_cancelled.moved" if is_moved else "order_cancelled")


def is_known_to_iiko(subject: Subject) -> None:
    if subject.order.unknown_to_iiko_at is not None:
        raise refusal("unknown_to_iiko")


def is_delivery(subject: Subject) -> None:
    if subject.order.order_type == OrderType.HALL:
        raise refusal("not_a_delivery")


def goes_by_courier(subject: Subject) -> None:
    if subject.order.order_type == OrderType.PICKUP:
        raise refusal("pickup_order")


def goes_by_own_courier(subject: Subject) -> None:
    # A guess that avoids two couriers for one meal: docs/iiko.md#outside-courier-services.
    if subject.order.has_external_courier:
        name = subject.order.external_courier_service_name or subject.order.external_courier_service_id
        raise refusal("external_courier_service", service=name)


def is_confirmed(subject: Subject) -> None:
    if subject.status == DeliveryStatus.UNCONFIRMED:
        raise refusal("not_confirmed")


def uses_confirmation(subject: Subject) -> None:
    # An unconfirmed order shows that the restaurant confirms, whatever its settings said when last read.
    is_off = subject.organization.is_confirmation_enabled is False
    if is_off and subject.status != DeliveryStatus.UNCONFIRMED:
        raise refusal("confirmation_off")


def is_paid_on_closing(subject: Subject) -> None:
    if subject.organization.payment_settings == PAID_ON_THE_WAY:
        raise refusal("paid_on_the_way")


def is_on_its_way(subject: Subject) -> None:
    is_elsewhere = subject.status is not None and subject.status not in _WITH_COURIER
    if subject.order.order_type == OrderType.DELIVERY and is_elsewhere:
        raise refusal("not_on_the_way")


def is_covered(subject: Subject) -> None:
    """Closing takes the money: what was put down must cover what the order costs."""
    order = subject.order
    if order.amount_minor is None or not is_told(order.field_precedence, "payments"):
        return  # SOI tells no payments
    if sum(payment.get("sum_minor") or 0 for payment in order.payments) < order.amount_minor:
        raise refusal("not_paid")


def nothing_is_processed(subject: Subject) -> None:
    order = subject.order
    if (settlement_of(order).paid_minor or 0) > 0:
        raise refusal("payment_processed.update")


def pos_from(*needed: int) -> Check:
    def check(subject: Subject) -> None:
        version = version_of(subject.pos_version)
        if version and version < needed:
            raise refusal("till_too_old", has=subject.pos_version, needed=".".join(map(str, needed)))

    return check


def is_pos_from(subject: Subject, needed: Version) -> bool:
    """Whether the POS is surely new enough; a version that nobody knows is not."""
    version = version_of(subject.pos_version)
    return bool(version) and version >= needed


def version_of(text: str) -> Version:
    """Read ``8.7.6016.0`` as numbers; empty where it is none, which then forbids nothing."""
    match = re.match(r"\d+(?:\.\d+)*", text.strip())
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _courier_closes_from(subject: Subject) -> None:
    if subject.order.order_type != OrderType.PICKUP:
        pos_from(8, 0, 6)(subject)


def _stands_before_the_kitchen(subject: Subject) -> None:
    if subject.status is not None and subject.status not in _BEFORE_KITCHEN:
        raise refusal("being_cooked")


def _waits_for_confirmation(subject: Subject) -> None:
    if subject.status is not None and subject.status != DeliveryStatus.UNCONFIRMED:
        raise refusal("already_confirmed")


def _is_the_kitchens(_subject: Subject) -> None:
    raise refusal("set_by_kitchen")


def can_be_reissued(subject: Subject) -> None:
    """A discount is given at birth alone, so the order must be one that can be born again."""
    pos_from(7, 5, 4)(subject)
    check_reissue(checked_fields(subject.order))


def _only_by_reissue(subject: Subject) -> None:
    # docs/iiko.md#discounts-of-existing-orders
    try:
        can_be_reissued(subject)
    except NotAllowed as error:
        raise refusal("discount_not_supported_by_iiko.nor_by_reissue", why=error.detail) from error
    raise refusal("discount_not_supported_by_iiko")


# --- the table ---------------------------------------------------------------------------------------

ALWAYS: tuple[Check, ...] = (is_served, exists, is_in_iiko, is_unfinished, is_known_to_iiko, is_delivery)

STATUSES: dict[DeliveryStatus, tuple[Check, ...]] = {
    DeliveryStatus.UNCONFIRMED: (pos_from(7, 6, 1), uses_confirmation, _stands_before_the_kitchen),
    DeliveryStatus.WAIT_COOKING: (pos_from(7, 6, 1), uses_confirmation, _waits_for_confirmation),
    DeliveryStatus.READY_FOR_COOKING: (_is_the_kitchens,),
    DeliveryStatus.COOKING_STARTED: (_is_the_kitchens,),
    DeliveryStatus.COOKING_COMPLETED: (_is_the_kitchens,),
    DeliveryStatus.WAITING: (is_confirmed, is_paid_on_closing),
    DeliveryStatus.ON_WAY: (is_confirmed, goes_by_courier),
    DeliveryStatus.DELIVERED: (is_confirmed, goes_by_courier, is_on_its_way),
    DeliveryStatus.CLOSED: (
        is_confirmed,
        pos_from(7, 4, 6),
        _courier_closes_from,
        is_on_its_way,
        is_covered,
    ),
    DeliveryStatus.CANCELLED: (pos_from(7, 5, 4),),
}
"""Which checks a requested status passes, after ``ALWAYS``."""

# An outside service is no reason to keep one's own courier: beside it they are one too many.
_BY_COURIER: tuple[Check, ...] = (pos_from(7, 1, 5), goes_by_courier)

OTHERS: dict[CommandKind, tuple[Check, ...]] = {
    CommandKind.ASSIGN_COURIER: (*_BY_COURIER, goes_by_own_courier),
    CommandKind.UPDATE_PAYMENT: (pos_from(7, 6, 3), nothing_is_processed),
    CommandKind.CANCEL: STATUSES[DeliveryStatus.CANCELLED],
    CommandKind.APPLY_DISCOUNT: (can_be_reissued,),
}


def check_status(subject: Subject, wanted: DeliveryStatus) -> None:
    """Raise why a status cannot be asked for.

    Raises:
        NotAllowed: with a stable code, the reason and what to do instead.
    """
    _run(ALWAYS, subject)
    if subject.status == wanted:
        raise refusal("already_so.status")
    _run(STATUSES[wanted], subject)


def check(subject: Subject, kind: CommandKind) -> None:
    """Raise why something other than a status cannot be asked for.

    Raises:
        NotAllowed: with a stable code, the reason and what to do instead.
    """
    _run((*ALWAYS, *OTHERS[kind]), subject)


def check_courier_off(subject: Subject) -> None:
    """Raise why the courier cannot be taken off.

    Raises:
        NotAllowed: with a stable code, the reason and what to do instead.
    """
    _run((*ALWAYS, *_BY_COURIER), subject)
    if subject.order.courier_id is None:
        raise refusal("already_so.no_courier")
    pos_from(*DRIVER_FROM)(subject)


def check_discount(subject: Subject, *, reissue: bool) -> None:
    """Raise why no discount can be given; ``reissue``: the order may be reissued.

    Raises:
        NotAllowed: with a stable code, the reason and what to do instead.
    """
    _run(ALWAYS, subject)
    (can_be_reissued if reissue else _only_by_reissue)(subject)


def _run(checks: tuple[Check, ...], subject: Subject) -> None:
    for one in checks:
        one(subject)


def allowed_actions(order: Order) -> list[dict[str, Any]]:
    """List every action with whether it may be asked for now, and why not.

    Shape: ``{"action": "update-status", "status": "OnWay", "allowed": bool, "code": str, "reason": str}``;
    ``status`` only for ``update-status``. ``apply-discount`` is allowed with the code ``needs_reissue``.
    """
    subject = subject_of(order)
    statuses = [
        {"action": "update-status", "status": status.value} | _assessment(check_status, subject, status)
        for status in DeliveryStatus
        if status is not DeliveryStatus.CANCELLED
    ]
    others = [
        {"action": kind.value.replace("_", "-"), "status": None} | _assessment(check, subject, kind)
        for kind in OTHERS
        if kind is not CommandKind.APPLY_DISCOUNT
    ]
    return [
        *statuses,
        *others,
        {"action": "apply-discount", "status": None} | _assessment_of_discount(subject),
    ]


def _assessment_of_discount(subject: Subject) -> dict[str, Any]:
    """Allowed where the order can be reissued: the caller must then agree to that, as the code says."""
    outcome = _assessment(check, subject, CommandKind.APPLY_DISCOUNT)
    if outcome["allowed"]:
        words = _(
            "Only by re-issuing the order (reissue: true): it gets another number and id, and this one is "
            "cancelled."
        )
        return outcome | {"code": "needs_reissue", "reason": words}
    return _assessment(check_discount, subject, reissue=False)


def _assessment(judge: Callable[..., None], *what: Any, **options: bool) -> dict[str, Any]:
    try:
        judge(*what, **options)
    except NotAllowed as error:
        return {"allowed": False, "code": error.code, "reason": error.detail}
    return {"allowed": True, "code": "", "reason": ""}
