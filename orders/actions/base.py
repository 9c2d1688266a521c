"""What an action on orders is: one class, from which the doors derive what they offer.

A class says all that concerns one kind of command: what may be asked, how it is made exact, sent, and
recognised in the order. ``orders.actions.registry`` lists the classes. From it come the permissions, the
API's routes with their description, the admin's buttons, pages and bulk actions, dispatch, fulfilment,
retry and texts.

The two doors ask for an action in words of their own: the API's field names are a public contract, while a
form offers choices, warns and fills in. So each door has one class beside the action, which names it
(``action = AssignCourier()``) and makes of its input what the action takes: a serializer in
``orders.api.action_serializers``, a form in ``orders.admin.forms``. The doors import the actions, never the
reverse. How to add one: docs/adding-an-action.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import partial
from typing import Any, ClassVar, Generic, TypedDict, TypeVar, cast

from core.display import clock_text, money
from iiko_client import vendor_time
from iiko_client.client import IikoClient
from orders.actions.params import Params
from orders.actions.rules import ALWAYS, Check, Subject, run
from orders.commands.refusals import Catalogue
from orders.errors import NotAllowed
from orders.models.command import CommandKind, OrderCommandQuerySet
from orders.models.order import Order

A = TypeVar("A")
P = TypeVar("P", bound=Params)

Fields = Mapping[str, Any]
"""Of an order, named as in the mirror."""


class Offer(TypedDict):
    """Whether an action may be asked for now, and why not; ``status`` only where it is a choice."""

    action: str
    status: str | None
    allowed: bool
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Display:
    """The currency and the clock of a restaurant, in which texts for people are written."""

    currency: str
    zone: tzinfo
    now: datetime

    def money(self, minor: int) -> str:
        return money(minor, self.currency)

    def clock(self, moment: datetime) -> str:
        return clock_text(moment, self.zone, now=self.now)


@dataclass(frozen=True, slots=True)
class Target:
    """The order of a command at iiko; ``facts`` are what earlier tries have left (``state_data``)."""

    client: IikoClient
    order: Order
    facts: Mapping[str, object]

    @property
    def ids(self) -> dict[str, str]:
        return {"organization_id": self.order.organization_id, "order_id": self.order.iiko_order_id or ""}

    @property
    def zone(self) -> tzinfo:
        return zone_of(self.order)


def zone_of(order: Order) -> tzinfo:
    """Return the clock on which iiko reads the times of an order."""
    group = order.organization.terminal_group(order.terminal_group_id)
    return vendor_time.zone(group.timezone) if group and group.timezone else order.organization.zone()


class Action(ABC, Generic[A, P]):
    """One kind of command. ``A`` is what is asked; ``P``, the params, what is stored of it.

    Where the params can be asked as they are, both are one class.
    """

    kind: ClassVar[CommandKind]
    title: ClassVar[Any]
    """What buttons and lists call it; translated when it is read."""
    permission: ClassVar[str]
    params: type[P]
    refusals: ClassVar[Catalogue]
    """All that it can be refused with when it is asked for; OpenAPI shows them."""
    rules: ClassVar[tuple[Check, ...]] = ()
    """Checks after ``ALWAYS``, in their order."""
    shown_by: ClassVar[tuple[str, ...]] = ()
    """Fields of the order that show whether it is fulfilled."""
    is_destructive: ClassVar[bool] = False
    first_phase: ClassVar[str] = ""
    """Where it is carried out in several steps; empty: in one call, ``send``."""

    @property
    def slug(self) -> str:
        """The last part of its address in the API."""
        return self.kind.value.replace("_", "-")

    # --- asking ----------------------------------------------------------------------------------------

    def check(self, subject: Subject) -> None:
        """Raise why it cannot be asked of an order at all.

        Raises:
            NotAllowed: with a stable code, the reason and what to do instead.
        """
        run((*ALWAYS, *self.rules), subject)

    def offers(self, subject: Subject) -> list[Offer]:
        """Say what of it may be asked now, and why not; more than one row where there are variants."""
        return [self.offer(partial(self.check, subject))]

    def offer(self, judge: Callable[[], None], status: str | None = None) -> Offer:
        try:
            judge()
        except NotAllowed as error:
            return Offer(action=self.slug, status=status, allowed=False, code=error.code, reason=error.detail)
        return Offer(action=self.slug, status=status, allowed=True, code="", reason="")

    def check_asked(self, asked: A, now: datetime) -> None:
        """Raise why this can be asked of no order whatever.

        Raises:
            InvalidParams: it cannot be understood.
        """

    def meant(self, asked: A) -> tuple[Action[Any, Any], Any]:
        """Return the action that is meant, and what is asked of it: another one where two ask the same."""
        return self, asked

    @abstractmethod
    def resolve(self, subject: Subject, asked: A) -> P:
        """Check what is asked of a locked order and make it exact with the restaurant's dictionaries.

        Raises:
            NotAllowed, InvalidParams: with an entry of ``refusals``.
        """

    def ask_again(self, params: P) -> A:
        """Return what must be asked to have the same again, of the order as it is by then."""
        return cast("A", params)

    # --- carrying it out -------------------------------------------------------------------------------

    @abstractmethod
    def send(self, target: Target, params: P) -> str:
        """Make the one call that a command stands for; returns iiko's correlation id.

        Raises:
            IikoError, HubError: it was not done, or nothing is known (``IikoNoAnswer``, ``IikoUnreadable``).
        """

    def facts_for_second_try(
        self, params: P, facts: Mapping[str, object], code: str
    ) -> dict[str, object] | None:
        """Return what to remember for a second try after iiko refused with ``code``; None: there is none."""
        return None

    @abstractmethod
    def is_fulfilled(self, params: P, fields: Fields) -> bool:
        """Whether an order is exactly as requested: proof without an answer of iiko's."""

    def is_surpassed(
        self, params: P, fields: Fields, snapshot: Fields, earlier: OrderCommandQuerySet
    ) -> bool:
        """Whether the order is past what was requested, and not because of an ``earlier`` command.

        ``snapshot`` is how it stood at the request.
        """
        return False

    def is_proved_by_status(self, params: P) -> bool:
        """Whether iiko's word that it is done is enough; else the order must show it."""
        return True

    # --- texts -----------------------------------------------------------------------------------------

    @abstractmethod
    def describe(self, params: P, display: Display) -> str:
        """Write for people what was requested."""


AnyAction = Action[Any, Any]
