from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from threading import Thread

import pytest
import requests
from werkzeug.serving import make_server

from sandbox.http import inject_fault
from sandbox.http.app import create_app
from sandbox.loyalty.wallets import Customer
from sandbox.orders.order import DeliveryStatus
from sandbox.tests.harness import UNKNOWN_ID, Harness, open_harness

TOPUP = "loyalty/iiko/customer/wallet/topup"


@pytest.fixture
def url(harness: Harness) -> Iterator[str]:
    """Serve the theatre over a real line, for what happens to lines."""
    server = make_server("127.0.0.1", 0, create_app(harness.simulator), threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/1"
    server.shutdown()
    thread.join()
    server.server_close()


def _customer(harness: Harness) -> Customer:
    return harness.simulator.loyalty.accounts(harness.restaurant("Берёзка")).customers[0]


def _topup(harness: Harness) -> dict[str, object]:
    return {
        "organizationId": str(harness.restaurant("Берёзка").id),
        "customerId": str(_customer(harness).guest.id),
        "walletId": str(next(iter(_customer(harness).balances))),
        "sum": 10,
    }


@pytest.mark.parametrize(
    ("fault", "status", "is_done"),
    [
        ("http_402", 402, False),
        ("http_429", 429, False),
        ("http_408_before", 408, False),
        ("http_408_after", 408, True),
        ("http_500_before", 500, False),
        ("http_500_after", 500, True),
    ],
)
def test_call_fails_before_its_effect_or_after(
    harness: Harness, fault: str, status: int, is_done: bool
) -> None:
    harness.control("faults", {"faults": f"{fault}=1"})

    assert harness.ask(TOPUP, _topup(harness)).status_code == status

    assert len(_customer(harness).transactions) == int(is_done)


@pytest.mark.parametrize(("fault", "is_done"), [("reset_before", False), ("reset_after", True)])
def test_line_is_cut_before_the_effect_or_after(
    harness: Harness, url: str, fault: str, is_done: bool
) -> None:
    harness.control("faults", {"faults": f"{fault}=1"})

    with pytest.raises(requests.ConnectionError):
        requests.post(
            f"{url}/{TOPUP}",
            json=_topup(harness),
            headers={"Authorization": f"Bearer {harness.token}"},
            timeout=5,
        )

    assert len(_customer(harness).transactions) == int(is_done)


def test_slow_answer_comes_late(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []
    monkeypatch.setattr("time.sleep", paused.append)
    harness.control("faults", {"faults": "slow=1"})

    harness.get(TOPUP, _topup(harness))

    assert paused == [inject_fault.SLOW_S]


def test_fault_is_aimed_at_an_operation_and_so_many_times(harness: Harness) -> None:
    shown = harness.control("faults", {"faults": "http_500_after=1@loyalty/iiko/customer/walletx2, drop=0.5"})

    assert shown["in_words"] == "drop 0.5, http_500_after 1 at loyalty/iiko/customer/wallet 2 times"
    harness.get("organizations", {})
    assert [harness.ask(TOPUP, _topup(harness)).status_code for _ in range(3)] == [500, 500, 200]
    assert harness.client.get("/sandbox/faults").get_json() == shown


def test_faults_are_taken_back(harness: Harness) -> None:
    harness.control("faults", {"faults": "http_402=1"})

    assert harness.control("faults", {"faults": ""})["in_words"] == "none"

    harness.get("organizations", {})


def test_fault_nobody_knows_is_explained(harness: Harness) -> None:
    answer = harness.client.post("/sandbox/faults", json={"faults": "drop=2"})

    assert (answer.status_code, answer.get_json()["errorDescription"]) == (
        400,
        "faults: drop must be a probability from 0 to 1, as in drop=0.1, not '2'.",
    )


def test_webhooks_can_be_made_to_go_together(harness: Harness) -> None:
    harness.control("faults", {"faults": "batch=1"})
    organization = harness.restaurant("Берёзка")
    for _ in range(3):
        harness.simulator.engine.create_order(harness.clock.instant, organization)

    harness.run(2)

    sizes = [len(json.loads(delivery.body)) for delivery in harness.deliveries]
    assert sizes[0] >= 3


def test_clock_is_put_forward_and_the_story_played(harness: Harness) -> None:
    order = harness.simulator.engine.create_order(harness.clock.instant, harness.restaurant("Берёзка"))

    shown = harness.control("clock", {"advance_s": 3600, "speed": 60})

    assert (shown["now"], shown["speed"]) == ("2026-03-14T14:42:08.051000+00:00", 60.0)
    assert harness.now_of(order).is_over or harness.now_of(order).error is not None


def test_order_is_made_at_once(harness: Harness) -> None:
    mayak = harness.restaurant("Маяк")

    info = harness.control("orders", {"organization_id": str(mayak.id)})

    harness.run(3)
    assert info["organizationId"] == str(mayak.id)
    assert harness.events()[0]["eventInfo"]["id"] == info["id"]


def test_order_asked_for_leaves_the_story_as_it_is() -> None:
    def story(*, asks: bool) -> list[str]:
        harness = open_harness(rate=6)
        if asks:
            harness.control("orders", {})
        harness.run(120)
        orders = harness.simulator.engine.orders()
        return [str(each.sum) for each in orders if not str(each.external_number).endswith("-500001")]

    assert story(asks=True) == story(asks=False)


def test_till_of_no_restaurant_is_explained(harness: Harness) -> None:
    answer = harness.client.post("/sandbox/till", json={"organization_id": UNKNOWN_ID, "online": False})

    assert (answer.status_code, answer.get_json()["errorDescription"]) == (
        400,
        "organization_id: there is no such restaurant.",
    )


def test_sent_webhooks_are_listed_with_what_they_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/hook"
        harness = open_harness(rate=0, webhook_url=address)
        harness.control("orders", {})
        harness.run(3)
        answer = harness.simulator.sender
        delivery = harness.deliveries[0]
        with requests.Session() as session:
            answer._post(session, delivery)
        answer.close()

    sent = harness.client.get("/sandbox/webhooks?limit=1").get_json()["webhooks"]

    assert [(each["url"], each["what"], each["status"]) for each in sent] == [(address, delivery.title, None)]
    assert sent[0]["body"] == json.loads(delivery.body)


def test_menu_names_what_can_be_ordered(harness: Harness) -> None:
    menus = harness.client.get("/sandbox/menu").get_json()["menus"]

    assert [each["organization_id"] for each in menus] == [
        str(e.id) for e in harness.simulator.world.organizations
    ]
    assert menus[0]["products"][0]["name"].startswith("Пицца")


def test_buttons_of_the_page_lead_back_to_it(harness: Harness) -> None:
    mayak = harness.restaurant("Маяк")

    orders = harness.client.post("/sandbox/orders", data={"organization_id": str(mayak.id)})
    pos = harness.client.post("/sandbox/till", data={"organization_id": str(mayak.id), "online": "false"})
    faults = harness.client.post("/sandbox/faults", data={"faults": "drop=1"})
    clock = harness.client.post("/sandbox/clock", data={"advance_s": "60"})
    page = harness.client.get("/").get_data(as_text=True)

    assert [(each.status_code, each.headers["Location"]) for each in (orders, pos, faults, clock)] == [
        (303, "/")
    ] * 4
    assert harness.simulator.engine.is_online(mayak) is False
    assert "drop=1" in page
    assert "нет связи" in page
    harness.client.post("/sandbox/faults", data={"faults": ""})
    assert str(harness.simulator.faults.faults) == "none"


def test_same_seed_makes_the_same_calls_fail() -> None:
    def ask() -> list[int]:
        harness = open_harness(rate=0, seed=5)
        harness.control("faults", {"faults": "http_500_before=0.5"})
        return [harness.ask("organizations", {}).status_code for _ in range(20)]

    assert ask() == ask()
    assert set(ask()) == {200, 500}


def test_orders_are_told_as_the_cloud_has_them(harness: Harness) -> None:
    restaurant = harness.restaurant("Берёзка")
    born = harness.control("orders", {"organization_id": str(restaurant.id)})

    shown = harness.client.get("/sandbox/orders").get_json()["orders"]

    assert [order["id"] for order in shown] == [born["id"]]


def test_calls_are_counted_by_what_was_answered(harness: Harness) -> None:
    harness.log_in()
    harness.control("faults", {"faults": "http_429=1@organizationsx1"})
    harness.ask("organizations", {})
    harness.ask("organizations", {})
    harness.ask("deliveries/by_id", {})

    counted = harness.client.get("/sandbox/calls").get_json()

    assert counted["organizations"] == {
        "calls": 2,
        "busiest_minute": 2,
        "answers": {"http_429": 1, "200": 1},
    }
    assert counted["deliveries/by_id"]["answers"] == {"400": 1}


def test_retrieval_is_limited_by_the_minute(harness: Harness) -> None:
    harness.log_in()
    ids = [str(harness.restaurant("Берёзка").id)]
    query = {"organizationIds": ids, "startRevision": harness.simulator.engine.revisions.last}

    statuses = [harness.ask("deliveries/by_revision", query).status_code for _ in range(14)]

    assert statuses == [200] * 12 + [429] * 2
    assert harness.ask("organizations", {}).status_code == 200


def test_order_goes_without_a_word(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.COOKING_STARTED)
    harness.run(5)
    shown = len(harness.deliveries)
    query = {"organizationId": str(order.organization.id), "orderIds": [str(order.id)]}
    assert len(harness.get("deliveries/by_id", query)["orders"]) == 1

    harness.control("orders/forget", {"order_id": str(order.id)})

    harness.run(120)
    assert harness.get("deliveries/by_id", query)["orders"] == []
    assert [delivery for delivery in harness.deliveries[shown:] if str(order.id) in str(delivery.body)] == []


def test_order_that_nobody_has_cannot_be_forgotten(harness: Harness) -> None:
    answer = harness.client.post("/sandbox/orders/forget", json={"order_id": str(UNKNOWN_ID)})

    assert answer.status_code == 400
    assert "there is no such order" in answer.get_json()["errorDescription"]


def test_one_group_of_tills_is_cut_off(harness: Harness) -> None:
    cafe = next(each for each in harness.simulator.world.organizations if len(each.terminal_groups) > 1)
    ids = [str(group.id) for group in cafe.terminal_groups]
    pos = {"organization_id": str(cafe.id), "terminal_group_id": ids[0]}
    query = {"organizationIds": [str(cafe.id)], "terminalGroupIds": ids}

    harness.control("till", {**pos, "online": False})
    shown = harness.get("terminal_groups/is_alive", query)["isAliveStatus"]
    assert {one["terminalGroupId"]: one["isAlive"] for one in shown} == {
        ident: ident != ids[0] for ident in ids
    }

    harness.control("till", {**pos, "online": True})
    shown = harness.get("terminal_groups/is_alive", query)["isAliveStatus"]
    assert all(one["isAlive"] for one in shown)
    answer = harness.client.post(
        "/sandbox/till", json={**pos, "terminal_group_id": UNKNOWN_ID, "online": False}
    )
    assert answer.status_code == 400
