"""Who is told of people by an event, and what the others are shown.

A message tells more than the page of what it is about: an event of the hall in full needs the right that
the hall's pages ask for, any other needs to see orders, and phones and cards of guests in full. What
cannot be read may be either. A key that may only read is not told of people.
"""

import json
from decimal import Decimal

from django.contrib.auth.models import AnonymousUser, User
from rest_framework.request import Request

from core.privacy.rights import GUESTS, HALL_GUESTS
from core.redaction import MASK, mask
from iiko_client.json_writer import dumps
from iiko_client.models.events import EVENT_TYPES, OLDER_EVENT_TYPES
from organizations.models.api_keys import ApiKey
from webhooks.event_subjects import HALL
from webhooks.models.inbox import EventFormat, WebhookEvent

_ORDERS = ("orders.view_order", GUESTS)
_ALL = (*_ORDERS, HALL_GUESTS)


def sees_people(user: User | AnonymousUser, event: WebhookEvent | None = None) -> bool:
    """Tell whether a user is shown the people whom ``event`` names; without one, those of all events."""
    if event is None:
        return user.has_perms(_ALL)
    if event.event_type in HALL:
        return user.has_perms((HALL_GUESTS,))
    is_known = event.event_type in (*EVENT_TYPES, *OLDER_EVENT_TYPES) or event.format == EventFormat.SOI
    return user.has_perms(_ORDERS if is_known else _ALL)


def caller_sees_people(request: Request, event: WebhookEvent | None = None) -> bool:
    """Tell the same of a caller of the API."""
    return request.auth.may_act if isinstance(request.auth, ApiKey) else sees_people(request.user, event)


def masked_payload(text: str) -> str:
    """Mask the people in a payload; its numbers stay as they were sent."""
    return dumps(mask(json.loads(text, parse_float=Decimal)))


def masked_words(words: str) -> str:
    """Keep of an error or remark its kind, or the field it is about, without what it quotes."""
    kind, colon, _quoted = words.partition(": ")
    return f"{kind}: {MASK}" if colon else MASK if words else ""
