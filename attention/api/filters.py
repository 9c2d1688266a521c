"""Filters of ``GET attention``."""

from collections.abc import Sequence

import django_filters as filters
from django.db.models import Q
from drf_spectacular.utils import extend_schema_field

from attention.models.items import AttentionItem, AttentionItemQuerySet, Severity
from attention.rules.registry import RULES
from attention.states import State, in_state
from core.api.filters import ChoicesFilter, IikoIdFilter, MomentFilter
from core.database import db_clock

SEVERITIES = {severity: severity.name.lower() for severity in Severity}
_BY_NAME = {name: severity for severity, name in SEVERITIES.items()}


class AttentionFilter(filters.FilterSet):
    rule = ChoicesFilter(choices=[(rule.name, rule.name) for rule in RULES])
    severity = ChoicesFilter(method="by_severity", choices=[(name, name) for name in _BY_NAME])
    organization_id = IikoIdFilter()
    state = ChoicesFilter(
        method="by_state",
        choices=[(state, state) for state in State.values],
        help_text="`open`: somebody has to look at it now. `snoozed` and `resolved`: the condition holds "
        "still, and a person put it off or called it done. `ended`: the condition is over.",
    )
    since = MomentFilter(field_name="opened_at", lookup_expr="gte", help_text="ISO 8601; found at or after.")

    class Meta:
        model = AttentionItem
        fields: tuple[str, ...] = ()

    # Its column is a number; the API knows names.
    @extend_schema_field({"type": "string", "enum": list(_BY_NAME)})
    def by_severity(
        self, items: AttentionItemQuerySet, _name: str, names: Sequence[str]
    ) -> AttentionItemQuerySet:
        return items.filter(severity__in=[_BY_NAME[name] for name in names]) if names else items

    def by_state(
        self, items: AttentionItemQuerySet, _name: str, states: Sequence[str]
    ) -> AttentionItemQuerySet:
        now, chosen = db_clock.now(), Q()
        for state in states:
            chosen |= in_state(state, now)
        return items.filter(chosen)
