"""What people and programs ask of subscriptions and deliveries; the doors call these."""

import threading
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from requests import PreparedRequest

from audit.entries import record as record_act
from core import trace
from core.database import db_clock
from iiko_client.http.addresses import NotPublic, check_public_url
from outbound.errors import BadAddress, NotActive, TooManyTests, TooOld
from outbound.feed.fan_out import next_positions
from outbound.models.deliveries import Delivery
from outbound.models.events import EntityType, EventType, OutboundEvent
from outbound.models.subscriptions import DisabledReason, Subscription
from outbound.redelivery import Begun, Redelivery, restart, send_again
from outbound.sending import circuit
from outbound.sending.claims import LEASE, Claim
from outbound.sending.connections import Kept
from outbound.sending.exchange import WITHIN_S
from outbound.sending.outcomes import Outcome, record
from outbound.sending.sender import exchange_of
from outbound.sending.signing import new_secret

OVERLAP = timedelta(hours=24)
"""For so long the former secret signs, too, unless said otherwise."""
TESTS_AT_ONCE = threading.BoundedSemaphore(2)
"""Each takes a thread of the web server for as long as its receiver does, up to 15 seconds."""


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
        sent_to = _in_ascii(url)
        (urlsplit(sent_to).hostname or "").encode("idna")  # raises where a label is empty or too long
    except (ValueError, UnicodeError) as error:
        raise BadAddress(_("The address cannot be read. It begins with https:// and a server.")) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > 2000:
        raise BadAddress(_("The address cannot be read. It begins with https:// and a server."))
    if parts.username is not None or parts.fragment:
        raise BadAddress(_("Leave out name, password and # of the address; write a key after the ? instead."))
    if not settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES:
        try:
            check_public_url(sent_to)
        except (NotPublic, ValueError) as error:
            words = _(
                "Write a public address that begins with https://. Others are taken only where the hub's "
                "environment allows it: OUTBOUND_ALLOW_PRIVATE_ADDRESSES=1."
            )
            raise BadAddress(words) from error
    return sent_to, f"{parts.scheme}://{parts.netloc}"[:300]


def _in_ascii(url: str) -> str:
    """Write an address as it is asked for: a name of other letters by its code, the rest quoted.

    Raises:
        ValueError
    """
    request = PreparedRequest()
    request.prepare_url(url, None)
    return request.url or ""


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


@transaction.atomic
def redeliver_one(delivery: Delivery) -> bool:
    """Send a delivery that ended once more, with the same id and bytes; False where it waits anyway.

    Raises:
        NotActive
    """
    _check_active(_locked(delivery.subscription))
    is_begun = restart(Delivery.objects.filter(pk=delivery.pk), asked_at=db_clock.now()) == 1
    if is_begun:
        record_act("delivery_redelivered", delivery)
    return is_begun


def redeliver(subscription: Subscription, since: datetime, *, only_failed: bool = False) -> Begun:
    """Send all events since a time that the subscription wants, in their order.

    Also those that were never sent to it, because it was off or wanted others then. What waits already is not
    counted. ``only_failed``: those that did not arrive. Of many the first are sent at once, a job does the
    others.

    Raises:
        NotActive
        TooOld: events of that time are not kept any more.
    """
    _check_active(subscription)
    now = db_clock.now()
    if since < now - timedelta(days=settings.OUTBOUND_RETENTION_DAYS):
        days = settings.OUTBOUND_RETENTION_DAYS
        raise TooOld(_("Events are kept for %(days)s days. Choose a later time.") % {"days": days})
    with transaction.atomic():
        begun = send_again(Redelivery(subscription.pk, since, now, only_failed))
        asked = {
            "since": since,
            "only_failed": only_failed,
            "count": begun.messages,
            "goes_on": begun.goes_on,
        }
        record_act("events_redelivered", subscription, after=asked)
    return begun


def _check_active(subscription: Subscription) -> None:
    if not subscription.is_active:
        raise NotActive(_("The subscription is off. Switch it on first."))
    if not subscription.has_usable_key(db_clock.now()):
        raise NotActive(_("Its API key is off or has expired: nothing is sent."))


# --- trying it -------------------------------------------------------------------------------------


def send_test(subscription: Subscription) -> Delivery:
    """Send a test now and return its delivery, ended: delivered or failed. Takes 15 seconds at most.

    Whatever the subscription wants, and also while it is off. A test that arrives closes its circuit.

    Raises:
        TooManyTests: as many as may be at once.
    """
    if not TESTS_AT_ONCE.acquire(blocking=False):
        raise TooManyTests(_("Other tests are being sent at this moment. Try again in a few seconds."))
    try:
        return _send(_make_test(subscription))
    finally:
        TESTS_AT_ONCE.release()


def _send(claim: Claim) -> Delivery:
    began_at, kept = db_clock.now(), Kept()
    exchange = exchange_of(claim, kept=kept, now=began_at)
    timer = threading.Timer(WITHIN_S, exchange.cut)
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
        trace_id=trace.current_uuid(),
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
