"""Which rows a person may see.

``core`` knows no restaurants: the app that knows them gives the rule, and every door asks ``visible_to``.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet

AnyUser = User | AnonymousUser
Rows = TypeVar("Rows", bound=QuerySet[Any])
Rule = Callable[[AnyUser, QuerySet[Any]], QuerySet[Any]]

_rules: list[Rule] = []


def narrow_by(rule: Rule) -> None:
    """Have ``visible_to`` ask ``rule``, too; once, when the app that knows it is ready."""
    _rules.append(rule)


def visible_to(user: AnyUser, rows: Rows) -> Rows:
    """Keep the rows that a person may see; for one who may see all of them they stay as they are."""
    if not _rules:
        raise ImproperlyConfigured("No app says which rows a person may see (core.access.narrow_by).")
    narrowed: QuerySet[Any] = rows
    for rule in _rules:
        narrowed = rule(user, narrowed)
    return cast("Rows", narrowed)
