"""Why nothing comes: a quiet hour, a dead webhook or a POS that is offline.

Facts first. A webhook is dead when reconciliation goes on finding what no webhook brings; that needs no
history and is as true at night. A POS is offline when iiko says so while there is something to do, also
while the cloud goes on sending webhooks (``pos_watch``). Where nothing can come, because no webhook was
registered or there is no login, silence is no quiet hour.
Silence alone proves nothing: it is compared with as long a time at the same hour of past days, and
where those were busy and iiko cannot be asked, the watch says that it is blind.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef

from core.errors import HubError
from orders.models.order import Order
from organizations.connection.clients import credentials_of, login_of
from organizations.models.organization import Organization
from webhooks.models.inbox import WebhookConfig
from webhooks.models.reconciliation import LinkHealth, LinkState, OrderSync
from webhooks.monitoring.inbox_state import last_received
from webhooks.monitoring.pos_watch import ask_pos, pos_answers, unanswered
from webhooks.reconciliation.missed_webhooks import missed_since

logger = logging.getLogger(__name__)

SILENT_AFTER = timedelta(minutes=5)
DEAD_AFTER_MISSED = 3
"""States in a row that no webhook brought. One or two may be lost on the way of a webhook that works."""
BUSY_FROM = 3
"""Events in as long a time on at least three of four past days: then silence is unusual."""
HISTORY_DAYS = 14
ENOUGH_DAYS = 5
_LOOK_BACK = timedelta(days=1)
_LONGEST_GAP = timedelta(hours=3)
_SYNC_IS_FRESH = timedelta(minutes=10)
_AROUND_NOW = timedelta(hours=2)
_COUNT_UP_TO = 20
_KEPT = ["state", "since", "checked_at", "last_webhook_at", "usual_events", "missed"]
_ALARMS = (LinkState.DEAD_WEBHOOK, LinkState.OFFLINE_POS, LinkState.BLIND)

# One short look into the index (organization_id, received_at) for each past day.
_IN_PAST = f"""
SELECT (SELECT count(*) FROM (
            SELECT 1 FROM webhook_events e
            WHERE e.organization_id = %s AND e.received_at >= since AND e.received_at < until
              AND e.source = 'webhook' LIMIT {_COUNT_UP_TO}) AS met)
