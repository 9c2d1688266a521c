"""What the action of docs/adding-an-action.md can do; ``test_docs_action`` runs it where it is added."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from orders.models.command import OrderCommand
from orders.models.order import Order
from tests.acting import QUEUED, SUCCESS, Acting, refused
from tests.builders import ORDER_ID, ORGANIZATION_ID
from tests.pages import ORDERS, markup, sign_in, text
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db

CALL = "deliveries/change_comment"
PERMISSIONS = ("orders.view_order", "orders.change_order_comment", "loyalty.view_personal_data")


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    return Acting(iiko)


def page_of(order: Order) -> str:
    return f"{ORDERS}{order.pk}/ask/comment/"


def send(client: Client, order: Order, **fields: str) -> Any:
    key = client.get(page_of(order)).context["form"]["key"].value()
    return client.post(page_of(order), {"key": key} | fields, follow=True)


def test_it_is_asked_sent_and_confirmed(acting: Acting) -> None:
    acting.has(status="OnWay")
    acting.iiko.answers(CALL, QUEUED)
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="OnWay", comment="Ring at the gate")

    command = acting.asked("change-comment", {"comment": "Ring at the gate"})
    acting.step(command)
    sent = acting.body(CALL)
    acting.step_when_due(command)

    assert sent == {"organizationId": ORGANIZATION_ID, "orderId": ORDER_ID, "comment": "Ring at the gate"}
    assert (command.kind, command.state, command.confirmed_by) == ("change_comment", "confirmed", "status")
    assert command.params == {"comment": "Ring at the gate"}


def test_lost_answer_is_found_in_the_order(acting: Acting) -> None:
    acting.has(status="OnWay")
    acting.iiko.answers(CALL, status=500)
    command = acting.asked("change-comment", {"comment": "Ring at the gate"})
    acting.step(command)

    acting.has(status="OnWay", comment="Ring at the gate")

    command.refresh_from_db()
    assert (command.state, command.confirmed_by) == ("confirmed", "event")


def test_it_is_refused_with_its_reason(acting: Acting) -> None:
    acting.has(status="OnWay", comment="Ring at the gate")

    assert refused(acting.ask("change-comment", {"comment": "Ring at the gate"})) == (409, "already_so")
    assert acting.ask("change-comment", {"text": "x"}).status_code == 422


def test_it_is_described_with_its_refusals_only() -> None:
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, format="openapi-json", stdout=out)
    described = json.loads(out.getvalue())["paths"]["/api/v1/orders/{id}/change-comment"]["post"]

    shown = described["responses"]["409"]["content"]["application/json"]["examples"].values()
    texts = {one["value"]["errors"][0]["detail"] for one in shown}

    assert described["summary"] == "Change the comment"
    assert "The order has this comment already." in texts
    assert "This courier has the order already." not in texts


def test_order_says_whether_it_may_be_asked(acting: Acting) -> None:
    order = acting.has(status="OnWay")

    [offer] = [
        one
        for one in acting.get(f"orders/{order.pk}")["allowed_actions"]
        if one["action"] == "change-comment"
    ]

    assert offer["allowed"] is True


def test_person_with_the_permission_asks_on_a_page_of_its_own(acting: Acting, client: Client) -> None:
    order = acting.has(status="OnWay")
    sign_in(client, *PERMISSIONS)
    client.cookies["django_language"] = "en"

    assert f'href="{page_of(order)}"' in markup(client.get(f"{ORDERS}{order.pk}/change/"))
    response = send(client, order, comment="Ring at the gate")

    assert "Requested: Change the comment – Ring at the gate." in text(response)
    assert OrderCommand.objects.get().requested_by == "operator"


def test_person_asks_for_many_orders_and_asks_again(acting: Acting, client: Client) -> None:
    order = acting.has(status="OnWay")
    sign_in(client, *PERMISSIONS)

    chosen = {"action": "change_comment", "_selected_action": [order.pk]}
    assert "Change the comment" in text(client.post(ORDERS, chosen))

    send(client, order, comment="Ring at the gate")
    OrderCommand.objects.update(state="rejected", finished_at=order.updated_at)
    client.post(f"/admin/orders/ordercommand/{OrderCommand.objects.get().pk}/retry/")

    assert [one.params for one in OrderCommand.objects.all()] == [{"comment": "Ring at the gate"}] * 2


def test_person_without_it_may_not(acting: Acting, client: Client) -> None:
    order = acting.has(status="OnWay")
    sign_in(client, "orders.view_order", "orders.cancel_order")

    assert page_of(order) not in markup(client.get(f"{ORDERS}{order.pk}/change/"))
    assert client.get(page_of(order)).status_code == 403
