"""What people and programs ask of subscriptions and deliveries; the doors call these."""

from datetime import datetime, timedelta
from threading import Timer
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from requests.utils import requote_uri

from core.database import db_clock
from iiko_client.http.addresses import NotPublic, check_public_url
from outbound.errors import BadAddress, NotActive, TooOld
from outbound.feed.audience import Audience
from outbound.feed.fan_out import deliver, next_positions
from outbound.models.deliveries import Delivery, DeliveryState
from outbound.models.events import EntityType, EventType, OutboundEvent
from outbound.models.subscriptions import DisabledReason, Subscription
from outbound.sending import circuit
from outbound.sending.claims import LEASE, Claim
from outbound.sending.connections import Kept
from outbound.sending.exchange import WITHIN_S
from outbound.sending.outcomes import Outcome, record
from outbound.sending.sender import exchange_of
from outbound.sending.signing import new_secret

OVERLAP = timedelta(hours=24)
"""For so long the former secret signs, too, unless said otherwise."""
_BATCH = 1000


# --- settings --------------------------------------------------------------------------------------


def check_url(url: str) -> tuple[str, str]:
    """Return an address as it is stored, and what of it may be shown: the schema and the server.

    Where its name leads is looked at with every message.

    Raises:
        BadAddress
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises where it is no number
        host = parts.hostname or ""
        host.encode("idna")
    except (ValueError, UnicodeError) as error:
        raise BadAddress(_("The address cannot be read. It begins with https:// and a server.")) from error
    if parts.scheme not in ("http", "https") or not host or len(url) > 2000:
        raise BadAddress(_("The address cannot be read. It begins with https:// and a server."))
    if parts.username is not None or parts.fragment:
        raise BadAddress(_("Leave out name, password and # of the address; write a key after the ? instead."))
    if not settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES:
        try:
            check_public_url(url)
        except (NotPublic, ValueError) as error:
            words = _(
                "Write a public address that begins with https://. Others are taken only where the hub's "
                "environment allows it: OUTBOUND_ALLOW_PRIVATE_ADDRESSES=1."
            )
            raise BadAddress(words) from error
    return requote_uri(url), f"{parts.scheme}://{parts.netloc}"[:300]


def prepare(subscription: Subscription) -> None:
    """Check the address of a subscription that is to be saved, and give a new one its secret.

    Raises:
        BadAddress
    """
    subscription.url, subscription.shown_host = check_url(subscription.url)
    if not subscription.secret:
        subscription.secret = new_secret()


@transaction.atomic
def rotate_secret(subscription: Subscription, *, overlap: timedelta = OVERLAP) -> str:
    """Return a new secret. The present one signs beside it for ``overlap``; one before that no more."""
    now, row = db_clock.now(), _locked(subscription)
    if overlap:
        row.previous_secret, row.previous_secret_until = row.secret, now + overlap
    else:
        row.previous_secret, row.previous_secret_until = "", None
    secret = row.secret = new_secret()
    row.save(update_fields=["secret", "previous_secret", "previous_secret_until", "changed_at"])
    subscription.refresh_from_db()
    return secret


@transaction.atomic
def switch_on(subscription: Subscription) -> None:
    """Have events sent again, first those that wait; what happened while it was off: ``redeliver``."""
    row = _locked(subscription)
    row.is_active, row.disabled_reason, row.disabled_at = True, "", None
    circuit.close(row)
    row.save(update_fields=circuit.STATE)
    subscription.refresh_from_db()


@transaction.atomic
def switch_off(subscription: Subscription) -> None:
    """Have nothing more sent; what waits stays."""
    row = _locked(subscription)
    if row.is_active:
        circuit.disable(row, DisabledReason.BY_PERSON, now=db_clock.now())
        row.save(update_fields=circuit.STATE)
    subscription.refresh_from_db()


def _locked(subscription: Subscription) -> Subscription:
    return Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)


# --- sending again ---------------------------------------------------------------------------------


def redeliver_one(delivery: Delivery) -> bool:
    """Send a delivery that ended once more, with the same id and bytes; False where it waits anyway.

    Raises:
        NotActive
    """
    _check_active(delivery.subscription)
    return _begin_anew(Delivery.objects.filter(pk=delivery.pk), db_clock.now()) == 1


def redeliver(subscription: Subscription, since: datetime, *, only_failed: bool = False) -> int:
    """Send all events since a time that the subscription wants, in their order; return how many.

    Also those it was never told of, because it was off or wanted others then. What waits already is not
    counted. ``only_failed``: those that did not arrive.

    Raises:
        NotActive
        TooOld: events of that time are not kept any more.
    """
    _check_active(subscription)
    now = db_clock.now()
    if since < now - timedelta(days=settings.OUTBOUND_RETENTION_DAYS):
        days = settings.OUTBOUND_RETENTION_DAYS
        raise TooOld(_("Events are kept for %(days)s days. Choose a later time.") % {"days": days})
    sent = Delivery.objects.filter(subscription=subscription, event__occurred_at__gte=since)
    mine = Audience.of(subscription, now=now).within(sent)
    if only_failed:
        return _begin_anew(mine.failed(), now)
    # First those that are there: with the others they would be made twice.
    return _begin_anew(mine, now) + _tell_of_others(subscription, since, now)


def _check_active(subscription: Subscription) -> None:
    if not subscription.is_active:
        raise NotActive(_("The subscription is off. Switch it on first."))
    if not subscription.has_usable_key(db_clock.now()):
        raise NotActive(_("Its API key is off or has expired: nothing is sent."))


def _begin_anew(deliveries: QuerySet[Delivery], now: datetime) -> int:
    ended = deliveries.filter(~Q(state=DeliveryState.PENDING)).exclude(event__event_type=EventType.TEST)
    return ended.update(
        state=DeliveryState.PENDING, attempts=0, next_attempt_at=now, redelivered_at=now, finished_at=None
    )


def _tell_of_others(subscription: Subscription, since: datetime, now: datetime) -> int:
    audience = Audience.of(subscription, now=now)
    mine = Delivery.objects.filter(subscription=subscription, event=OuterRef("pk"))
    events = OutboundEvent.objects.filter(~Exists(mine), occurred_at__gte=since, position__isnull=False)
    count, after = 0, 0
    while batch := list(events.filter(position__gt=after).order_by("position")[:_BATCH]):
        after = batch[-1].position or 0
        count += _tell(subscription, audience, batch, now)
    return count


@transaction.atomic
def _tell(subscription: Subscription, audience: Audience, events: list[OutboundEvent], now: datetime) -> int:
    """Make deliveries of these events; of two who ask for the same at once the second finds them made."""
    _locked(subscription)
    told = Delivery.objects.filter(subscription=subscription, event__in=[event.pk for event in events])
    known = set(told.values_list("event_id", flat=True))
    return deliver([event for event in events if event.pk not in known], [audience], now=now)


# --- trying it -------------------------------------------------------------------------------------


def send_test(subscription: Subscription) -> Delivery:
    """Send a test now and return its delivery, ended: delivered or failed. Takes 15 seconds at most.

    Whatever the subscription wants, and also while it is off. A test that arrives closes its circuit.
    """
    claim = _make_test(subscription)
    began_at, kept = db_clock.now(), Kept()
    exchange = exchange_of(claim, kept=kept, now=began_at)
    timer = Timer(WITHIN_S, exchange.cut)
    timer.start()
    try:
        answer = exchange.run()
    finally:
        timer.cancel()
        kept.close()
    record([Outcome(claim, answer, began_at)], now=db_clock.now())
    claim.delivery.refresh_from_db()
    return claim.delivery


@transaction.atomic
def _make_test(subscription: Subscription) -> Claim:
    now = db_clock.now()
    (position,) = next_positions(1)
    event = OutboundEvent.objects.create(
        event_type=EventType.TEST,
        entity_type=EntityType.TEST,
        entity_id=str(uuid4()),
        row_id=subscription.pk,
        occurred_at=now,
        position=position,
    )
    delivery = Delivery.objects.create(
        subscription=subscription,
        event=event,
        event_type=event.event_type,
        entity=f"{event.entity_type}/{event.entity_id}",
        position=position,
        next_attempt_at=now,
        # Whoever finds it after that finds a process that died at it.
        lease_until=now + LEASE,
        created_at=now,
    )
    return Claim(delivery, subscription, now + LEASE)
