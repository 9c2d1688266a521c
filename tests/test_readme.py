"""What the README tells people to type is true of `make run`."""

import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from sandbox.options import DEFAULT_RATE
from sandbox.tests.builders import make_engine, simulate
from sandbox.webhooks.events import OrderChange
from tests.builders import authorized, cloud_event, drain, make_key, make_organization, post
from tests.simulated_iiko import linked

README = Path(__file__).resolve().parent.parent / "README.md"
CURLS = re.findall(r'^curl -H "\$H"( -X POST)? "\$API/([^"]+)"', README.read_text(), flags=re.MULTILINE)


def test_phone_is_that_of_the_first_order_of_every_demo() -> None:
    (phone,) = re.findall(r"search=(\+\d+)", README.read_text())

    happened = simulate(
        make_engine(rate=DEFAULT_RATE), length=timedelta(minutes=2), step=timedelta(seconds=1)
    )

    first = next(each.order for each in happened if isinstance(each, OrderChange))
    assert phone == first.phone


@pytest.mark.django_db
@pytest.mark.parametrize(("posts", "path"), CURLS, ids=lambda part: part.strip() or "GET")
def test_every_example_is_answered(client: Client, posts: str, path: str) -> None:
    make_organization()
    post(client, [cloud_event(phone="+79040001004")])
    drain()
    order_id, event_id = first_ids(client)
    path = (
        path.replace("orders/1", "orders/$ID")
        .replace("$ID", str(order_id))
        .replace("events/1", f"events/{event_id}")
    )
    ask = client.post if posts else client.get

    response = ask(f"/api/v1/{path}", headers=authorized(make_key()))

    assert response.status_code in {200, 202}
    if "search=" in path:
        assert [order["id"] for order in response.json()["results"]] == [order_id]


@pytest.mark.django_db
def test_example_finds_the_id_of_an_order_that_can_be_sent(client: Client) -> None:
    ((path, pipe),) = re.findall(
        r'^ID=\$\(curl -sH "\$H" "\$API/([^"]+)" \| ([^)]+)\)', README.read_text(), re.MULTILINE
    )
    make_organization()
    post(client, [cloud_event(status="Waiting")])
    drain()
    order_id, _event_id = first_ids(client)

    answer = client.get(f"/api/v1/{path}", headers=authorized(make_key())).content
    found = subprocess.run(["sh", "-c", pipe], input=answer, capture_output=True, check=True)

    assert found.stdout.decode().strip() == str(order_id)


@pytest.mark.django_db
def test_example_of_an_action_is_taken(client: Client) -> None:
    (body, action) = re.findall(r"--json '([^']+)' \"\$API/orders/\$ID/([\w-]+)\"", README.read_text())[0]
    linked(make_organization())
    post(client, [cloud_event(status="Waiting")])
    drain()
    order_id, _event_id = first_ids(client)

    response = client.post(
        f"/api/v1/orders/{order_id}/{action}",
        data=body,
        content_type="application/json",
        headers=authorized(make_key()) | {"Prefer": "wait=0", "Idempotency-Key": "1207-on-way"},
    )

    assert response.status_code == 202, response.content


def first_ids(client: Client) -> tuple[int, int]:
    key = authorized(make_key(name="looking"))
    (order,) = client.get("/api/v1/orders", headers=key).json()["results"]
    (event,) = client.get("/api/v1/webhooks/events", headers=key).json()["results"]
    return order["id"], event["id"]