FROM unnest(%s::timestamptz[], %s::timestamptz[]) WITH ORDINALITY AS past(since, until, place)
ORDER BY place
"""  # noqa: S608  # a constant
_FIRST = """
SELECT received_at FROM webhook_events WHERE organization_id = %s AND source = 'webhook'
ORDER BY received_at, id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one organization. ``pos_answers`` is None where iiko did not say."""

    gap: timedelta | None
    """Since the last webhook; None: none ever came."""
    missed: int
    usual: int
    has_work: bool
    pos_answers: bool | None
    is_synced: bool
    is_unanswered: bool = False
    has_login: bool = True
    is_registered: bool = True
    """The hub told iiko its address, or a webhook came once: then somebody else did."""


def judge(evidence: Evidence) -> LinkState:
    """Say what the evidence means."""
    if evidence.missed >= DEAD_AFTER_MISSED:
        return LinkState.DEAD_WEBHOOK
    is_receiving = evidence.gap is not None and evidence.gap < SILENT_AFTER
    is_unusual = evidence.usual >= BUSY_FROM
    has_reason = is_receiving or is_unusual or evidence.has_work or evidence.is_unanswered
    if evidence.pos_answers is False and has_reason:
        return LinkState.OFFLINE_POS
    if is_receiving:
        return LinkState.RECEIVING
    if is_unusual and not evidence.is_synced:
        return LinkState.BLIND
    # Without a login the webhook cannot be registered either, so that is said first.
    if not evidence.has_login:
        return LinkState.NO_LOGIN
    return LinkState.QUIET if evidence.is_registered else LinkState.NOT_REGISTERED


def watch_links(*, now: datetime) -> list[LinkHealth]:
    """Look at every active organization, keep what was found, and log where it changed."""
    registered = WebhookConfig.objects.active().registered().filter(organization=OuterRef("iiko_id"))
    organizations = (
        Organization.objects.filter(is_active=True)
        .select_related("api_login", "order_sync", "link_health")
        .annotate(last_webhook_at=last_received("iiko_id"), is_registered=Exists(registered))
        .order_by("pk")
    )
    found = [(one, _look_at(one, now)) for one in organizations]
    ask_pos([one for one, seen in found if seen.has_work or seen.usual >= BUSY_FROM], now=now)
    answers = pos_answers([one.iiko_id for one, _ in found], now=now)
    waiting = unanswered(now)
    kept = []
    for organization, seen in found:
        ident = organization.iiko_id
        evidence = replace(seen, pos_answers=answers.get(ident), is_unanswered=ident in waiting)
        kept.append(_keep(organization, evidence, now))
    return kept


# --- evidence ------------------------------------------------------------------------------------------


def _look_at(organization: Any, now: datetime) -> Evidence:  # noqa: ANN401  # with added columns
    """Collect what is known before the POS is asked; ``organization`` as ``watch_links`` annotates it."""
    last: datetime | None = organization.last_webhook_at
    gap = None if last is None else max(now - last, timedelta())
    is_silent = gap is None or gap >= SILENT_AFTER
    since = max(last or now - _LOOK_BACK, now - _LOOK_BACK)
    sync: OrderSync | None = getattr(organization, "order_sync", None)
    around = (now - _AROUND_NOW, now + _AROUND_NOW)
    open_now = Order.objects.open().filter(organization=organization, promised_time__range=around)
    return Evidence(
        gap=gap,
        missed=missed_since(organization.iiko_id, since, now=now),
        usual=usual_events(organization, gap, now) if gap is not None and is_silent else 0,
        has_work=is_silent and open_now.exists(),
        pos_answers=None,
        is_synced=bool(sync and sync.synced_at and now - sync.synced_at < _SYNC_IS_FRESH),
        has_login=_has_login(organization),
        is_registered=organization.is_registered or gap is not None,
    )


def usual_events(organization: Organization, gap: timedelta, now: datetime) -> int:
    """Return how many webhooks came at least on three of four past days in as long a time until this hour.

    0 where fewer than ``ENOUGH_DAYS`` days are known, or nothing came on this day of past weeks.
    """
    local = now.astimezone(organization.zone())
    length = min(gap, _LONGEST_GAP)
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [organization.iiko_id])
        (first,) = cursor.fetchone() or (None,)
    # The same hour on the wall, whatever the clocks did in between.
    ends = [(local - timedelta(days=day)).astimezone(UTC) for day in range(1, HISTORY_DAYS + 1)]
    ends = [end for end in ends if first is not None and end - length >= first]
    if len(ends) < ENOUGH_DAYS:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_IN_PAST, [organization.iiko_id, [end - length for end in ends], ends])
        counts: list[int] = [count for (count,) in cursor.fetchall()]
    same_weekday = counts[6::7]
    if same_weekday and not any(same_weekday):
        return 0
    return sorted(counts)[len(counts) // 4]


def _has_login(organization: Organization) -> bool:
    try:
        credentials_of(login_of(organization))
    except HubError:
        return False
    return True


# --- what becomes of it ----------------------------------------------------------------------------------


def _keep(organization: Any, evidence: Evidence, now: datetime) -> LinkHealth:  # noqa: ANN401  # as above
    state = judge(evidence)
    before: LinkHealth | None = getattr(organization, "link_health", None)
    is_same = before is not None and before.state == state
    health = LinkHealth(
        organization=organization,
        state=state,
        since=before.since if before is not None and is_same else now,
        checked_at=now,
        last_webhook_at=organization.last_webhook_at,
        usual_events=evidence.usual,
        missed=evidence.missed,
    )
    LinkHealth.objects.bulk_create(
        [health], update_conflicts=True, unique_fields=["organization"], update_fields=_KEPT
    )
    if not is_same:
        logger.log(
            logging.WARNING if state in _ALARMS else logging.INFO,
            "link.state_changed",
            extra={
                "organization_id": health.organization_id,
                "state": str(state),
                "was": str(before.state) if before else "",
                "missed": health.missed,
                "usual_events": health.usual_events,
            },
        )
    return health
