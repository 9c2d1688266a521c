"""The vendor's nomenclature: products, modifiers and sizes of a restaurant's menu, by revision."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from sandbox.catalogue.menu import Menu, ModifierGroup, Product
from sandbox.http.call import Call, OfRestaurant, operation
from sandbox.http.request import Range
from sandbox.http.vendor_json import Json, answer, falses, named, nulls

_REVISION = 1
"""The menus never change."""


class NomenclatureRequest(OfRestaurant):
    start_revision: Annotated[int, Range()] | None = None


@operation("nomenclature")
def _nomenclature(call: Call, request: NomenclatureRequest) -> Json:
    """Give the menu; nothing of it to whoever has this revision (OpenAPI, NomenclatureResponse)."""
    menu = call.organization(request).menu
    parts: dict[str, list[Json]] = {
        "groups": _groups(menu),
        "productCategories": [{**named(each), "isDeleted": False} for each in menu.sections],
        "products": _products(menu),
        "sizes": _sizes(menu),
    }
    is_known = request.start_revision == _REVISION
    return answer(revision=_REVISION, **{name: [] if is_known else rows for name, rows in parts.items()})


def _products(menu: Menu) -> list[Json]:
    dishes = [*menu.dishes, *(menu.pizza_of_halves.halves if menu.pizza_of_halves else ())]
    rows = {dish.id: _product(dish, "dish", at) for at, dish in enumerate(dishes)}
    rows[menu.delivery.id] = _product(menu.delivery, "service", 0)
    for group in _modifier_groups(menu):
        for at, one in enumerate(group.modifiers):
            modifier = Product(one.id, one.name, one.price)
            rows[one.id] = {**_product(modifier, "modifier", at), "groupId": group.id}
    return list(rows.values())


def _modifier_groups(menu: Menu) -> list[ModifierGroup]:
    groups = [dish.modifiers for dish in menu.dishes if dish.modifiers]
    return list({group.id: group for group in groups}.values())


def _groups(menu: Menu) -> list[Json]:
    """List the sections of the menu, and the groups of modifiers, which are no sections."""
    parts = [(named(each), False) for each in menu.sections]
    parts += [(named(each), True) for each in _modifier_groups(menu)]
    return [
        {
            **row,
            **nulls("parentGroup code"),
            "imageLinks": [],
            "order": at,
            "isIncludedInMenu": not is_modifier,
            "isGroupModifier": is_modifier,
            "isDeleted": False,
        }
        for at, (row, is_modifier) in enumerate(parts)
    ]


def _group_modifiers(group: ModifierGroup | None) -> list[Json]:
    """Any of the group may be added, up to three portions of each."""
    if group is None:
        return []
    limits = {"minAmount": 0, "maxAmount": 3, "required": False}
    children = [{"id": one.id, "defaultAmount": 0, **limits} for one in group.modifiers]
    whole = {
        "id": group.id,
        **limits,
        "maxAmount": 3 * len(children),
        "childModifiersHaveMinMaxRestrictions": False,
        "childModifiers": children,
    }
    return [whole]


def _product(product: Product, kind: str, order: int) -> Json:
    sizes = [_price(size.id, size.price) for size in product.sizes]
    return {
        **named(product),
        "type": kind,
        "orderItemType": "Product",
        "measureUnit": "кг" if product.by_weight else "порц",
        "useBalanceForSell": product.by_weight,
        "sizePrices": sizes or [_price(None, product.price)],
        "groupModifiers": _group_modifiers(product.modifiers),
        "order": order,
        "code": None,
        "modifiers": [],
        "imageLinks": [],
        **dict.fromkeys(("groupId", "parentGroup", "productCategoryId"), product.section_id),
        **falses("splittable canSetOpenPrice doNotPrintInCheque isDeleted"),
    }


def _price(size_id: UUID | None, price: Decimal) -> Json:
    current = {"currentPrice": price, "isIncludedInMenu": True, "nextIncludedInMenu": True}
    return {"sizeId": size_id, "price": current}


def _sizes(menu: Menu) -> list[Json]:
    sizes = {size.id: size for dish in menu.dishes for size in dish.sizes}.values()
    return [{**named(size), "priority": at, "isDefault": at == 0} for at, size in enumerate(sizes)]
