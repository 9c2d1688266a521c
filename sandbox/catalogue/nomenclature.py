"""The vendor's nomenclature: products, modifiers and sizes of a restaurant's menu, by revision."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sandbox.catalogue.menu import Menu, ModifierGroup, Product, Size
from sandbox.http.call import Call, Operations
from sandbox.http.errors import answer
from sandbox.orders.serializer import Json, named

_REVISION = 1
"""The played menus never change."""


def _nomenclature(call: Call) -> Json:
    """Give the menu; nothing of it to whoever has this revision (OpenAPI, NomenclatureResponse)."""
    organization = call.organization()
    is_known = call.body.whole_or_none("startRevision") == _REVISION
    menu = organization.menu
    return answer(
        groups=[] if is_known else _groups(menu),
        productCategories=[] if is_known else [{**named(each), "isDeleted": False} for each in menu.sections],
        products=[] if is_known else _products(menu),
        sizes=[] if is_known else [_size(at, size) for at, size in enumerate(_sizes(menu))],
        revision=_REVISION,
    )


def _products(menu: Menu) -> list[Json]:
    dishes = [*menu.dishes, *(menu.pizza_of_halves.halves if menu.pizza_of_halves else ())]
    rows = {dish.id: _product(dish, "dish", at) for at, dish in enumerate(dishes)}
    rows[menu.delivery.id] = _product(menu.delivery, "service", 0)
    for group in _modifier_groups(menu):
        for at, one in enumerate(group.modifiers):
            modifier = Product(one.id, one.name, one.price)
            rows[one.id] = {**_product(modifier, "modifier", at), "groupId": str(group.id)}
    return list(rows.values())


def _modifier_groups(menu: Menu) -> list[ModifierGroup]:
    groups = [dish.modifiers for dish in menu.dishes if dish.modifiers]
    return list({group.id: group for group in groups}.values())


def _groups(menu: Menu) -> list[Json]:
    """The sections of the menu, and the groups of modifiers, which are no sections."""
    parts = [(named(each), False) for each in menu.sections]
    parts += [(named(each), True) for each in _modifier_groups(menu)]
    return [
        {
            **row,
            "imageLinks": [],
            "parentGroup": None,
            "order": at,
            "isIncludedInMenu": not is_modifier,
            "isGroupModifier": is_modifier,
            "code": None,
            "isDeleted": False,
        }
        for at, (row, is_modifier) in enumerate(parts)
    ]


def _group_modifiers(group: ModifierGroup | None) -> list[Json]:
    """Any of the group may be added, up to three portions of each."""
    if group is None:
        return []
    children = [
        {"id": str(one.id), "defaultAmount": 0, "minAmount": 0, "maxAmount": 3, "required": False}
        for one in group.modifiers
    ]
    return [
        {
            "id": str(group.id),
            "minAmount": 0,
            "maxAmount": 3 * len(children),
            "required": False,
            "childModifiersHaveMinMaxRestrictions": False,
            "childModifiers": children,
        }
    ]


def _product(product: Product, kind: str, order: int) -> Json:
    section = str(product.section_id) if product.section_id else None
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
        "groupModifiers": _group_modifiers(product.modifiers),
        "groupId": section,
        "parentGroup": section,
        "productCategoryId": section,
        "order": order,
        "doNotPrintInCheque": False,
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
