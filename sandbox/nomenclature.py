"""The vendor's nomenclature: products, modifiers and sizes of a restaurant's menu, by revision."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sandbox.api_errors import answer
from sandbox.calls import Call, Operations
from sandbox.menu import Menu, Product, Size
from sandbox.wire import Json, named

_REVISION = 1
"""The played menus never change."""


def _nomenclature(call: Call) -> Json:
    """Give the menu; nothing of it to whoever has this revision (OpenAPI, NomenclatureResponse)."""
    organization = call.organization()
    is_known = call.body.whole_or_none("startRevision") == _REVISION
    menu = organization.menu
    return answer(
        groups=[],
        productCategories=[],
        products=[] if is_known else _products(menu),
        sizes=[] if is_known else [_size(at, size) for at, size in enumerate(_sizes(menu))],
        revision=_REVISION,
    )


def _products(menu: Menu) -> list[Json]:
    dishes = [*menu.dishes, *(menu.pizza_of_halves.halves if menu.pizza_of_halves else ())]
    rows = {dish.id: _product(dish, "dish") for dish in dishes}
    rows[menu.delivery.id] = _product(menu.delivery, "service")
    for dish in dishes:
        for one in dish.modifiers.modifiers if dish.modifiers else ():
            rows[one.id] = _product(Product(one.id, one.name, one.price), "modifier")
    return list(rows.values())


def _product(product: Product, kind: str) -> Json:
    sizes = [_price(str(size.id), size.price) for size in product.sizes]
    return {
        **named(product),
        "type": kind,
        "orderItemType": "Product",
        "splittable": False,
        "measureUnit": "кг" if product.by_weight else "порц",
        "useBalanceForSell": product.by_weight,
        "canSetOpenPrice": False,
        "sizePrices": sizes or [_price(None, product.price)],
        "modifiers": [],
        "groupModifiers": [],
        "imageLinks": [],
        "code": None,
        "isDeleted": False,
    }


def _price(size_id: str | None, price: Decimal) -> Json:
    current = {"currentPrice": float(price), "isIncludedInMenu": True, "nextIncludedInMenu": True}
    return {"sizeId": size_id, "price": current}


def _sizes(menu: Menu) -> Iterable[Size]:
    return {size.id: size for dish in menu.dishes for size in dish.sizes}.values()


def _size(at: int, size: Size) -> Json:
    return {**named(size), "priority": at, "isDefault": at == 0}


OPERATIONS: Operations = {"nomenclature": _nomenclature}
