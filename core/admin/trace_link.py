"""The way from a row to the page of its trace, which lies in the app on top."""

from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def trace_link(trace_id: UUID | None) -> SafeString | str:
    """Show the id of a trace and lead to all that belongs to it; empty where there is none."""
    if trace_id is None:
        return ""
    url = reverse("trace", args=[trace_id.hex])
    return format_html('<a class="hub-link hub-mono" href="{}">{}</a>', url, trace_id.hex)
