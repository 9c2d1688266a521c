"""The limits of the rules, as they are set for each restaurant."""

from collections import defaultdict
from collections.abc import Iterable

from attention.models.items import RuleSetting
from attention.rules.base import Limits, Rule


def limits_of(rules: Iterable[Rule]) -> dict[str, Limits]:
    """Read the limits of these rules, by name; one query."""
    rows: dict[str, list[tuple[str | None, bool, int | None]]] = defaultdict(list)
    stored = RuleSetting.objects.values_list("rule", "organization__iiko_id", "is_on", "limit")
    for name, restaurant, is_on, limit in stored:
        rows[name].append((restaurant, is_on, limit))
    return {rule.name: _limits(rule, rows[rule.name]) for rule in rules}


def _limits(rule: Rule, rows: Iterable[tuple[str | None, bool, int | None]]) -> Limits:
    usual = rule.limit or 0
    default: int | None = usual
    own: dict[str, int] = {}
    off: set[str] = set()
    for restaurant, is_on, set_to in rows:
        # A rule that has no limit takes none.
        limit = usual if set_to is None or rule.limit is None else set_to
        if restaurant is None:
            default = limit if is_on else None
        elif is_on:
            own[restaurant] = limit
        else:
            off.add(restaurant)
    return Limits(default, own, frozenset(off), rule.step)
