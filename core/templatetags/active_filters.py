"""What a list is narrowed by, to be taken back by a click."""

from typing import Any

from django import template
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.utils.translation import gettext as _

register = template.Library()


@register.inclusion_tag("admin/includes/active_filters.html")
def active_filters(cl: ChangeList) -> dict[str, Any]:
    """Show each choice with a link to the list without it, and a link to the list without any."""
    specs = [spec for spec in cl.filter_specs if hasattr(spec, "active")]
    chosen = [one for spec in specs for one in spec.active(cl)]
    if cl.query:
        chosen.append((_("search"), cl.query, cl.get_query_string({SEARCH_VAR: None})))
    parameters = {name for spec in specs for name in spec.expected_parameters() if name} | {SEARCH_VAR}
    return {"chosen": chosen, "reset": cl.get_query_string(dict.fromkeys(parameters))}
