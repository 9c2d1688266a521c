"""The restaurants that the sandbox plays: all that stands before the first order comes.

The same seed gives the same world, down to every id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from random import Random
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from sandbox.catalogue import names
from sandbox.catalogue.menu import MakeId, Menu, build_menu

DEFAULT_SEED = 1


@dataclass(frozen=True, slots=True)
class TerminalGroup:
    """The tills of one kitchen. ``time_zone`` is an IANA name."""

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

    ``processing`` says who may take the money, None as often with the vendor. ``asked_as`` is the
    kind in requests and ``listed_as`` the one in the dictionary: the loyalty's has three names.
    """

    id: UUID
    name: str
    kind: str
    processed_outside: bool
    code: str
    processing: str | None = None
    asked_as: str = ""
    listed_as: str = ""


@dataclass(frozen=True, slots=True)
class DiscountType:
    """Takes ``percent`` of the dishes, a fixed ``sum``, or where both are None a sum agreed on each time.

    One is given from dishes for ``least`` on; one that is not ``is_manual`` nobody can ask for.
    """

    id: UUID
    name: str
    percent: Decimal | None
    sum: Decimal | None = None
    least: Decimal | None = None
    is_manual: bool = True

    @property
    def mode(self) -> str:
        if self.percent is not None:
            return "Percent"
        return "FlexibleSum" if self.sum is None else "FixedSum"


class PaidWhen(StrEnum):
    """When the till takes the money: it decides which statuses may be set from outside."""

    CLOSED = "WhenOrderClosed"
    ON_THE_WAY = "WhenOrderOnTheWay"


@dataclass(frozen=True, slots=True)
class Dictionaries:
    """Payment types, causes and the like: lists that people keep in the back office."""

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
        """Guests of the story ask for ``discounts``, people for any of these."""
        return self.discounts + self.rarer_discounts

    @property
    def payment_types(self) -> tuple[PaymentType, ...]:
        return self.cash, self.card_to_courier, self.card_online, self.bonuses


