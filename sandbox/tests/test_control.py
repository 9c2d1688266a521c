import json
import socket
from collections.abc import Iterator

import pytest
import requests
from werkzeug.serving import make_server

from sandbox.http import vendor_api
from sandbox.http.app import create_app
from sandbox.loyalty.wallets import Customer
from sandbox.orders.order import DeliveryStatus
from sandbox.run import serving
from sandbox.tests.harness import UNKNOWN_ID, Harness, ids_of, open_harness

TOPUP = "loyalty/iiko/customer/wallet/topup"


@pytest.fixture
def url(harness: Harness) -> Iterator[str]:
    """Serve the harness over a real connection, to see that connection reset."""
    server = make_server("127.0.0.1", 0, create_app(harness.simulator), threaded=True)
    with serving(server, poll_s=0.01):
        yield f"http://127.0.0.1:{server.server_port}/api/1"


def _customer(harness: Harness) -> Customer:
    return harness.simulator.loyalty.accounts(harness.restaurant("Берёзка")).customers[0]


def _topup(harness: Harness) -> dict[str, object]:
    return {
        "organizationId": harness.id_of("Берёзка"),
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
def test_connection_is_reset_before_the_effect_or_after(
    harness: Harness, url: str, fault: str, is_done: bool
) -> None:
    harness.control("faults", {"faults": f"{fault}=1"})
    headers = {"Authorization": f"Bearer {harness.token}"}

    with pytest.raises(requests.ConnectionError):
        requests.post(f"{url}/{TOPUP}", json=_topup(harness), headers=headers, timeout=5)

    assert len(_customer(harness).transactions) == int(is_done)


def test_slow_answer_comes_late(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    harness.control("faults", {"faults": "slow=1"})

    harness.get(TOPUP, _topup(harness))

    assert slept == [vendor_api.SLOW_S]


def test_fault_is_aimed_at_an_operation_and_so_many_times(harness: Harness) -> None:
    shown = harness.control("faults", {"faults": "http_500_after=1@loyalty/iiko/customer/walletx2, drop=0.5"})

    assert shown["in_words"] == "drop 0.5, http_500_after 1 at loyalty/iiko/customer/wallet 2 times"
    harness.get("organizations", {})
    assert [harness.ask(TOPUP, _topup(harness)).status_code for _ in range(3)] == [500, 500, 200]
    assert harness.show("faults") == shown


def test_faults_are_taken_back(harness: Harness) -> None:
    harness.control("faults", {"faults": "http_402=1"})

    assert harness.control("faults", {"faults": ""})["in_words"] == "none"

    harness.get("organizations", {})


@pytest.mark.parametrize(
    ("path", "body", "description"),
    [
        (
            *("faults", {"faults": "drop=2"}),
            "faults: drop must be a probability from 0 to 1, as in drop=0.1, not '2'.",
        ),
        (
            *("till", {"organization_id": UNKNOWN_ID, "online": False}),
            "organization_id: there is no such restaurant.",
        ),
        (
            *("till", {"terminal_group_id": UNKNOWN_ID, "online": False}),
            "terminal_group_id: this restaurant has no such group.",
        ),
        ("orders/forget", {"order_id": UNKNOWN_ID}, "order_id: there is no such order."),
    ],
)
def test_what_cannot_be_is_explained(harness: Harness, path: str, body: object, description: str) -> None:
    assert harness.control_refusal(path, body) == (400, description, None)


def test_webhooks_can_be_made_to_go_together(harness: Harness) -> None:
    harness.control("faults", {"faults": "batch=1"})
    for _ in range(3):
        harness.create_order("Берёзка")

    harness.run(2)

    assert len(json.loads(harness.deliveries[0].body)) >= 3


def test_clock_is_put_forward_and_the_scenario_run(harness: Harness) -> None:
    order = harness.create_order("Берёзка")

    shown = harness.control("clock", {"advance_s": 3600, "speed": 60})

    assert (shown["now"], shown["speed"]) == ("2026-03-14T14:42:08.051000+00:00", 60.0)
    assert harness.now_of(order).is_over or harness.now_of(order).error is not None


def test_order_is_created_at_once_and_listed(harness: Harness) -> None:
    mayak = harness.id_of("Маяк")

    info = harness.control("orders", {"organization_id": mayak})

    assert [order["id"] for order in harness.show("orders")["orders"]] == [info["id"]]
    harness.run(3)
    assert info["organizationId"] == mayak
    assert harness.events()[0]["eventInfo"]["id"] == info["id"]


def test_order_on_demand_changes_no_other() -> None:
    def sums(*, asks: bool) -> list[str]:
        harness = open_harness(rate=6)
        if asks:
            harness.control("orders", {})
        harness.run(120)
        return [str(each.sum) for each in harness.orders() if "-500001" not in str(each.external_number)]

    assert sums(asks=True) == sums(asks=False)


def test_sent_webhooks_are_listed_with_their_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/hook"
        harness = open_harness(rate=0, webhook_url=address)
        harness.control("orders", {})
        harness.run(3)
        sender, delivery = harness.simulator.sender, harness.deliveries[0]
        with requests.Session() as session:
            sender._post(session, delivery)
        sender.close()

    [sent] = harness.show("webhooks?limit=1")["webhooks"]

    assert (sent["url"], sent["what"], sent["status"]) == (address, delivery.title, None)
    assert sent["body"] == json.loads(delivery.body)
    assert sent["number"] == 1
    assert harness.show("webhooks?since=1") == {"webhooks": []}


def test_menu_names_what_can_be_ordered(harness: Harness) -> None:
    menus = harness.show("menu")["menus"]

    assert [each["organization_id"] for each in menus] == harness.all_ids()["organizationIds"]
    assert menus[0]["products"][0]["name"].startswith("Пицца")


def test_buttons_of_the_page_lead_back_to_it(harness: Harness) -> None:
    mayak = harness.restaurant("Маяк")
    forms = [
        ("orders", {"organization_id": str(mayak.id)}),
        ("till", {"organization_id": str(mayak.id), "online": "false"}),
        ("faults", {"faults": "drop=1"}),
        ("clock", {"advance_s": "60"}),
        ("events", {"event_type": "KitchenOrderUpdate"}),
    ]

    answers = [harness.client.post(f"/sandbox/{path}", data=data) for path, data in forms]
    page = harness.client.get("/").get_data(as_text=True)

    assert [(each.status_code, each.headers["Location"]) for each in answers] == [(303, "/")] * len(forms)
    assert harness.simulator.engine.is_online(mayak) is False
    for shown in ("drop=1", "нет связи", "<option>KitchenOrderUpdate</option>"):
        assert shown in page
    harness.client.post("/sandbox/faults", data={"faults": ""})
    assert str(harness.simulator.faults.faults) == "none"


def test_same_seed_makes_the_same_calls_fail() -> None:
    def ask() -> list[int]:
        harness = open_harness(rate=0, seed=5)
        harness.control("faults", {"faults": "http_500_before=0.5"})
        return [harness.ask("organizations", {}).status_code for _ in range(20)]

    assert ask() == ask()
    assert set(ask()) == {200, 500}


def test_states_of_orders_are_listed_from_a_number_on(harness: Harness) -> None:
    created = harness.control("orders", {"organization_id": harness.id_of("Берёзка")})
    harness.run_until(lambda: len(harness.show("orders/history")["states"]) >= 3)

    states, rest = (harness.show(f"orders/history?since={since}")["states"] for since in (0, 1))

    assert [state["number"] for state in states] == list(range(1, len(states) + 1))
    assert {state["id"] for state in states} == {created["id"]}
    assert [state["status"] for state in states[:2]] == [None, "Unconfirmed"]
    assert [state["timestamp"] for state in states] == sorted({state["timestamp"] for state in states})
    assert rest == states[1:]


def test_commands_are_listed_with_their_requests_and_ends(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.WAIT_COOKING)
    ids = ids_of(order)
    harness.command("change_comment", order, comment="без лука")
    harness.control("faults", {"faults": "http_500_after=1@deliveries/updatex1"})
    asked = {**ids, "employeeId": UNKNOWN_ID}
    assert harness.ask("deliveries/update_order_courier", asked).status_code == 500
    harness.run(2)

    listed = harness.show("commands")["commands"]

    assert [(one["operation"], one["body"], one["state"]) for one in listed] == [
        ("deliveries/change_comment", {**ids, "comment": "без лука"}, "Success"),
        ("deliveries/update_order_courier", asked, "Error"),
    ]


def test_calls_are_counted_by_their_answers(harness: Harness) -> None:
    harness.control("faults", {"faults": "http_429=1@organizationsx1"})
    for path in ("organizations", "organizations", "deliveries/by_id"):
        harness.ask(path, {})

    counted = harness.show("calls")

    answers = {"http_429": 1, "200": 1}
    assert counted["organizations"] == {"calls": 2, "busiest_minute": 2, "answers": answers}
    assert counted["deliveries/by_id"]["answers"] == {"400": 1}


def test_retrieval_is_limited_by_the_minute(harness: Harness) -> None:
    query = {**harness.all_ids(), "startRevision": harness.simulator.engine.revisions.last}

    statuses = [harness.ask("deliveries/by_revision", query).status_code for _ in range(14)]

    assert statuses == [200] * 12 + [429] * 2
    assert harness.ask("organizations", {}).status_code == 200


def test_forgotten_order_is_in_no_answer_and_no_webhook(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.COOKING_STARTED)
    harness.run(5)
    sent = len(harness.deliveries)
    assert len(harness.retrieved(order.id)) == 1

    harness.control("orders/forget", {"order_id": str(order.id)})

    harness.run(120)
    assert harness.retrieved(order.id) == []
    assert not any(str(order.id) in str(delivery.body) for delivery in harness.deliveries[sent:])


def test_one_terminal_group_is_disconnected(harness: Harness) -> None:
    cafe = next(each for each in harness.simulator.world.organizations if len(each.terminal_groups) > 1)
    first, *others = [str(group.id) for group in cafe.terminal_groups]
    group = {"organization_id": str(cafe.id), "terminal_group_id": first}
    query = {"organizationIds": [str(cafe.id)], "terminalGroupIds": [first, *others]}

    def alive() -> dict[str, bool]:
        statuses = harness.get("terminal_groups/is_alive", query)["isAliveStatus"]
        return {one["terminalGroupId"]: one["isAlive"] for one in statuses}

    harness.control("till", {**group, "online": False})
    assert alive() == {first: False, **dict.fromkeys(others, True)}
    harness.control("till", {**group, "online": True})
    assert alive() == dict.fromkeys([first, *others], True)


def test_slower_clock_holds_steps_that_are_under_way(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.COOKING_STARTED)

    harness.control("clock", {"speed": 0.01})
    harness.run(600)
    assert harness.now_of(order).status == DeliveryStatus.COOKING_STARTED

    harness.control("clock", {"speed": 20})
    harness.run(600)
    assert harness.now_of(order).status != DeliveryStatus.COOKING_STARTED
