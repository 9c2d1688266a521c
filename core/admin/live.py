"""Lists of the admin that follow what arrives: an open page asks for the rows that changed alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from zlib import crc32

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import OperationalError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache

from core.admin.base import AdminMixin, Context, M, is_out_of_patience, patience
from core.admin.list_links import FILTERS
from core.database import db_clock

STATE_HEADER = "X-List-State"
"""What the page shows: a checksum of the count, then ``id:checksum`` of each row. It is sent back at the next
question, so that only what differs comes again."""

READING_HEADER = "X-List-Reading"
"""A checksum of what the rows were read as. While it is the same nothing is rendered; what the clock alone
changes in a row, as how late it is, is rendered within ``_CLOCK_S``."""

NO_NEWS, START_AGAIN = 204, 205
"""Nothing changed; the page has to be loaded again, for a list begins or ends to be empty."""

_CLOCK_S = 15

_UNKNOWN_STATE = "@list-state@"
"""Stands in the page until its rows are rendered."""

_BODY = re.compile(r"<tbody.*?</tbody>", re.DOTALL)
_COUNT = re.compile(r'<div[^>]* id="hub-count">.*?</div>', re.DOTALL)
_STRIPES = re.compile(r'^<tbody class="[^"]*"')
_AGE = re.compile(r'(data-ago="[^"]*"[^>]*>)[^<]*')


class LiveList(AdminMixin[M]):
    """Adds ``live/``; ``includes/live.html`` follows it by ``live_url`` from ``live_state`` on."""

    def get_urls(self) -> list[URLPattern]:
        view = never_cache(self.live_view)
        return [path("live/", view, name=f"{self._list_name}_live"), *super().get_urls()]

    @property
    def _list_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def live_context(self, request: HttpRequest) -> Context:
        query = request.GET.urlencode()
        url = reverse(f"admin:{self._list_name}_live")
        return {"live_url": url + (f"?{query}" if query else ""), "live_state": _UNKNOWN_STATE}

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        """Tell the page the state of its own rows, so that it asks for what differs at once."""
        own = self.live_context(request)
        response = super().changelist_view(request, own | (extra_context or {}))
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            page = response.render().content.decode()
            shown = Shown.of(page, response.context_data["cl"])
            response.content = page.replace(_UNKNOWN_STATE, shown.state).encode()
        return response

    def get_preserved_filters(self, request: HttpRequest) -> str:
        """Let the links of rows lead back to the list, whichever of its addresses rendered them."""
        match = request.resolver_match
        if match is not None and match.url_name == f"{self._list_name}_live":
            return urlencode({FILTERS: request.GET.urlencode()}) if request.GET else ""
        return super().get_preserved_filters(request)

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """Answer the rows of the same page that differ from those that the caller has.

        A script asks, and cannot sign in: 401 when nobody is signed in, 403 without the right to look.
        """
        if not self.admin_site.has_permission(request):
            return HttpResponse(status=401)
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        try:
            with patience():
                cl = self.get_changelist_instance(request)
                # What a filter says of a wrong date stands on the page already; unsaved, it does not pile up.
                delattr(request, "_messages")
                cl.formset = None  # the tags of the list look for one
                return self._news(request, cl)
        except IncorrectLookupParameters:
            return HttpResponse(status=400)
        except OperationalError as error:
            if not is_out_of_patience(error):
                raise
            return HttpResponse(status=503)

    def _news(self, request: HttpRequest, cl: ChangeList) -> HttpResponse:
        had = request.headers.get(STATE_HEADER, "")
        reading = _reading(cl)
        if had and request.headers.get(READING_HEADER) == reading:
            return _told(HttpResponse(status=NO_NEWS), had, reading)
        shown = Shown.of(
            render_to_string("admin/includes/live_rows.html", {"cl": cl, "opts": cl.opts}, request), cl
        )
        if shown.state == had:
            response = HttpResponse(status=NO_NEWS)
        elif bool(shown.rows) != (" " in had):
            response = HttpResponse(status=START_AGAIN)
        else:
            response = HttpResponse(shown.without(had))
        return _told(response, shown.state, reading)


def _told(response: HttpResponse, state: str, reading: str) -> HttpResponse:
    response[STATE_HEADER], response[READING_HEADER] = state, reading
    return response


def _reading(cl: ChangeList) -> str:
    """Tell one reading of the rows from another, by their columns and those of what they refer to."""
    rows = [[_columns(row), *map(_columns, row._state.fields_cache.values())] for row in cl.result_list]
    clock = int(db_clock.now().timestamp()) // _CLOCK_S
    return f"{crc32(repr((cl.result_count, clock, rows)).encode()):x}"


def _columns(row: Model | None) -> dict[str, object] | None:
    return None if row is None else {name: value for name, value in vars(row).items() if name != "_state"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page of a list shows: the count, and the rows by their keys."""

    count: str
    rows: Mapping[int, str]

    @classmethod
    def of(cls, page: str, cl: ChangeList) -> Self:
        count = _COUNT.search(page)
        keys = [row.pk for row in cl.result_list]
        return cls(count[0] if count else "", dict(zip(keys, _BODY.findall(page), strict=True)))

    @property
    def state(self) -> str:
        return " ".join([_checksum(self.count), *(f"{pk}:{_checksum(row)}" for pk, row in self.rows.items())])

    def without(self, had: str) -> str:
        """Write the count and the rows that ``had``, a state, does not name."""
        known = set(had.split())
        changed = (
            row.replace("<tbody", f'<tbody data-row="{pk}"', 1)
            for pk, row in self.rows.items()
            if f"{pk}:{_checksum(row)}" not in known
        )
        return f"<table>{''.join(changed)}</table>{self.count}"


def _checksum(html: str) -> str:
    """Tell one text of a row from another; its stripe and what the page counts itself do not matter."""
    own = _AGE.sub(r"\1", _STRIPES.sub("", html))
    return f"{crc32(own.encode()):x}"