@dataclass(frozen=True, slots=True)
class Organization:
    """One restaurant. ``time_zone`` is an IANA name.

    One that ``speaks_soi`` announces its orders by SOI messages, the others by Cloud webhooks.
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
        return next((each for each in self.organizations if each.id == organization_id), None)


@dataclass(frozen=True, slots=True)
class _Sketch:
    """What a person wrote down about a restaurant; the rest is invented from the seed."""

    key: str
    kind: str
    short_name: str
    city: str
    time_zone: str
    latitude: float
    longitude: float
    streets: tuple[str, ...]
    addresses: tuple[str, ...]
    menu: tuple[str, ...]
    paid_when: PaidWhen
    pos_version: str
    uses_soi: bool = False


_SKETCHES = (
    _Sketch(
        "beryozka",
        "Кафе",
        "Берёзка",
        "Тюмень",
        "Asia/Yekaterinburg",
        57.153,
        65.5343,
        ("Республики", "Ленина", "Мельникайте", "Малыгина"),
        ("Республики, 61", "Мельникайте, 104"),
        ("pizza", "soups", "drinks", "desserts"),
        PaidWhen.CLOSED,
        "9.2.6012.0",
    ),
    _Sketch(
        "mayak",
        "Пиццерия",
        "Маяк",
        "Калининград",
        "Europe/Kaliningrad",
        54.7104,
        20.4522,
        ("Ленинский проспект", "Черняховского", "Багратиона"),
        ("Ленинский проспект, 18",),
        ("pizza", "burgers", "drinks"),
        PaidWhen.ON_THE_WAY,
        "9.2.6012.0",
    ),
    _Sketch(
        "volna",
        "Суши-бар",
        "Волна",
        "Казань",
        "Europe/Moscow",
        55.7963,
        49.1064,
        ("Баумана", "Пушкина", "Декабристов"),
        ("Баумана, 44",),
        ("rolls", "soups", "drinks"),
        PaidWhen.CLOSED,
        # Old enough not to know some operations.
        "8.2.7014.0",
    ),
    _Sketch(
        "sopka",
        "Бистро",
        "Сопка",
        "Владивосток",
        "Asia/Vladivostok",
        43.1155,
        131.8855,
        ("Светланская", "Алеутская", "Океанский проспект"),
        ("Светланская, 33",),
        ("grill", "burgers", "drinks", "desserts"),
        PaidWhen.ON_THE_WAY,
        "9.4.6008.0",
        uses_soi=True,
    ),
)
_COURIERS, _OPERATORS, _REGULARS, _TABLES = 5, 2, 30, 8


def build_world(seed: int = DEFAULT_SEED) -> World:
    """Build the restaurants of ``seed``."""
    organizations = tuple(_build_organization(seed, n, sketch) for n, sketch in enumerate(_SKETCHES))
    return World(seed=seed, organizations=organizations)


def _build_organization(seed: int, position: int, sketch: _Sketch) -> Organization:
    make_id = partial(_make_id, seed, sketch.key)
    random = Random(f"{seed}/{sketch.key}")
    return Organization(
        id=make_id("organization"),
        name=f"{sketch.kind} «{sketch.short_name}», {sketch.city}",
        short_name=sketch.short_name,
        time_zone=sketch.time_zone,
        latitude=sketch.latitude,
        longitude=sketch.longitude,
        uses_soi=sketch.uses_soi,
        paid_when=sketch.paid_when,
        pos_version=sketch.pos_version,
        city=_build_city(sketch, make_id, random),
        terminal_groups=_build_terminal_groups(sketch, make_id),
        couriers=_hire("courier", _COURIERS, 100 + position * 10, make_id, random),
        operators=_hire("operator", _OPERATORS, 200 + position * 10, make_id, random),
        regulars=_build_regulars(1000 + position * 100, make_id, random),
        menu=build_menu(sketch.menu, make_id),
        dictionaries=_build_dictionaries(make_id),
        tables=tuple(make_id(f"table/{number}") for number in range(1, _TABLES + 1)),
    )


def _make_id(seed: int, key: str, path: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"iiko-sandbox/{seed}/{key}/{path}")


def _build_city(sketch: _Sketch, make_id: MakeId, random: Random) -> City:
    streets = tuple(
        Street(
            make_id(f"street/{name}"),
            name,
            round(sketch.latitude + random.uniform(-0.02, 0.02), 5),
            round(sketch.longitude + random.uniform(-0.03, 0.03), 5),
        )
        for name in sketch.streets
    )
    regions = tuple(_row(make_id, "region", name) for name in ("Центральный район", "Заречный район"))
    return City(make_id("city"), sketch.city, streets, regions)


def _build_terminal_groups(sketch: _Sketch, make_id: MakeId) -> tuple[TerminalGroup, ...]:
    return tuple(
        TerminalGroup(
            make_id(f"terminal-group/{address}"),
            f"{sketch.short_name}, {address}",
            f"{sketch.city}, {address}",
            sketch.time_zone,
        )
        for address in sketch.addresses
    )


def _hire(role: str, count: int, first_phone: int, make_id: MakeId, random: Random) -> tuple[Employee, ...]:
    people: dict[str, Employee] = {}
    while len(people) < count:
        name, surname, _ = names.person(random)
        full_name = f"{surname} {name}"
        number = len(people)
        people.setdefault(
            full_name, Employee(make_id(f"{role}/{number}"), full_name, names.phone(first_phone + number))
        )
    return tuple(people.values())


def _build_regulars(first_phone: int, make_id: MakeId, random: Random) -> tuple[RegularGuest, ...]:
    return tuple(_build_regular(n, first_phone + n, make_id, random) for n in range(_REGULARS))


def _build_regular(number: int, phone: int, make_id: MakeId, random: Random) -> RegularGuest:
    name, surname, is_woman = names.person(random)
    gender = "Female" if is_woman else "Male"
    return RegularGuest(make_id(f"guest/{number}"), name, surname, gender, names.phone(phone))


def _build_dictionaries(make_id: MakeId) -> Dictionaries:
    row = partial(_row, make_id)
    return Dictionaries(
        cash=PaymentType(make_id("payment/cash"), "Наличные", "Cash", False, "CASH", None, "Cash", "Cash"),
        card_to_courier=PaymentType(
            make_id("payment/card"), "Картой при получении", "Card", False, "CARD", "Internal", "Card", "Card"
        ),
        card_online=PaymentType(
            make_id("payment/online"), "Онлайн-оплата", "Card", True, "ONLN", "External", "Card", "Card"
        ),
        bonuses=PaymentType(
            make_id("payment/bonuses"), "Бонусы", "External", True, "BONS", "Both", "LoyaltyCard", "IikoCard"
        ),
        cancel_causes=(
            row("cancel-cause", "Отказ гостя"),
            row("cancel-cause", "Ошибка оператора"),
            row("cancel-cause", "Гость недоступен"),
            row("cancel-cause", "Ресторан не успевает"),
        ),
        removal_without_writeoff=row("removal", "Удаление без списания"),
        removal_with_writeoff=row("removal", "Удаление со списанием"),
        discounts=_build_discounts(make_id),
        rarer_discounts=_build_rarer_discounts(make_id),
        delivery_by_courier=row("order-type", "Доставка курьером"),
        pickup=row("order-type", "Самовывоз"),
        in_the_hall=row("order-type", "Обычный заказ"),
        courier_role=row("role", "Курьер"),
        marketing_sources=(row("marketing-source", "Сайт"), row("marketing-source", "Листовка")),
        price_categories=(row("price-category", "Доставка"), row("price-category", "Свои")),
        tips_types=(row("tips-type", "Курьеру"),),
        courier_services=(row("courier-service", "Городская служба доставки"),),
    )


def _row(make_id: Callable[[str], UUID], kind: str, name: str) -> NamedRow:
    return NamedRow(make_id(f"{kind}/{name}"), name)


def _build_discounts(make_id: MakeId) -> tuple[DiscountType, ...]:
    return (
        DiscountType(make_id("discount/10"), "Скидка 10 %", Decimal(10)),
        DiscountType(make_id("discount/birthday"), "День рождения 15 %", Decimal(15)),
        DiscountType(make_id("discount/manager"), "Скидка управляющего", None),
    )


def _build_rarer_discounts(make_id: MakeId) -> tuple[DiscountType, ...]:
    return (
        DiscountType(make_id("discount/coupon"), "Купон на 100 ₽", None, sum=Decimal(100)),
        DiscountType(make_id("discount/feast"), "Банкет 20 %", Decimal(20), least=Decimal(10000)),
        DiscountType(make_id("discount/happy hours"), "Счастливые часы", Decimal(5), is_manual=False),
    )
