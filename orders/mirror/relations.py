"""Orders that iiko reports as related: moved to another restaurant, reissued, split.

iiko cancels a moved order and makes another in its place; either names the other, or only one of them
does (``movedFrom…Id``, ``movedTo…Id``, ``parentDeliveryId`` of a delivery). So both directions are
looked up: what an order names, by iiko's id, and who names it, by an index over the few that name any.
Nothing is stored for this: an order that arrives later is found once it is here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from django.db.models import DateTimeField, Q, QuerySet
from django.db.models.functions import Coalesce

from orders.models.order import Order

MOST_STEPS = 10
MOST_ORDERS = 30
"""Longer chains are followed up to here."""


class Relation(StrEnum):
    """What another order is to this one. Farther ones keep the relation if all steps to them agree."""

    MOVED_FROM = "moved_from"
    MOVED_TO = "moved_to"
    SPLIT_FROM = "split_from"
    SPLIT_INTO = "split_into"
    RELATED = "related"
    IN_ITS_PLACE = "in_its_place"
    """A guess: a deleted order and the one with its number in its restaurant, made at about that time."""


_NAMED = {
    "from_order_id": Relation.MOVED_FROM,
    "to_order_id": Relation.MOVED_TO,
    "parent_order_id": Relation.SPLIT_FROM,
}
_NAMING = {
    "from_order_id": Relation.MOVED_TO,
    "to_order_id": Relation.MOVED_FROM,
    "parent_order_id": Relation.SPLIT_INTO,
}
_ORGANIZATIONS = {"from_order_id": "from_organization_id", "to_order_id": "to_organization_id"}


@dataclass(frozen=True, slots=True)
class Relative:
    """Another related order. ``order`` is None where it is not here, or not for this reader."""

    relation: Relation
    iiko_order_id: str
    organization_id: str | None
    order: Order | None


def relatives_of(order: Order, *, visible: QuerySet[Order]) -> list[Relative]:
    """Return the related orders, the nearest first, found among ``visible`` and through them.

    A query for each step away; one for an order that is alone.
    """
    found: dict[str, Relative] = {}
    frontier: list[tuple[Order, Relation | None]] = [(order, None)] if order.iiko_order_id else []
    for _ in range(MOST_STEPS):
        if not frontier:
            break
        rows = _related_rows(frontier, visible)
        reached = [step for each, so_far in frontier for step in _steps(each, so_far, rows)]
        frontier = []
        for relative in reached:
            ident = relative.iiko_order_id
            if ident == order.iiko_order_id or ident in found or len(found) >= MOST_ORDERS:
                continue
            found[ident] = relative
            if relative.order is not None:
                frontier.append((relative.order, relative.relation))
    if order.is_deleted and not any(one.relation is Relation.MOVED_TO for one in found.values()):
        found |= {one.iiko_order_id: one for one in _in_its_place(order, visible)}
    return list(found.values())


_ABOUT_THEN = timedelta(hours=12)
"""Numbers begin again, mostly every day."""


def _in_its_place(order: Order, visible: QuerySet[Order]) -> Iterator[Relative]:
    """Find the order that the POS made in place of a deleted one: iiko names it nowhere."""
    began = order.when_created or order.created_at
    same = visible.filter(
        organization_id=order.organization_id, readable_number=order.readable_number
    ).exclude(pk=order.pk)
    living = (
        same.exclude(is_deleted=True)
        .exclude(iiko_order_id=None)
        .annotate(began=Coalesce("when_created", "created_at", output_field=DateTimeField()))
    )
    near = living.filter(began__range=(began - _ABOUT_THEN, began + _ABOUT_THEN))
    for row in near.order_by("-pk")[:1] if order.readable_number else ():
        yield Relative(Relation.IN_ITS_PLACE, row.iiko_order_id or "", row.organization_id, row)


def _related_rows(frontier: Sequence[tuple[Order, Relation | None]], visible: QuerySet[Order]) -> list[Order]:
    """Return the orders that these name, and those that name these."""
    wanted = Q(iiko_order_id__in={step.iiko_order_id for each, _ in frontier for step in _named_by(each)})
    for each, _so_far in frontier:
        for name in _NAMING:
            wanted |= Q(moved__contains={name: each.iiko_order_id})
    return list(visible.filter(wanted).order_by("pk"))


def _steps(each: Order, so_far: Relation | None, rows: Sequence[Order]) -> Iterator[Relative]:
    for step in _named_by(each):
        yield Relative(
            _farther(so_far, step.relation),
            step.iiko_order_id,
            step.organization_id,
            _choose(rows, step, each),
        )
    for row in rows:
        for name, relation in _NAMING.items():
            if row.iiko_order_id and (row.moved or {}).get(name) == each.iiko_order_id:
                relation = _farther(so_far, relation)
                yield Relative(relation, row.iiko_order_id, row.organization_id, row)


class _Step(NamedTuple):
    relation: Relation
    iiko_order_id: str
    organization_id: str | None


def _named_by(order: Order) -> list[_Step]:
    moved = order.moved or {}
    return [
        _Step(relation, moved[name], moved.get(_ORGANIZATIONS.get(name, "")))
        for name, relation in _NAMED.items()
        if moved.get(name)
    ]


def _choose(rows: Sequence[Order], step: _Step, each: Order) -> Order | None:
    """Choose the order of a step; should two restaurants share an id, the named restaurant's is meant."""
    same = [row for row in rows if row.iiko_order_id == step.iiko_order_id]
    if step.organization_id:
        same = [row for row in same if row.organization_id == step.organization_id]
    return min(same, key=lambda row: row.organization_id != each.organization_id, default=None)


def _farther(so_far: Relation | None, relation: Relation) -> Relation:
    return relation if so_far in (None, relation) else Relation.RELATED
