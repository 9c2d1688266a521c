"""The simulated restaurants: all that exists before the first order.

The same seed gives the same world, down to every id.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from random import Random
from typing import Protocol, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from sandbox.catalogue import names
from sandbox.catalogue.menu import MakeId, Menu, build_menu

DEFAULT_SEED = 1


@dataclass(frozen=True, slots=True)
class TerminalGroup:
    """The POS of one kitchen. ``time_zone`` is an IANA name."""

    id: UUID
    name: str
    address: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Employee:
    """A courier or an operator of the call centre."""

    id: UUID
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class RegularGuest:
    """A guest the restaurant has a card of."""

    id: UUID
    name: str
    surname: str
    gender: str
    phone: str
    comment: str | None = None
    birthdate: datetime | None = None


@dataclass(frozen=True, slots=True)
class Street:
    id: UUID
    name: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class NamedRow:
    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class City:
    id: UUID
    name: str
    streets: tuple[Street, ...]
    regions: tuple[NamedRow, ...]


@dataclass(frozen=True, slots=True)
class PaymentType:
    """``kind`` is the vendor's word; a ``processed_outside`` payment is money before the meal is.

    ``processing`` says who may take the money, None as often with the vendor. ``request_kind`` is the
    kind in requests and ``dictionary_kind`` the one in the dictionary: the loyalty's has three names.
    """

    id: UUID
    name: str
    kind: str
    processed_outside: bool
    code: str
    processing: str | None = None
    request_kind: str = ""
    dictionary_kind: str = ""


@dataclass(frozen=True, slots=True)
class DiscountType:
    """Takes ``percent`` of the dishes, a fixed ``sum``, or where both are None a sum agreed on each time.

    It applies to dishes for ``least`` or more; one that is not ``is_manual`` cannot be requested.
    """

    id: UUID
    name: str
    percent: Decimal | None = None
    sum: Decimal | None = None
    least: Decimal | None = None
    is_manual: bool = True

    @property
    def mode(self) -> str:
        if self.percent is not None:
            return "Percent"
        return "FlexibleSum" if self.sum is None else "FixedSum"


class PaidWhen(StrEnum):
    """When the POS takes the money: it decides which statuses may be set from outside."""

    CLOSED = "WhenOrderClosed"
    ON_THE_WAY = "WhenOrderOnTheWay"


@dataclass(frozen=True, slots=True)
class Dictionaries:
    """Payment types, causes and the like: lists of the back office."""

    cash: PaymentType
    card_to_courier: PaymentType
    card_online: PaymentType
    bonuses: PaymentType
    cancel_causes: tuple[NamedRow, ...]
    removal_without_writeoff: NamedRow
    removal_with_writeoff: NamedRow
    discounts: tuple[DiscountType, ...]
    rarer_discounts: tuple[DiscountType, ...]
    delivery_by_courier: NamedRow
    pickup: NamedRow
    in_the_hall: NamedRow
    courier_role: NamedRow
    marketing_sources: tuple[NamedRow, ...]
    price_categories: tuple[NamedRow, ...]
    tips_types: tuple[NamedRow, ...]
    courier_services: tuple[NamedRow, ...]

    @property
    def all_discounts(self) -> tuple[DiscountType, ...]:
        """Generated orders have one of ``discounts``; clients may request any of these."""
        return self.discounts + self.rarer_discounts

    @property
    def payment_types(self) -> tuple[PaymentType, ...]:
        return self.cash, self.card_to_courier, self.card_online, self.bonuses


@dataclass(frozen=True, slots=True)
class Organization:
    """One restaurant. ``time_zone`` is an IANA name.

    One that ``uses_soi`` announces its orders by SOI messages, the others by Cloud webhooks.
    """

    id: UUID
    name: str
    short_name: str
    time_zone: str
    latitude: float
    longitude: float
    uses_soi: bool
    paid_when: PaidWhen
    pos_version: str
    city: City
    terminal_groups: tuple[TerminalGroup, ...]
    couriers: tuple[Employee, ...]
    operators: tuple[Employee, ...]
    regulars: tuple[RegularGuest, ...]
    menu: Menu
    dictionaries: Dictionaries
    tables: tuple[UUID, ...]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True)
class World:
    seed: int
    organizations: tuple[Organization, ...]

    def organization(self, organization_id: UUID) -> Organization | None:
        return find(self.organizations, organization_id)


class _HasId(Protocol):
    @property
    def id(self) -> UUID: ...


Row = TypeVar("Row", bound=_HasId)


def find(rows: Iterable[Row], row_id: UUID | None) -> Row | None:
    return next((row for row in rows if row.id == row_id), None)


_COURIERS, _OPERATORS, _REGULARS, _TABLES = 5, 2, 30, 8


def build_world(seed: int = DEFAULT_SEED) -> World:
    """Build the restaurants of ``seed``."""
    restaurants = enumerate(names.DATA["restaurants"])
    return World(seed, tuple(_build_organization(seed, number, given) for number, given in restaurants))


def _build_organization(seed: int, position: int, given: names.Table) -> Organization:
    make_id = partial(_make_id, f"iiko-sandbox/{seed}/{given['key']}")
    random = Random(f"{seed}/{given['key']}")
    city, short_name, time_zone = given["city"], given["short_name"], given["time_zone"]
    return Organization(
        id=make_id("organization"),
        name=f"{given['kind']} «{short_name}», {city}",
        short_name=short_name,
        time_zone=time_zone,
        latitude=given["latitude"],
        longitude=given["longitude"],
        uses_soi=given.get("uses_soi", False),
        paid_when=PaidWhen(given["paid_when"]),
        pos_version=given["pos_version"],
        city=_build_city(given, make_id, random),
        terminal_groups=tuple(
            TerminalGroup(
                make_id(f"terminal-group/{each}"), f"{short_name}, {each}", f"{city}, {each}", time_zone
            )
            for each in given["addresses"]
        ),
        couriers=_hire("courier", _COURIERS, 100 + position * 10, make_id, random),
        operators=_hire("operator", _OPERATORS, 200 + position * 10, make_id, random),
        regulars=tuple(
            RegularGuest(
                make_id(f"guest/{number}"), *names.person(random), names.phone(1000 + position * 100 + number)
            )
            for number in range(_REGULARS)
        ),
        menu=build_menu(names.DATA["menu"], given["menu"], make_id),
        dictionaries=_build_dictionaries(names.DATA["dictionaries"], make_id),
        tables=tuple(make_id(f"table/{number}") for number in range(1, _TABLES + 1)),
    )


def _make_id(owner: str, path: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"{owner}/{path}")


def _build_city(given: names.Table, make_id: MakeId, random: Random) -> City:
    streets = tuple(
        Street(
            make_id(f"street/{name}"),
            name,
            round(given["latitude"] + random.uniform(-0.02, 0.02), 5),
            round(given["longitude"] + random.uniform(-0.03, 0.03), 5),
        )
        for name in given["streets"]
    )
    regions = _rows(make_id, "region", "Центральный район", "Заречный район")
    return City(make_id("city"), given["city"], streets, regions)


def _hire(role: str, count: int, first_phone: int, make_id: MakeId, random: Random) -> tuple[Employee, ...]:
    people: dict[str, Employee] = {}
    while len(people) < count:
        name, surname, _ = names.person(random)
        full_name, number = f"{surname} {name}", len(people)
        phone = names.phone(first_phone + number)
        people.setdefault(full_name, Employee(make_id(f"{role}/{number}"), full_name, phone))
    return tuple(people.values())


def _build_dictionaries(given: names.Table, make_id: MakeId) -> Dictionaries:
    rows: names.Table = {}
    for name, row in given["payment_types"].items():
        key = row.get("key", name)
        plain = {field: value for field, value in row.items() if field != "key"}
        rows[name] = PaymentType(make_id(f"payment/{key}"), **plain)
    for name in ("discounts", "rarer_discounts"):
        discounts = given[name].items()
        rows[name] = tuple(DiscountType(make_id(f"discount/{key}"), **_exact(row)) for key, row in discounts)
    rows |= {name: _rows(make_id, *row) for name, row in given["rows"].items()}
    rows |= {name: _rows(make_id, *row)[0] for name, row in given["single"].items()}
    return Dictionaries(**rows)


def _exact(row: names.Table) -> names.Table:
    sums = ("percent", "sum", "least")
    return {name: Decimal(value) if name in sums else value for name, value in row.items()}


def _rows(make_id: MakeId, kind: str, *names: str) -> tuple[NamedRow, ...]:
    return tuple(NamedRow(make_id(f"{kind}/{name}"), name) for name in names)
