"""Figures of the restaurants that a person looks at, in a period and in the one before; and as a file."""

from datetime import datetime

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from analytics.display import Table, charts, sheet, tables
from analytics.models import Unit
from analytics.report.choice import Choice, before_words
from analytics.report.read import Report, read_report
from console.pages.frame import Frame, frame_context, frame_of, sees_orders
from core.csv_export import logged, sheet_response
from core.database.snapshots import one_snapshot
from core.display import clock_text, offset_text

_may_see = permission_required("analytics.view_analytics", raise_exception=True)


@require_GET
@never_cache
@sees_orders
@_may_see
def analytics(request: HttpRequest) -> HttpResponse:
    frame = frame_of(request)
    now = _now_everywhere(frame)
    choice, problem = _choice(request, now)
    with one_snapshot():
        report = read_report(frame.chosen, choice, now=frame.now)
    shown = tables(report, choice)
    context = {
        "choice": choice,
        "units": [(choice.of(unit, now=now), unit) for unit in Unit],
        "problem": problem,
        "tables": [(table, _body(table)) for table in shown],
        "charts": charts(report, choice) if shown else None,
        "before_words": before_words(choice.unit),
        "report": report,
        "counted": _counted(report, frame),
        "many_currencies": len({one.currency for one in frame.chosen}) > 1,
    }
    return render(request, "console/analytics.html", frame_context(frame) | context)


@require_GET
@sees_orders
@_may_see
def analytics_file(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Answer with the tables of the page as a CSV for spreadsheets; 400 where no period is named."""
    frame = frame_of(request)
    choice, problem = _choice(request, _now_everywhere(frame))
    if problem:
        return HttpResponse(problem, status=400, content_type="text/plain; charset=utf-8")
    with one_snapshot():
        report = read_report(frame.chosen, choice, now=frame.now)
    names = ", ".join(one.name for one in frame.chosen)
    rows = logged(sheet(tables(report, choice), choice), list="analytics", kind="csv", user_pk=frame.user.pk)
    return sheet_response(f"analytics-{choice.unit}-{choice.text}", [choice.title, names], rows)


def _body(table: Table) -> SafeString:
    """Write the rows of a table: a month has a thousand cells, which a template takes much longer for."""
    rows = (
        (row.name, format_html_join("", "<td>{}</td>", ((cell.words,) for cell in row.cells)))
        for row in table.rows
    )
    return format_html_join("", '<tr><th scope="row">{}</th>{}</tr>', rows)


def _now_everywhere(frame: Frame) -> datetime:
    """Return the time of the clock that is behind the others: that day has begun in every restaurant."""
    clocks = [frame.now.astimezone(one.zone()) for one in frame.chosen] or [frame.now]
    return min(clock.replace(tzinfo=None) for clock in clocks)


def _choice(request: HttpRequest, now: datetime) -> tuple[Choice, str]:
    """Return the period that the address names, else today, and what is wrong with the address."""
    try:
        return Choice.read(request.GET.get("by", ""), request.GET.get("at", ""), now=now), ""
    except ValueError:
        problem = _("There is no such period. Choose one below; today is shown.")
        return Choice.read("", "", now=now), problem


def _counted(report: Report, frame: Frame) -> str:
    """Say up to when the figures go, on the clock of the first restaurant."""
    if report.counted_until is None or not frame.chosen:
        return ""
    zone = frame.chosen[0].zone()
    words = clock_text(report.counted_until, zone, now=frame.now)
    return f"{words} {offset_text(report.counted_until, zone)}" if frame.many_zones else words
