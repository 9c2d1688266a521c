"""What people and programs ask of an order: checked, written down, handed to a worker.

Nothing is sent here. The order in the mirror stays as iiko told it until iiko confirms the wish.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from iiko_client.operations.deliveries import LONGEST_COMMENT
from iiko_client.types.lines import iso
from iiko_client.types.statuses import DeliveryStatus
from orders.command_models import CommandKind, CommandState, IdempotencyKey, OrderCommand
from orders.errors import BadWish, IdempotencyKeyReused, NotAllowed, UnknownOrder
from orders.models import Order, TimelineEntry
from orders.services import wishes
from orders.services.actions import Subject, check, check_status, subject_of
from orders.signals import command_due
from organizations.models import Organization
from organizations.services.link import credentials_of, login_of

KEYS_KEPT = timedelta(hours=24)
LONGEST_KEY = 200

_REMEMBERED = ("status", "raw_status", "courier_id", "courier_name", "amount_minor", "payments", "revision")


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: ``name`` for people, ``owner`` keeps the idempotency keys of callers apart."""

    name: str
    owner: str
    user: Any = field(default=None, compare=False)


# --- the actions -------------------------------------------------------------------------------------


def request_status(
    *, order_id: int, status: DeliveryStatus, delivered_at: datetime | None, by: Requester, now: datetime
) -> OrderCommand:
    """Ask for a status; ``delivered_at`` (when the guest had it) only with Delivered or Closed.

    Raises:
        UnknownOrder, NotAllowed, BadWish: nothing was stored.
    """
    if status is DeliveryStatus.CANCELLED:
        return request_cancel(order_id=order_id, reason="", by=by, now=now)
    if delivered_at is not None and status not in (DeliveryStatus.DELIVERED, DeliveryStatus.CLOSED):
        raise BadWish("delivered_at_unfit", _("delivered_at goes with Delivered and Closed only."))

    def wish(subject: Subject) -> dict[str, Any]:
        check_status(subject, status)
        return {"status": status.value, "delivered_at": iso(delivered_at)}

    return _request(order_id, CommandKind.UPDATE_STATUS, wish, by, now)


def request_courier(*, order_id: int, courier_id: str, by: Requester, now: datetime) -> OrderCommand:
    """Ask for a courier of the order's restaurant, by iiko's id.

    Raises:
        UnknownOrder, NotAllowed, BadWish: nothing was stored.
    """

    def wish(subject: Subject) -> dict[str, Any]:
        check(subject, CommandKind.ASSIGN_COURIER)
        courier = wishes.courier(subject.organization, courier_id)
        if subject.order.courier_id == courier.iiko_id:
            raise NotAllowed("already_so", _("This courier has the order already."))
        return {"courier_id": courier.iiko_id, "courier_name": courier.name}

    return _request(order_id, CommandKind.ASSIGN_COURIER, wish, by, now)


def request_payment(
    *, order_id: int, payments: Sequence[wishes.AskedPayment], by: Requester, now: datetime
) -> OrderCommand:
    """Ask for other payments in place of all the order has; together they must cover it.

    Raises:
        UnknownOrder, NotAllowed, BadWish: nothing was stored.
    """

    def wish(subject: Subject) -> dict[str, Any]:
        check(subject, CommandKind.UPDATE_PAYMENT)
        return {"payments": wishes.payments(subject.order, payments)}

    return _request(order_id, CommandKind.UPDATE_PAYMENT, wish, by, now)


def request_cancel(
    *,
    order_id: int,
    reason: str,
    by: Requester,
    now: datetime,
    cause_id: str | None = None,
    removal_type_id: str | None = None,
) -> OrderCommand:
    """Ask for a cancellation; ``reason`` becomes the comment, and the cause where one has that name.

    Raises:
        UnknownOrder, NotAllowed, BadWish: nothing was stored.
    """
    if len(reason) > LONGEST_COMMENT:
        raise BadWish("reason_too_long", _("The reason has more than %d characters.") % LONGEST_COMMENT)

    def wish(subject: Subject) -> dict[str, Any]:
        check(subject, CommandKind.CANCEL)
        return wishes.cancellation(subject, reason.strip(), cause_id, removal_type_id)

    return _request(order_id, CommandKind.CANCEL, wish, by, now)


def _request(
    order_id: int,
    kind: CommandKind,
    wish_of: Callable[[Subject], dict[str, Any]],
    by: Requester,
    now: datetime,
) -> OrderCommand:
    with transaction.atomic():
        order = _locked(order_id)
        _check_link(order.organization)
        wish = wish_of(subject_of(order))
        if OrderCommand.objects.open().filter(order=order, kind=kind, wish=wish).exists():
            raise NotAllowed("already_asked", _("This was asked already and iiko has not answered yet."))
        command = OrderCommand.objects.create(
            order=order,
            kind=kind,
            wish=wish,
            order_then={name: getattr(order, name) for name in _REMEMBERED},
            requested_by=by.name[:200],
            user=by.user,
            created_at=now,
        )
        tell(command, None, CommandState.PENDING, now=now)
        command_due.send(OrderCommand, command_id=command.pk, at=now)
    return command


