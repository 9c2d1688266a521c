"""What the played restaurants cook, and at which price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

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
    """A part of the menu, as the guest sees it."""

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


_SECTIONS = {
    "pizza": "Пицца",
    "soups": "Супы",
    "burgers": "Бургеры",
    "rolls": "Роллы",
    "grill": "С огня",
    "drinks": "Напитки",
    "desserts": "Десерты",
}
_PIZZA_SIZES = ("25 см", "30 см", "35 см")
_PIZZAS = {
    "«Сибирская»": ("590", "690", "890"),
    "«Маргарита»": ("450", "550", "690"),
    "«Пепперони»": ("519.90", "619.90", "779.90"),
    "«Четыре сыра»": ("560", "670", "840"),
}
_HALVES = {"«Маргарита»": "275", "«Пепперони»": "309.95", "«Четыре сыра»": "335"}
_DISHES = {
    "soups": {"Борщ с пампушкой": "320", "Уха из трёх рыб": "389.50", "Суп дня": "290"},
    "burgers": {"Бургер с говядиной": "450", "Бургер с курицей": "389.90", "Картофель фри": "159.90"},
    "rolls": {"Ролл «Филадельфия»": "540", "Ролл «Калифорния»": "469.90", "Сет «Волна»": "1290"},
    "grill": {"Салат «Цезарь»": "410", "Люля-кебаб": "479.90"},
    "drinks": {"Морс клюквенный 0,5 л": "180", "Лимонад 0,5 л": "199.50", "Чай облепиховый 0,6 л": "240"},
    "desserts": {"Медовик": "260", "Чизкейк": "289.90"},
}
_ADDITIONS = {
    "pizza": ("Добавки", {"Халапеньо": "45.50", "Двойной сыр": "89", "Грибы": "59.90"}),
    "burgers": ("К бургеру", {"Бекон": "69", "Соус чесночный": "39.90", "Без лука": "0"}),
    "rolls": ("К роллам", {"Имбирь": "29.90", "Соус соевый": "25"}),
}


def build_menu(sections: tuple[str, ...], make_id: MakeId) -> Menu:
    """Compose the menu of one restaurant from the named sections."""
    dishes: list[Product] = []
    parts = {section: Section(make_id(f"section/{section}"), _SECTIONS[section]) for section in sections}
    for section, part in parts.items():
        additions = _additions(section, make_id)
        cooked = _pizzas(additions, make_id) if section == "pizza" else _plain(section, additions, make_id)
        dishes += [replace(dish, section_id=part.id) for dish in cooked]
    return Menu(
        dishes=tuple(dishes),
        pizza_of_halves=_pizza_of_halves(make_id) if "pizza" in sections else None,
        delivery=Product(make_id("service/delivery"), "Доставка", Decimal(149)),
        sections=tuple(parts.values()),
    )


def _additions(section: str, make_id: MakeId) -> ModifierGroup | None:
    if section not in _ADDITIONS:
        return None
    name, prices = _ADDITIONS[section]
    modifiers = tuple(Modifier(make_id(f"modifier/{n}"), n, Decimal(p)) for n, p in prices.items())
    return ModifierGroup(make_id(f"modifiers/{section}"), name, modifiers)


def _pizzas(additions: ModifierGroup | None, make_id: MakeId) -> list[Product]:
    return [
        Product(
            id=make_id(f"product/pizza {name}"),
            name=f"Пицца {name}",
            price=Decimal(prices[0]),
            sizes=tuple(
                Size(make_id(f"size/{size}"), size, Decimal(price))
                for size, price in zip(_PIZZA_SIZES, prices, strict=True)
            ),
            modifiers=additions,
        )
        for name, prices in _PIZZAS.items()
    ]


def _plain(section: str, additions: ModifierGroup | None, make_id: MakeId) -> list[Product]:
    dishes = [
        Product(make_id(f"product/{name}"), name, Decimal(price), modifiers=additions)
        for name, price in _DISHES[section].items()
    ]
    if section == "grill":
        dishes.append(
            Product(make_id("product/shashlik"), "Шашлык из свинины, кг", Decimal(1490), by_weight=True)
        )
    return dishes


def _pizza_of_halves(make_id: MakeId) -> PizzaOfHalves:
    halves = tuple(
        Product(make_id(f"half/{name}"), f"Половинка {name}", Decimal(price))
        for name, price in _HALVES.items()
    )
    return PizzaOfHalves(make_id("template/halves"), "Пицца из двух половинок", halves)
