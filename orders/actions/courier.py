"""Assigning a courier, and taking one off."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_lazy

from iiko_client.http.errors import IikoAuthFailed, IikoBlocked, IikoError, IikoRejected
from iiko_client.http.responses import RIGHT_MISSING
from iiko_client.json_reader import canonical_id
from orders.actions.base import Action, Display, Fields, Target
from orders.actions.params import Params
from orders.actions.rules import ALWAYS, Subject, goes_by_courier, is_pos_from, pos_from, run, subject_of
from orders.commands.refusals import ANY, BY_COURIER, CHANGES, OF_COURIER, TOO_OLD, code_of, refusal
from orders.models.command import CommandKind
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization

DRIVER_FROM = (8, 6, 6)
"""The POS that knows ``change_driver_info``, which also takes a courier off (docs/iiko.md#couriers)."""

_OLDER_CALL = "older_courier_call"
"""The fact that the POS turned out too old for the call that the dictionaries promised."""


def goes_by_own_courier(subject: Subject) -> None:
    # A guess that avoids two couriers for one meal: docs/iiko.md#outside-courier-services.
    if subject.order.has_external_courier:
        name = subject.order.external_courier_service_name or subject.order.external_courier_service_id
        raise refusal("external_courier_service", service=name)


# An outside service is no reason to keep one's own courier: beside it they are one too many.
_BY_COURIER = (pos_from(7, 1, 5), goes_by_courier)


@dataclass(frozen=True, slots=True)
class CourierParams(Params):
    """``courier_id`` is iiko's; None takes the present courier off. The name is the dictionary's."""

    courier_id: str | None
    courier_name: str | None = None


class AssignCourier(Action[CourierParams, CourierParams]):
    """Name the courier who carries a delivery, or nobody.

    That iiko takes a courier off by a null is a guess (``iiko_client``, ``change_driver``): what the order
    shows then decides whether it is done.
    """

    kind = CommandKind.ASSIGN_COURIER
    title = gettext_lazy("Assign a courier")
    permission = "orders.assign_order_courier"
    params = CourierParams
    refusals = ANY | CHANGES | BY_COURIER | OF_COURIER
    rules = (*_BY_COURIER, goes_by_own_courier)
    shown_by = ("courier_id",)

    def check_off(self, subject: Subject) -> None:
        """Raise why the courier cannot be taken off.

        Raises:
            NotAllowed: with a stable code, the reason and what to do instead.
        """
        run((*ALWAYS, *_BY_COURIER), subject)
        if subject.order.courier_id is None:
            raise refusal("already_so.no_courier")
        pos_from(*DRIVER_FROM)(subject)

    def resolve(self, subject: Subject, asked: CourierParams) -> CourierParams:
        if asked.courier_id is None:
            self.check_off(subject)
            return CourierParams(None)
        self.check(subject)
        courier = _courier(subject.organization, asked.courier_id)
        if subject.order.courier_id == courier.iiko_id:
            raise refusal("already_so.courier")
        return CourierParams(courier.iiko_id, courier.name)

    def send(self, target: Target, params: CourierParams) -> str:
        """Change the courier by the call that the POS knows.

        An unknown version gets the older call, which every POS takes; only that one cannot take a courier
        off. Where iiko certainly did nothing because it does not know the newer call, the older follows.
        """
        is_new = is_pos_from(subject_of(target.order), DRIVER_FROM) and not target.facts.get(_OLDER_CALL)
        if params.courier_id is None or is_new:
            try:
                return target.client.change_driver(
                    **target.ids,
                    driver_id=params.courier_id,
                    zone=target.zone,
                    # Left out, it might be cleared; see ``change_driver``.
                    estimated_at=target.order.estimated_time,
                ).correlation_id
            except (IikoAuthFailed, IikoBlocked, IikoRejected) as error:
                if params.courier_id is None or not _is_unknown_call(error):
                    raise
        return target.client.assign_courier(**target.ids, courier_id=params.courier_id).correlation_id

    def facts_for_second_try(
        self, params: CourierParams, facts: Mapping[str, object], code: str
    ) -> dict[str, object] | None:
        is_worth_it = code == TOO_OLD and params.courier_id is not None and not facts.get(_OLDER_CALL)
        return {_OLDER_CALL: True} if is_worth_it else None

    def is_fulfilled(self, params: CourierParams, fields: Fields) -> bool:
        # An order that was read without a word of its courier does not show that it has none.
        return "courier_id" in fields and bool(fields["courier_id"] == params.courier_id)

    def is_proved_by_status(self, params: CourierParams) -> bool:
        return params.courier_id is not None

    def describe(self, params: CourierParams, display: Display) -> str:
        if params.courier_id is None:
            return gettext("nobody: the courier is taken off")
        return params.courier_name or params.courier_id


def _courier(organization: Organization, courier_id: str) -> Courier:
    found = Courier.objects.filter(organization=organization, iiko_id=canonical_id(courier_id)).first()
    if found is None:
        raise refusal("unknown_courier", restaurant=organization.name)
    if found.is_deleted:
        raise refusal("courier_deleted", courier=found)
    return found


def _is_unknown_call(error: IikoError) -> bool:
    """Whether iiko refused an operation as such, before any work.

    A login without the right, or a cloud that does not have it, says it like this
    (docs/iiko.md#refused-tokens-and-rights). After several such refusals the client itself stops the call
    (``IikoBlocked``).
    """
    if isinstance(error, IikoBlocked) or error.code == RIGHT_MISSING:
        return True
    is_missing = error.http_status in (404, 405) and isinstance(error, IikoRejected)
    return is_missing or code_of(error.code, error.description) == TOO_OLD
