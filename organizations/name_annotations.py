"""Names from the dictionaries for the ids that iiko's events carry; null where there is none."""

from typing import TypeVar

from django.db.models import Model, OuterRef, Q, QuerySet, Subquery

from core.values.name_keys import has_words
from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import TerminalGroup

M = TypeVar("M", bound=Model)


def with_group_names(rows: QuerySet[M]) -> QuerySet[M]:
    """Add ``terminal_group_name``."""
    named: QuerySet[M] = rows.annotate(
        terminal_group_name=_named(TerminalGroup.objects.all(), "terminal_group_id")
    )
    return named


def with_product_names(rows: QuerySet[M]) -> QuerySet[M]:
    """Add ``product_name`` with its ``product_key``, and ``size_name``, as the menu has them now."""
    entries = DictionaryEntry.objects.all()
    products = entries.filter(kind=DictionaryKind.PRODUCT)
    named: QuerySet[M] = rows.annotate(
        product_name=_named(products, "product_id"),
        product_key=_named(products, "product_id", "name_key"),
        size_name=_named(entries.filter(kind=DictionaryKind.SIZE), "size_id"),
    )
    return named


def with_employee_names(rows: QuerySet[M]) -> QuerySet[M]:
    """Add ``employee_name`` and ``employee_key``. iiko lists couriers only: others on shift have none."""
    couriers = Courier.objects.all()
    named: QuerySet[M] = rows.annotate(
        employee_name=_named(couriers, "employee_id"),
        employee_key=_named(couriers, "employee_id", "name_key"),
    )
    return named


def product_named(text: str) -> Q:
    """Find rows ``with_product_names`` whose product's name has these words."""
    products = DictionaryEntry.objects.filter(has_words(text, "name_key"), kind=DictionaryKind.PRODUCT)
    # The ids narrow the rows by a hash; the name of each row's own restaurant is looked up for those left.
    return Q(product_id__in=products.values("iiko_id")) & has_words(text, "product_key")


def employee_named(text: str) -> Q:
    """Find rows ``with_employee_names`` whose courier's name has these words."""
    couriers = Courier.objects.filter(has_words(text, "name_key"))
    return Q(employee_id__in=couriers.values("iiko_id")) & has_words(text, "employee_key")


def _named(entries: QuerySet[M], column: str, wanted: str = "name") -> Subquery:
    known = entries.filter(organization_id=OuterRef("organization_id"), iiko_id=OuterRef(column))
    return Subquery(known.exclude(name="").values(wanted)[:1])
