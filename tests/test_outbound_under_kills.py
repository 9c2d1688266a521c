"""Workers die at any moment while orders change: each change arrives, in the order of commits."""

import json
import random
import threading
import time
from collections import defaultdict
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from outbound.tests.endpoints import Endpoint, Got, listening
from tests.builders import REVISION, cloud_event
from tests.hub_process import Hub, kill_workers_during, running_hub, wait_until

pytestmark = [pytest.mark.process, pytest.mark.long, pytest.mark.xdist_group("outbound")]

CHANGING_S = 20.0
LIVES_S = (1.5, 3.0)
SOON_S = 75.0
"""What a killed worker had in hand waits for the end of its lease."""

ORDERS = 12
STATUSES = ("WaitCooking", "CookingStarted", "CookingCompleted", "Waiting", "OnWay", "Unconfirmed")

SUBSCRIBE = """
from outbound.models.subscriptions import Subscription
from outbound.sending.signing import new_secret
for url in ("%s", "http://127.0.0.1:9/nobody"):
    Subscription.objects.create(name=url, url=url, secret=new_secret(), event_types=[
        "order.created", "order.status_changed", "order.updated",
    ])
"""
DUMP = """
import json
from orders.models.order import Order
from outbound.models.deliveries import Delivery
rows = Delivery.objects.filter(subscription__name="%s").select_related("event").order_by("position")
print(json.dumps({
    "sent": [[one.entity, one.message_id, one.state] for one in rows],
    "statuses": {f"order/{one.pk}": one.status for one in Order.objects.all()},
}))
"""


def change(stop: threading.Event, *, hub: Hub) -> None:
    """Let orders take one status after another, as fast as the hub takes it."""
    number = 0
    while not stop.is_set():
        number += 1
        order = random.randrange(ORDERS)
        event = cloud_event(
            order_id=f"00000000-0000-4000-8000-{order:012}",
            external_number=f"K-{order}",
            number=order,
            timestamp=REVISION + number,
            status=STATUSES[number % len(STATUSES)],
        )
        hub.post([event])
        stop.wait(random.uniform(0, 0.03))


def slowly(_got: Got) -> None:
    """Answer slowly now and then, so that workers die while they send."""
    time.sleep(random.choice((0, 0, 0, 0.2)))


def dump(hub: Hub, endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hub.manage("shell", "-v0", "-c", DUMP % endpoint.url))
    return found


def test_every_commit_arrives_in_order_whatever_dies(tmp_path: Any) -> None:
    with (
        listening(before=slowly) as endpoint,
        running_hub(tmp_path, OUTBOUND_ALLOW_PRIVATE_ADDRESSES="1") as hub,
    ):
        hub.manage("shell", "-v0", "-c", SUBSCRIBE % endpoint.url)
        hub.start_web()
        killed = kill_workers_during(hub, partial(change, hub=hub), seconds=CHANGING_S, lives_s=LIVES_S)
        wait_until(lambda: is_quiet(hub), seconds=SOON_S)
        found = dump(hub, endpoint)

    assert killed >= 5
    assert {state for _entity, _id, state in found["sent"]} == {"delivered"}
    written: defaultdict[str, list[str]] = defaultdict(list)
    came: defaultdict[str, list[Got]] = defaultdict(list)
    for entity, message_id, _state in found["sent"]:
        written[entity].append(message_id)
    first: dict[str, Got] = {}
    for got in endpoint.got:
        first.setdefault(got.message_id, got)
    for got in first.values():
        came[f"order/{got.body['data']['id']}"].append(got)
    assert {entity: [one.message_id for one in those] for entity, those in came.items()} == written
    assert set(written) == set(found["statuses"])
    for entity, those in came.items():
        assert those[0].body["type"] == "order.created"
        steps = [status for one in those if (status := one.body["data"]["changes"].get("status"))]
        assert all(before["to"] == after["from"] for before, after in pairwise(steps)), entity
        assert steps[-1]["to"] == found["statuses"][entity]
    assert len(found["sent"]) >= 100


def is_quiet(hub: Hub) -> bool:
    """Whether all is applied, fanned out and delivered but to the address where nobody listens."""
    return hub.manage("shell", "-v0", "-c", LEFT).strip() == "0"


LEFT = """
from outbound.models.deliveries import Delivery
from outbound.models.events import OutboundEvent
from webhooks.models.inbox import WebhookEvent
print(
    WebhookEvent.objects.unfinished().count() + OutboundEvent.objects.filter(position=None).count()
    + Delivery.objects.pending().exclude(subscription__name__endswith="nobody").count()
)
"""
