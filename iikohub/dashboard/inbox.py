"""The inbox, for the overview: what waits, what failed, what comes. Beside it: machines with wrong clocks."""

from datetime import datetime, timedelta

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _

from core.access import AnyUser, visible_to
from core.database import counting
from core.display import span_text
from iikohub.dashboard.tiles import A_DAY, Row, Tile, bounded, count_text, events_url
from organizations.access import restaurants_of
from organizations.models.clock_skews import ClockSkew
from webhooks.admin.display import type_text
from webhooks.models.inbox import EventStatus, Reason, WebhookEvent
from webhooks.monitoring.inbox_state import NO_TYPE, inbox_state, types_met
from webhooks.processing.handlers import KEPT, KNOWN_TYPES

CLOCKS_SHOWN = 100
STUCK_S = 60
"""An event that waits so long means that no worker runs, or that it cannot keep up."""

# A few thousand entries of the index (event_type, received_at) for each type, never the whole day.
_OF_TYPE = """
SELECT kind, (SELECT count(*) FROM (SELECT 1 FROM webhook_events
                                    WHERE event_type = kind AND received_at >= %s
                                      AND (%s::text[] IS NULL OR organization_id = ANY(%s))
                                    LIMIT %s) AS met)
FROM unnest(%s::text[]) AS kind
"""


def tiles(user: AnyUser, now: datetime, since: str) -> list[Tile]:
    state = inbox_state(restaurants_of(user))
    waits, tone = "", ""
    if state.waiting:
        waits = _("the oldest for %(span)s") % {"span": span_text(timedelta(seconds=state.oldest_s))}
    if state.oldest_s > STUCK_S:
        waits, tone = waits + ". " + _("Does a worker run?"), "bad"
    strangers = WebhookEvent.objects.filter(
        status=EventStatus.IGNORED, reason=Reason.UNKNOWN_ORGANIZATION, received_at__gte=now - A_DAY
    )
    dead = reverse("admin:webhooks_webhookevent_dead")
    of_strangers = events_url(reason=Reason.UNKNOWN_ORGANIZATION.value, received_from=since)
    of_unknown_types = events_url(reason=Reason.UNKNOWN_TYPE.value, received_from=since)
    return [
        Tile(_("waiting to be applied"), state.waiting, events_url(status="pending"), tone, waits),
        Tile(_("failed, will be retried"), state.failed, events_url(status="failed"), "warn"),
        Tile(_("failed for good"), state.dead, dead, "bad"),
        Tile(_("of unknown restaurants, 24 h"), bounded(visible_to(user, strangers)), of_strangers, "warn"),
        Tile(_("of unknown types, 24 h"), state.unknown_types, of_unknown_types, "warn"),
    ]


def wrong_clocks() -> list[str]:
    """Machines whose clocks are wrong, the worst first, each in a sentence."""
    ahead = _("The clock of %(machine)s (%(role)s) is ahead by %(span)s.")
    behind = _("The clock of %(machine)s (%(role)s) is behind by %(span)s.")
    return [
        (ahead if row.skew_s > 0 else behind)
        % {"machine": row.host, "role": row.role, "span": span_text(timedelta(seconds=abs(row.skew_s)))}
        for row in ClockSkew.objects.current()[:CLOCKS_SHOWN]
    ]


def event_types(user: AnyUser, now: datetime, since: str) -> list[Row]:
    """Count the events of the last 24 hours by type, the commonest first."""
    restaurants = restaurants_of(user)
    ids = None if restaurants is None else sorted(restaurants)
    with connection.cursor() as cursor:
        cursor.execute(_OF_TYPE, [now - A_DAY, ids, ids, counting.COUNT_UP_TO + 1, types_met()])
        counts = sorted(((count, kind) for kind, count in cursor.fetchall() if count), reverse=True)
    most = max((min(count, counting.COUNT_UP_TO) for count, _kind in counts), default=1)
    return [
        {
            "name": type_text(kind),
            "is_unknown": kind not in KNOWN_TYPES,
            "kept": str(KEPT[kind].label) if kind in KEPT else "",
            "count": count_text(count),
            "share": round(100 * min(count, counting.COUNT_UP_TO) / most),
            "url": events_url(type=kind or NO_TYPE, received_from=since),
        }
        for count, kind in counts
    ]
