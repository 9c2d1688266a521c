"""Rules that several actions share: what may be asked of an order as it stands.

Where the vendor is silent the POS is asked and its refusal is shown: refused here is only what cannot work.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from iiko_client.json_reader import is_uuid
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.discount.replacement import replacement_of
from orders.commands.refusals import refusal
from orders.models.order import CreationStatus, Order, OrderType
from organizations.models.organization import Organization

Version = tuple[int, ...]


@dataclass(frozen=True)
class Subject:
    """An order with what decides about it beside its own fields."""

    order: Order
    organization: Organization
    pos_version: str

    @property
    def status(self) -> str | None:
        return self.order.status

    @property
    def version(self) -> Version:
        return version_of(self.pos_version)

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


def pos_from(*needed: int) -> Check:
    def check(subject: Subject) -> None:
        if not may_be_from(subject, needed):
            raise refusal("till_too_old", has=subject.pos_version, needed=".".join(map(str, needed)))

    return check


def is_pos_from(subject: Subject, needed: Version) -> bool:
    """Whether the POS is surely new enough; a version that nobody knows is not."""
    return bool(subject.version) and subject.version >= needed


def may_be_from(subject: Subject, needed: Version) -> bool:
    """Whether the POS may be new enough; a version that nobody knows may."""
    return not subject.version or subject.version >= needed


def version_of(text: str) -> Version:
    """Read ``8.7.6016.0`` as numbers; empty where it is none, which then forbids nothing."""
    match = re.match(r"\d+(?:\.\d+)*", text.strip())
    return tuple(int(part) for part in match[0].split(".")) if match else ()


ALWAYS: tuple[Check, ...] = (is_served, exists, is_in_iiko, is_unfinished, is_known_to_iiko, is_delivery)
"""What every action needs."""


def run(checks: tuple[Check, ...], subject: Subject) -> None:
    for check in checks:
        check(subject)
