"""What an open list says as time passes."""

import json

from django import template
from django.utils.translation import gettext as _

register = template.Library()


@register.simple_tag
def live_spans() -> str:
    """Return the texts of ``core.display.span_text`` and ``ago_text``, for the script that counts on."""
    return json.dumps(
        {
            "s": _("%(count)d s"),
            "min": _("%(count)d min"),
            "h": _("%(count)d h"),
            "d": _("%(count)d d"),
            "ago": _("%(span)s ago"),
        },
        ensure_ascii=False,
    )