def _locked(order_id: int) -> Order:
    order = (
        Order.objects.select_for_update(of=("self",))
        .select_related("organization")
        .filter(pk=order_id)
        .first()
    )
    if order is None:
        raise UnknownOrder(_("There is no such order."))
    return order


def _check_link(organization: Organization) -> None:
    """Refuse at once what could never be sent."""
    if not organization.is_active:
        raise NotAllowed("restaurant_off", _("This restaurant is switched off in the hub."))
    credentials_of(login_of(organization))


# --- the end of a command ----------------------------------------------------------------------------


def finish(
    command: OrderCommand,
    state: CommandState,
    *,
    now: datetime,
    code: str = "",
    error: str = "",
    proof: str = "",
) -> None:
    """End a command that is locked and open; the next one of its order is due."""
    before, command.state = command.state, state
    command.error_code, command.error, command.proof = code[:100], error, proof
    command.finished_at, command.held_until = now, None
    command.save(update_fields=["state", "error_code", "error", "proof", "finished_at", "held_until"])
    tell(command, before, state, now=now)
    following = OrderCommand.objects.filter(order_id=command.order_id, state=CommandState.PENDING)
    if (after := following.order_by("id").first()) is not None:
        command_due.send(OrderCommand, command_id=after.pk, at=now)


def tell(command: OrderCommand, before: str | None, after: str, *, now: datetime) -> None:
    """Write a step of a command into the story of its order."""
    about = {"command_id": command.pk, "kind": command.kind, "wish": command.wish}
    TimelineEntry.objects.create(
        order_id=command.order_id,
        what="command",
        from_value=None if before is None else about | {"state": before},
        to_value=about | {"state": after, "error": command.error or None},
        recorded_at=now,
        actor=(command.requested_by if before is None else "iiko")[:100],
    )


def give_up(*, command_id: int, by: Requester, now: datetime) -> OrderCommand:
    """Stop following a command; what was sent may still be carried out by iiko.

    Raises:
        UnknownOrder: there is no such command.
        NotAllowed: it is over.
    """
    with transaction.atomic():
        command = OrderCommand.objects.select_for_update().filter(pk=command_id).first()
        if command is None:
            raise UnknownOrder(_("There is no such command."))
        if command.is_final:
            raise NotAllowed("command_over", _("This command is over already."))
        finish(command, CommandState.EXPIRED, now=now, code="given_up", error=_("Given up by %s.") % by.name)
    return command


# --- once --------------------------------------------------------------------------------------------


class _Raced(Exception):
    """Another request with the same key was a moment faster."""


def once(
    request: Callable[[], OrderCommand], *, owner: str, key: str, fingerprint: str, now: datetime
) -> tuple[OrderCommand, bool]:
    """Make a request unless its key was used in the last 24 hours; returns the command and whether it is new.

    Raises:
        IdempotencyKeyReused: the key belongs to another request.
        Whatever ``request`` raises; the key then stays free.
    """
    for _attempt in range(3):
        if (known := _known(owner, key, now)) is not None:
            return _same(known, fingerprint), False
        try:
            with transaction.atomic():
                command = request()
                _keep(owner, key, fingerprint, command, now)
        except _Raced:
            continue
        except NotAllowed:
            # What is asked for may be on its way already: by the request that was faster.
            if (known := _known(owner, key, now)) is not None:
                return _same(known, fingerprint), False
            raise
        return command, True
    raise IdempotencyKeyReused("The idempotency key is used by many requests at once.")


def _known(owner: str, key: str, now: datetime) -> IdempotencyKey | None:
    fresh = IdempotencyKey.objects.filter(owner=owner, key=key, created_at__gt=now - KEYS_KEPT)
    return fresh.select_related("command").first()


def _same(known: IdempotencyKey, fingerprint: str) -> OrderCommand:
    if known.fingerprint != fingerprint:
        raise IdempotencyKeyReused(
            _("This Idempotency-Key was used for another request. Use a new one for each request.")
        )
    return known.command


def _keep(owner: str, key: str, fingerprint: str, command: OrderCommand, now: datetime) -> None:
    IdempotencyKey.objects.filter(owner=owner, key=key, created_at__lte=now - KEYS_KEPT).delete()
    row = IdempotencyKey(owner=owner, key=key, fingerprint=fingerprint, command=command, created_at=now)
    IdempotencyKey.objects.bulk_create([row], ignore_conflicts=True)
    if not IdempotencyKey.objects.filter(owner=owner, key=key, command=command).exists():
        raise _Raced


def forget_old_keys(*, now: datetime) -> int:
    """Delete idempotency keys that no longer count; returns how many."""
    deleted, _per_model = IdempotencyKey.objects.filter(created_at__lte=now - KEYS_KEPT).delete()
    return deleted
