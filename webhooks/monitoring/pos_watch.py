"""Whether the POS answers, asked while orders are under way and as soon as something waits for it.

The cloud takes orders and commands and sends webhooks while a POS is off, so silence does not show it.
While a restaurant has an open order that is due about now, ``terminal_groups/is_alive`` is asked all the
time, so that a POS that goes off is seen within a minute. A creation or a command that has no answer for a
minute is a sign at any other time. One call for all restaurants of a login.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Max, Q, QuerySet

from core.errors import HubError
from iiko_client.http.errors import IikoError, IikoRejected
from iiko_client.models.dictionaries import TerminalGroupAlive
from orders.models.command import OrderCommand
from orders.models.order import CreationStatus, Order
from organizations.connection.clients import client_for
from organizations.models.connection import ApiLogin
from organizations.models.organization import POS_NEWS_LASTS, Organization, TerminalGroup
from webhooks.reconciliation.sync import by_login

logger = structlog.stdlib.get_logger(__name__)

UNANSWERED_AFTER = timedelta(seconds=60)
UNANSWERED_UNTIL = timedelta(hours=24)
_TIMED_OUT_LATELY = timedelta(minutes=5)
"""The cloud gives a creation up about a minute after it was sent; then nothing waits, but the sign holds."""
_TIMED_OUT = "Creation timeout expired"

# How often a restaurant is asked about. As the watch looks every 20 s, a POS that goes off under orders is
# seen within 60 s, and a new sign within 2 minutes.
_SOON, _AT_WORK, _USUALLY = timedelta(seconds=25), timedelta(seconds=35), timedelta(seconds=55)
_SELDOM = timedelta(minutes=5)
_LATE_BY, _AHEAD = timedelta(hours=1), timedelta(hours=2)
"""An order that is promised so long ago or ahead needs its POS now."""
_FRESH_SIGN = timedelta(minutes=3)
_LONG_SILENT = timedelta(hours=1)


def unanswered(now: datetime) -> dict[str, datetime]:
    """Return, by organization, since when the newest thing waits that its POS has not answered in time."""
    waiting = (now - UNANSWERED_UNTIL, now - UNANSWERED_AFTER)
    without_status = Order.objects.filter(status__isnull=True, raw_status__isnull=True)
    sending = without_status.open().filter(
        creation_status=CreationStatus.IN_PROGRESS, created_at__range=waiting
    )
    timed_out = without_status.filter(
        Q(error_info__message__icontains=_TIMED_OUT) | Q(error_info__description__icontains=_TIMED_OUT),
        creation_status=CreationStatus.ERROR,
        updated_at__gte=now - _TIMED_OUT_LATELY,
    )
    commands = OrderCommand.objects.under_way().filter(sent_at__range=waiting)
    found: dict[str, datetime] = {}
    rows: QuerySet[Order] | QuerySet[OrderCommand]
    for rows, owner, moment in (
        (sending, "organization_id", "created_at"),
        (timed_out, "organization_id", "updated_at"),
        (commands, "order__organization_id", "sent_at"),
    ):
        for ident, newest in rows.order_by().values_list(owner).annotate(Max(moment)):
            found[ident] = max(newest, found.get(ident, newest))
    return found


def logins_to_ask(*, now: datetime) -> list[int]:
    """Return the logins with a restaurant that iiko is to be asked about now."""
    return sorted({work.login.pk for work in by_login(_wanted(now))})


def ask_login(login_id: int, *, now: datetime) -> None:
    """Ask about the restaurants of a login; what goes wrong is logged, and tried again next time."""
    for work in by_login(_wanted(now)):
        if work.login.pk == login_id:
            _ask(work.login, _claim(work.organizations, unanswered(now), now), now)


def ask_pos(organizations: Iterable[Organization], *, now: datetime) -> None:
    """Ask about these restaurants, each unless that was done a moment ago."""
    for work in by_login(organizations):
        _ask(work.login, _claim(work.organizations, {}, now), now)


def pos_answers(organization_ids: Collection[str], *, now: datetime) -> dict[str, bool]:
    """Say of each restaurant whether any POS answers, as far as iiko said lately."""
    told: dict[str, list[bool | None]] = {}
    for group in TerminalGroup.objects.in_use().filter(organization_id__in=organization_ids):
        is_news = group.alive_told_at is not None and group.alive_told_at >= now - POS_NEWS_LASTS
        answer = group.not_answering_since is None if is_news else None
        told.setdefault(group.organization_id, []).append(answer)
    return {owner: any(answers) for owner, answers in told.items() if True in answers or None not in answers}


# --- whom to ask ---------------------------------------------------------------------------------------


def _at_work(now: datetime) -> set[str]:
    """Return the organizations with open orders that are due about now."""
    due = Order.objects.open().filter(promised_time__range=(now - _LATE_BY, now + _AHEAD))
    return set(due.order_by().values_list("organization__iiko_id", flat=True).distinct())


def _wanted(now: datetime) -> list[Organization]:
    silent = TerminalGroup.objects.in_use().filter(not_answering_since__isnull=False)
    wanted = Q(iiko_id__in=unanswered(now).keys() | _at_work(now))
    wanted |= Q(iiko_id__in=silent.values("organization_id"))
    active = Organization.objects.filter(wanted, is_active=True, terminal_groups__isnull=False)
    return list(active.distinct().select_related("api_login").order_by("pk"))


@transaction.atomic
def _claim(
    organizations: Iterable[Organization], waiting: dict[str, datetime], now: datetime
) -> list[TerminalGroup]:
    """Return the groups to ask about now, and keep other workers from asking the same."""
    idents = [organization.iiko_id for organization in organizations]
    groups = TerminalGroup.objects.in_use().filter(organization_id__in=idents).order_by("pk")
    at_work = _at_work(now)
    due = [group for group in groups.select_for_update() if _is_due(group, waiting, at_work, now)]
    TerminalGroup.objects.filter(pk__in=[group.pk for group in due]).update(alive_asked_at=now)
    return due


def _is_due(
    group: TerminalGroup, waiting: dict[str, datetime], at_work: Collection[str], now: datetime
) -> bool:
    if group.alive_asked_at is None:
        return True
    since = waiting.get(group.organization_id)
    is_fresh = since is not None and now - since < _FRESH_SIGN
    first_sign = group.not_answering_since or since
    is_long = first_sign is not None and now - first_sign > _LONG_SILENT
    usually = _AT_WORK if group.organization_id in at_work else _USUALLY
    pause = _SOON if is_fresh else _SELDOM if is_long else usually
    return now - group.alive_asked_at >= pause


# --- asking --------------------------------------------------------------------------------------------


def _ask(login: ApiLogin, groups: list[TerminalGroup], now: datetime) -> None:
    if not groups:
        return
    owners = sorted({group.organization_id for group in groups})
    try:
        told = client_for(login, requested_by="pos watch").terminal_groups_alive(
            organization_ids=owners, terminal_group_ids=sorted(group.iiko_id for group in groups)
        )
    except (IikoError, HubError) as error:
        if isinstance(error, IikoRejected) and len(owners) > 1:
            for owner in owners:  # one of them is the reason; the others must not go unasked
                _ask(login, [group for group in groups if group.organization_id == owner], now)
        else:
            logger.warning("pos.not_told", api_login=login.pk, error=str(error))
        return
    _keep(groups, told, now)


def _keep(groups: list[TerminalGroup], told: Iterable[TerminalGroupAlive], now: datetime) -> None:
    answers = {one.terminal_group_id: one.is_alive for one in told}
    for group in groups:
        if (is_alive := answers.get(group.iiko_id)) is None:
            continue  # iiko says nothing of it: what was known stays
        before = group.silent_since(now)  # what was told long ago may have ended and begun again
        since = None if is_alive else before or now
        TerminalGroup.objects.filter(pk=group.pk).update(alive_told_at=now, not_answering_since=since)
        if (before is None) != is_alive:
            log = logger.info if is_alive else logger.warning
            log(
                "pos.answers_again" if is_alive else "pos.does_not_answer",
                organization_id=group.organization_id,
                terminal_group_id=group.iiko_id,
            )
