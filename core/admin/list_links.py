"""Links between the pages of one list of the admin; they keep the list's filters."""

from urllib.parse import parse_qsl

from django.http import HttpRequest
from django.utils.http import urlencode

FILTERS = "_changelist_filters"
"""Django's name for what was chosen in the list from which a page was reached."""


def keep_filters(request: HttpRequest, url: str, *, name: str = FILTERS) -> str:
    """Return the address of another page, which then leads back to the list as this page does."""
    kept = request.GET.get(FILTERS, "")
    if not kept:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode({name: kept})}"


def list_url(request: HttpRequest, url: str) -> str:
    """Return the address of the list as it was filtered when this page was reached from it."""
    # Taken apart and put together again, so that it stays a query of that list.
    kept = urlencode(parse_qsl(request.GET.get(FILTERS, "")))
    return f"{url}?{kept}" if kept else url
