from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from threading import Thread

import pytest
import requests
from werkzeug.serving import make_server

from sandbox import call_faults
from sandbox.http import create_app
from sandbox.loyalty import Customer
from sandbox.order import DeliveryStatus
from sandbox.tests.theatre import STRANGER, Theatre, open_theatre

TOPUP = "loyalty/iiko/customer/wallet/topup"


@pytest.fixture
def theatre() -> Theatre:
    return open_theatre(rate=0)


@pytest.fixture
def url(theatre: Theatre) -> Iterator[str]:
    """Serve the theatre over a real line, for what happens to lines."""
    server = make_server("127.0.0.1", 0, create_app(theatre.stage), threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/1"
    server.shutdown()
    thread.join()
    server.server_close()


def _customer(theatre: Theatre) -> Customer:
    return theatre.stage.loyalty.club(theatre.restaurant("Берёзка")).customers[0]


def _topup(theatre: Theatre) -> dict[str, object]:
    return {
        "organizationId": str(theatre.restaurant("Берёзка").id),
        "customerId": str(_customer(theatre).guest.id),
        "walletId": str(next(iter(_customer(theatre).balances))),
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
    theatre: Theatre, fault: str, status: int, is_done: bool
) -> None:
    theatre.control("faults", {"faults": f"{fault}=1"})

    assert theatre.ask(TOPUP, _topup(theatre)).status_code == status

    assert len(_customer(theatre).transactions) == int(is_done)


@pytest.mark.parametrize(("fault", "is_done"), [("reset_before", False), ("reset_after", True)])
def test_line_is_cut_before_the_effect_or_after(
    theatre: Theatre, url: str, fault: str, is_done: bool
) -> None:
    theatre.control("faults", {"faults": f"{fault}=1"})

    with pytest.raises(requests.ConnectionError):
        requests.post(
            f"{url}/{TOPUP}",
            json=_topup(theatre),
            headers={"Authorization": f"Bearer {theatre.token}"},
            timeout=5,
        )

    assert len(_customer(theatre).transactions) == int(is_done)


def test_slow_answer_comes_late(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    theatre.control("faults", {"faults": "slow=1"})

    theatre.get(TOPUP, _topup(theatre))

    assert slept == [call_faults.SLOW_S]


def test_fault_is_aimed_at_an_operation_and_so_many_times(theatre: Theatre) -> None:
    told = theatre.control("faults", {"faults": "http_500_after=1@loyalty/iiko/customer/walletx2, drop=0.5"})

    assert told["in_words"] == "drop 0.5, http_500_after 1 at loyalty/iiko/customer/wallet 2 times"
    theatre.get("organizations", {})
    assert [theatre.ask(TOPUP, _topup(theatre)).status_code for _ in range(3)] == [500, 500, 200]
    assert theatre.client.get("/sandbox/faults").get_json() == told


def test_faults_are_taken_back(theatre: Theatre) -> None:
    theatre.control("faults", {"faults": "http_402=1"})

    assert theatre.control("faults", {"faults": ""})["in_words"] == "none"

    theatre.get("organizations", {})


def test_fault_nobody_knows_is_explained(theatre: Theatre) -> None:
    answer = theatre.client.post("/sandbox/faults", json={"faults": "drop=2"})

    assert (answer.status_code, answer.get_json()["errorDescription"]) == (
        400,
        "faults: drop must be a probability from 0 to 1, as in drop=0.1, not '2'.",
    )


def test_webhooks_can_be_made_to_go_together(theatre: Theatre) -> None:
    theatre.control("faults", {"faults": "batch=1"})
    organization = theatre.restaurant("Берёзка")
    for _ in range(3):
        theatre.stage.kitchen.bear_now(theatre.clock.instant, organization)

    theatre.play(2)

    sizes = [len(json.loads(letter.body)) for letter in theatre.letters]
    assert sizes[0] >= 3


def test_clock_is_put_forward_and_the_story_played(theatre: Theatre) -> None:
    order = theatre.stage.kitchen.bear_now(theatre.clock.instant, theatre.restaurant("Берёзка"))

    told = theatre.control("clock", {"advance_s": 3600, "speed": 60})

    assert (told["now"], told["speed"]) == ("2026-03-14T14:42:08.051000+00:00", 60.0)
    assert theatre.now_of(order).is_over or theatre.now_of(order).error is not None


def test_order_is_made_at_once(theatre: Theatre) -> None:
    mayak = theatre.restaurant("Маяк")

    info = theatre.control("orders", {"organization_id": str(mayak.id)})

    theatre.play(3)
    assert info["organizationId"] == str(mayak.id)
    assert theatre.events()[0]["eventInfo"]["id"] == info["id"]


def test_order_asked_for_leaves_the_story_as_it_is() -> None:
    def story(*, asks: bool) -> list[str]:
        theatre = open_theatre(rate=6)
        if asks:
            theatre.control("orders", {})
        theatre.play(120)
        orders = theatre.stage.kitchen.orders()
        return [str(each.sum) for each in orders if not str(each.external_number).endswith("-500001")]

    assert story(asks=True) == story(asks=False)


def test_till_of_no_restaurant_is_explained(theatre: Theatre) -> None:
    answer = theatre.client.post("/sandbox/till", json={"organization_id": STRANGER, "online": False})

    assert (answer.status_code, answer.get_json()["errorDescription"]) == (
        400,
        "organization_id: there is no such restaurant.",
    )


def test_sent_webhooks_are_listed_with_what_they_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/hook"
        theatre = open_theatre(rate=0, webhook_url=address)
        theatre.control("orders", {})
        theatre.play(3)
        answer = theatre.stage.sender
        letter = theatre.letters[0]
        with requests.Session() as session:
            answer._post(session, letter)
        answer.close()

    sent = theatre.client.get("/sandbox/webhooks?limit=1").get_json()["webhooks"]

    assert [(each["url"], each["what"], each["status"]) for each in sent] == [(address, letter.title, None)]
    assert sent[0]["body"] == json.loads(letter.body)
    assert sent[0]["number"] == 1
    assert theatre.client.get("/sandbox/webhooks?since=1").get_json() == {"webhooks": []}


def test_menu_names_what_can_be_ordered(theatre: Theatre) -> None:
    menus = theatre.client.get("/sandbox/menu").get_json()["menus"]

    assert [each["organization_id"] for each in menus] == [
        str(e.id) for e in theatre.stage.world.organizations
    ]
    assert menus[0]["products"][0]["name"].startswith("Пицца")


def test_buttons_of_the_page_lead_back_to_it(theatre: Theatre) -> None:
    mayak = theatre.restaurant("Маяк")

    orders = theatre.client.post("/sandbox/orders", data={"organization_id": str(mayak.id)})
    till = theatre.client.post("/sandbox/till", data={"organization_id": str(mayak.id), "online": "false"})
    faults = theatre.client.post("/sandbox/faults", data={"faults": "drop=1"})
    clock = theatre.client.post("/sandbox/clock", data={"advance_s": "60"})
    page = theatre.client.get("/").get_data(as_text=True)

    assert [(each.status_code, each.headers["Location"]) for each in (orders, till, faults, clock)] == [
        (303, "/")
    ] * 4
    assert theatre.stage.kitchen.is_online(mayak) is False
    assert "drop=1" in page
    assert "нет связи" in page
    theatre.client.post("/sandbox/faults", data={"faults": ""})
    assert str(theatre.stage.faults.faults) == "none"


def test_same_seed_makes_the_same_calls_fail() -> None:
    def ask() -> list[int]:
        theatre = open_theatre(rate=0, seed=5)
        theatre.control("faults", {"faults": "http_500_before=0.5"})
        return [theatre.ask("organizations", {}).status_code for _ in range(20)]

    assert ask() == ask()
    assert set(ask()) == {200, 500}


def test_orders_are_told_as_the_cloud_has_them(theatre: Theatre) -> None:
    restaurant = theatre.restaurant("Берёзка")
    born = theatre.control("orders", {"organization_id": str(restaurant.id)})

    told = theatre.client.get("/sandbox/orders").get_json()["orders"]

    assert [order["id"] for order in told] == [born["id"]]


def test_states_of_orders_are_told_from_a_number_on(theatre: Theatre) -> None:
    restaurant = theatre.restaurant("Берёзка")
    born = theatre.control("orders", {"organization_id": str(restaurant.id)})
    theatre.play_until(lambda: len(theatre.client.get("/sandbox/orders/history").get_json()["states"]) >= 3)

    states = theatre.client.get("/sandbox/orders/history").get_json()["states"]
    rest = theatre.client.get("/sandbox/orders/history?since=1").get_json()["states"]

    assert [state["number"] for state in states] == list(range(1, len(states) + 1))
    assert {state["id"] for state in states} == {born["id"]}
    assert [state["status"] for state in states[:2]] == [None, "Unconfirmed"]
    assert [state["timestamp"] for state in states] == sorted({state["timestamp"] for state in states})
    assert rest == states[1:]


def test_commands_are_told_with_what_was_asked_and_what_became_of_it(theatre: Theatre) -> None:
    order = theatre.wait_for_order("Берёзка", DeliveryStatus.WAIT_COOKING)
    theatre.command("deliveries/change_comment", order, comment="без лука")
    theatre.control("faults", {"faults": "http_500_after=1@deliveries/updatex1"})
    ids = {"organizationId": str(order.organization.id), "orderId": str(order.id)}
    assert theatre.ask("deliveries/update_order_courier", {**ids, "employeeId": STRANGER}).status_code == 500
    theatre.play(2)

    told = theatre.client.get("/sandbox/commands").get_json()["commands"]

    assert [(one["operation"], one["body"], one["state"]) for one in told] == [
        ("deliveries/change_comment", {**ids, "comment": "без лука"}, "Success"),
        ("deliveries/update_order_courier", {**ids, "employeeId": STRANGER}, "Error"),
    ]


def test_calls_are_counted_by_what_was_answered(theatre: Theatre) -> None:
    theatre.log_in()
    theatre.control("faults", {"faults": "http_429=1@organizationsx1"})
    theatre.ask("organizations", {})
    theatre.ask("organizations", {})
    theatre.ask("deliveries/by_id", {})

    counted = theatre.client.get("/sandbox/calls").get_json()

    assert counted["organizations"] == {
        "calls": 2,
        "busiest_minute": 2,
        "answers": {"http_429": 1, "200": 1},
    }
    assert counted["deliveries/by_id"]["answers"] == {"400": 1}


def test_retrieval_is_limited_by_the_minute(theatre: Theatre) -> None:
    theatre.log_in()
    ids = [str(theatre.restaurant("Берёзка").id)]
    asked = {"organizationIds": ids, "startRevision": theatre.stage.kitchen.revisions.last}

    statuses = [theatre.ask("deliveries/by_revision", asked).status_code for _ in range(14)]

    assert statuses == [200] * 12 + [429] * 2
    assert theatre.ask("organizations", {}).status_code == 200


def test_order_goes_without_a_word(theatre: Theatre) -> None:
    order = theatre.wait_for_order("Берёзка", DeliveryStatus.COOKING_STARTED)
    theatre.play(5)
    told = len(theatre.letters)
    asked = {"organizationId": str(order.organization.id), "orderIds": [str(order.id)]}
    assert len(theatre.get("deliveries/by_id", asked)["orders"]) == 1

    theatre.control("orders/forget", {"order_id": str(order.id)})

    theatre.play(120)
    assert theatre.get("deliveries/by_id", asked)["orders"] == []
    assert [letter for letter in theatre.letters[told:] if str(order.id) in str(letter.body)] == []


def test_order_that_nobody_has_cannot_be_forgotten(theatre: Theatre) -> None:
    answer = theatre.client.post("/sandbox/orders/forget", json={"order_id": str(STRANGER)})

    assert answer.status_code == 400
    assert "there is no such order" in answer.get_json()["errorDescription"]


def test_one_group_of_tills_is_cut_off(theatre: Theatre) -> None:
    cafe = next(each for each in theatre.stage.world.organizations if len(each.terminal_groups) > 1)
    ids = [str(group.id) for group in cafe.terminal_groups]
    till = {"organization_id": str(cafe.id), "terminal_group_id": ids[0]}
    asked = {"organizationIds": [str(cafe.id)], "terminalGroupIds": ids}

    theatre.control("till", {**till, "online": False})
    told = theatre.get("terminal_groups/is_alive", asked)["isAliveStatus"]
    assert {one["terminalGroupId"]: one["isAlive"] for one in told} == {
        ident: ident != ids[0] for ident in ids
    }

    theatre.control("till", {**till, "online": True})
    told = theatre.get("terminal_groups/is_alive", asked)["isAliveStatus"]
    assert all(one["isAlive"] for one in told)
    answer = theatre.client.post(
        "/sandbox/till", json={**till, "terminal_group_id": STRANGER, "online": False}
    )
    assert answer.status_code == 400
