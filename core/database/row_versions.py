"""The version of a row, kept by PostgreSQL itself: nobody changes a row without changing it.

So what is kept beside the version of the row that it was made of is never old, whoever writes rows and
however. ``xmin`` is the transaction that wrote the row; two writes of one transaction differ by ``ctid``.
"""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL

Rows = TypeVar("Rows", bound=QuerySet[Any])

VERSION = "row_version"


def with_versions(rows: Rows) -> Rows:
    """Add the versions of the rows themselves, not of those that are joined to them."""
    table = rows.model._meta.db_table
    # A name of our own.
    version = RawSQL(f'"{table}".xmin::text || "{table}".ctid::text', ())  # noqa: S611
    return rows.annotate(**{VERSION: version})


def version_of(row: Model) -> str:
    """Return the version of a row that was read ``with_versions``."""
    version: str = row.__dict__[VERSION]
    return version
