"""The page of a trace: read only, for whoever may see a part of it; there is none for others."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from core import trace
from core.admin.base import Context
from core.database import db_clock
from core.display import clock
from iikohub.trace.entries import MOST_OF_A_KIND, Entry, entries_of, restaurants_of, shown_kinds
from organizations.models.organization import Organization


@require_safe
def _trace(request: HttpRequest, trace_id: str) -> HttpResponse:
    if not shown_kinds(request.user):
        raise PermissionDenied
    try:
        asked = UUID(trace_id)
    except ValueError as error:
        raise Http404 from error
    entries, is_cut = entries_of(asked, request.user)
    if not entries:
        raise Http404
    context = admin.site.each_context(request) | {
        "title": _("Trace"),
        "trace_id": asked.hex,
        "begun": _begun(asked),
        "lines": _lines(entries, db_clock.now()),
        "most": MOST_OF_A_KIND if is_cut else 0,
    }
    return TemplateResponse(request, "admin/trace.html", context)


trace_page = admin.site.admin_view(_trace)


def _begun(trace_id: UUID) -> object:
    made_at = trace.made_at(trace_id)
    return clock(made_at, UTC, now=db_clock.now(), seconds=True, with_offset=True) if made_at else ""


def _lines(entries: list[Entry], now: datetime) -> list[Context]:
    places = Organization.objects.filter(iiko_id__in=restaurants_of(entries))
    by_id = {place.iiko_id: place for place in places}
    lines: list[Context] = []
    for entry in entries:
        place = by_id.get(entry.organization_id)
        zone = place.zone() if place else UTC
        lines.append(
            {
                "entry": entry,
                "at": clock(entry.at, zone, now=now, seconds=True, with_offset=True),
                "restaurant": place.name if place else "",
            }
        )
    return lines
