"""What the simulated restaurants cook, and at which price."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from sandbox.catalogue.names import Table

MakeId = Callable[[str], UUID]


@dataclass(frozen=True, slots=True)
class Size:
    id: UUID
    name: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Modifier:
    """An addition to a dish; ``price`` is per one portion of the dish."""

    id: UUID
    name: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class ModifierGroup:
    id: UUID
    name: str
    modifiers: tuple[Modifier, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """A dish, a drink or a service. With ``sizes`` the price depends on the size."""

    id: UUID
    name: str
    price: Decimal
    sizes: tuple[Size, ...] = ()
    modifiers: ModifierGroup | None = None
    by_weight: bool = False
    section_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the menu."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class PizzaOfHalves:
    """A template of a dish put together from two halves."""

    id: UUID
    name: str
    halves: tuple[Product, ...]


@dataclass(frozen=True, slots=True)
class Menu:
    dishes: tuple[Product, ...]
    pizza_of_halves: PizzaOfHalves | None
    delivery: Product
    sections: tuple[Section, ...] = ()


def build_menu(given: Table, sections: list[str], make_id: MakeId) -> Menu:
    """Compose the menu of one restaurant from the named sections."""
    dishes: list[Product] = []
    parts = {key: Section(make_id(f"section/{key}"), given["sections"][key]) for key in sections}
    for key, part in parts.items():
        modifiers = _modifiers(key, given["modifiers"], make_id)
        cooked = _pizzas(given, make_id) if key == "pizza" else _plain(key, given["dishes"][key], make_id)
        dishes += [replace(dish, section_id=part.id, modifiers=modifiers) for dish in cooked]
    delivery = given["delivery"]
    return Menu(
        dishes=tuple(dishes),
        pizza_of_halves=_pizza_of_halves(given["halves"], make_id) if "pizza" in sections else None,
        delivery=Product(make_id("service/delivery"), delivery["name"], Decimal(delivery["price"])),
        sections=tuple(parts.values()),
    )


def _modifiers(section: str, given: Table, make_id: MakeId) -> ModifierGroup | None:
    if section not in given:
        return None
    prices = given[section]["prices"].items()
    modifiers = tuple(Modifier(make_id(f"modifier/{name}"), name, Decimal(price)) for name, price in prices)
    return ModifierGroup(make_id(f"modifiers/{section}"), given[section]["name"], modifiers)


def _pizzas(given: Table, make_id: MakeId) -> list[Product]:
    return [
        Product(
            id=make_id(f"product/pizza {name}"),
            name=f"Пицца {name}",
            price=Decimal(prices[0]),
            sizes=tuple(
                Size(make_id(f"size/{size}"), size, Decimal(price))
                for size, price in zip(given["pizza_sizes"], prices, strict=True)
            ),
        )
        for name, prices in given["pizzas"].items()
    ]


def _plain(section: str, prices: dict[str, str], make_id: MakeId) -> list[Product]:
    dishes = [Product(make_id(f"product/{name}"), name, Decimal(price)) for name, price in prices.items()]
    if section == "grill":
        name = "Шашлык из свинины, кг"
        dishes.append(Product(make_id("product/shashlik"), name, Decimal(1490), by_weight=True))
    return dishes


def _pizza_of_halves(prices: dict[str, str], make_id: MakeId) -> PizzaOfHalves:
    halves = tuple(
        Product(make_id(f"half/{name}"), f"Половинка {name}", Decimal(price))
        for name, price in prices.items()
    )
    return PizzaOfHalves(make_id("template/halves"), "Пицца из двух половинок", halves)
