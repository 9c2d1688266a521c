"""Orders that were moved, reissued or split are one timeline, whichever of them says so."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from orders.mirror.relations import relatives_of
from orders.models.order import MergedOrder, Order
from organizations.models.organization import Organization
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    REVISION,
    authorized,
    cloud_event,
    drain,
    inbox,
    make_key,
    make_organization,
    make_other_organization,
    post,
    soi_message,
)
from tests.pages import ORDERS, markup, rows, sign_in, sign_in_superuser, text
from tests.simulated_iiko import linked

pytestmark = pytest.mark.django_db

A, B, C, D = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abcd")


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    make_organization()
    make_other_organization()
    with translation.override("en"):
        yield


def arrive(order_id: str, *, elsewhere: bool = False, **changes: Any) -> Order:
    """Receive an order, of the second restaurant where it is ``elsewhere``."""
    where: dict[str, Any] = {"organization_id": OTHER_ORGANIZATION_ID} if elsewhere else {}
    event = cloud_event(order_id=order_id, external_number=None, **where, **changes)
    post(Client(), event, **({"token": OTHER_TOKEN} if elsewhere else {}))
    drain()
    return Order.objects.get(iiko_order_id=order_id)


def moved_to(order_id: str, **more: Any) -> dict[str, Any]:
    return {"movedToDeliveryId": order_id, "status": "Cancelled"} | more


def related(order_id: str, key: str | None = None) -> list[tuple[str, str, str | None]]:
    """Relation, iiko's id and status of each relative, as the API tells them."""
    pk = Order.objects.get(iiko_order_id=order_id).pk
    answer = Client().get(f"/api/v1/orders/{pk}", headers=authorized(key or make_key()))
    return [(one["relation"], one["iiko_order_id"], one["status"]) for one in answer.json()["related_orders"]]


def test_api_tells_who_and_where_the_other_order_is() -> None:
    arrive(A, **moved_to(B, movedToOrganizationId=OTHER_ORGANIZATION_ID))
    new = arrive(B, elsewhere=True, number=77)
    pk = Order.objects.get(iiko_order_id=A).pk

    answer = Client().get(f"/api/v1/orders/{pk}", headers=authorized(make_key()))

    assert answer.json()["related_orders"] == [
        {
            "relation": "moved_to",
            "id": new.pk,
            "iiko_order_id": B,
            "organization_id": OTHER_ORGANIZATION_ID,
            "readable_number": "77",
            "status": "CookingStarted",
        }
    ]


@pytest.mark.parametrize("first", ["old", "new"])
@pytest.mark.parametrize("who", ["old", "new", "both"])
def test_either_side_may_name_the_other(who: str, first: str) -> None:
    old = moved_to(B) if who != "new" else {"status": "Cancelled"}
    new = {"movedFromDeliveryId": A} if who != "old" else {}
    for side in ("old", "new") if first == "old" else ("new", "old"):
        arrive(A, **old) if side == "old" else arrive(B, elsewhere=True, **new)

    assert related(A) == [("moved_to", B, "CookingStarted")]
    assert related(B) == [("moved_from", A, "Cancelled")]


def test_order_without_relatives_has_none() -> None:
    arrive(A)
    arrive(B)

    assert related(A) == []


def test_other_order_that_never_came_is_named_as_not_here() -> None:
    arrive(A, **moved_to(B, movedToOrganizationId=OTHER_ORGANIZATION_ID))
    pk = Order.objects.get().pk

    answer = Client().get(f"/api/v1/orders/{pk}", headers=authorized(make_key()))

    assert answer.json()["related_orders"] == [
        {
            "relation": "moved_to",
            "id": None,
            "iiko_order_id": B,
            "organization_id": OTHER_ORGANIZATION_ID,
            "readable_number": None,
            "status": None,
        }
    ]


def test_chain_is_told_from_each_of_its_ends() -> None:
    arrive(A, **moved_to(B))
    arrive(B, movedFromDeliveryId=A, **moved_to(C))
    arrive(C, elsewhere=True)

    assert related(A) == [("moved_to", B, "Cancelled"), ("moved_to", C, "CookingStarted")]
    assert related(B) == [("moved_from", A, "Cancelled"), ("moved_to", C, "CookingStarted")]
    assert related(C) == [("moved_from", B, "Cancelled"), ("moved_from", A, "Cancelled")]


def test_cycle_ends() -> None:
    arrive(A, **moved_to(B))
    arrive(B, **moved_to(C))
    arrive(C, **moved_to(A))

    assert sorted(related(A)) == [("moved_from", C, "Cancelled"), ("moved_to", B, "Cancelled")]


def test_order_that_names_itself_is_no_relative() -> None:
    arrive(A, **moved_to(A))

    assert related(A) == []


def test_split_orders_know_their_source_and_each_other() -> None:
    arrive(A)
    arrive(B, parentDeliveryId=A)
    arrive(C, parentDeliveryId=A)

    assert related(A) == [("split_into", B, "CookingStarted"), ("split_into", C, "CookingStarted")]
    assert related(B) == [("split_from", A, "CookingStarted"), ("related", C, "CookingStarted")]


def test_key_of_one_restaurant_learns_nothing_of_anothers_order() -> None:
    arrive(A, **moved_to(B))
    arrive(B, elsewhere=True, number=77, **moved_to(C))
    arrive(C)
    key = make_key(ORGANIZATION_ID)

    assert related(A, key) == [("moved_to", B, None)]
    # Only its neighbour in the other restaurant ties it to the first.
    assert related(C, key) == []


def test_long_timeline_is_cut() -> None:
    ids = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(40)]
    for this, following in pairwise(ids):
        arrive(this, **moved_to(following))

    assert len(related(ids[0])) == 10


def test_look_at_an_order_that_is_alone_is_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    order = arrive(A)

    with django_assert_num_queries(1):
        assert relatives_of(order, visible=Order.objects.all()) == []


def test_who_names_an_order_is_found_by_the_index() -> None:
    arrive(A, **moved_to(B))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM orders WHERE moved @> %s::jsonb", [f'{{"to_order_id": "{B}"}}']
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "orders_moved" in plan


# --- the page ----------------------------------------------------------------------------------------


def english(client: Client, order: Order) -> Any:
    return client.get(f"{ORDERS}{order.pk}/change/", headers={"accept-language": "en"})


def test_page_tells_both_orders_as_one_timeline(client: Client) -> None:
    sign_in_superuser(client)
    arrive(A, number=11, status="WaitCooking")
    old = arrive(A, number=11, timestamp=REVISION + 1000, **moved_to(B))
    new = arrive(B, elsewhere=True, number=77, timestamp=REVISION + 2000, status="OnWay")

    for page in (english(client, old), english(client, new)):
        told = text(page)
        timeline = told[told.index("One timeline") :]
        assert (
            timeline.index("№77 Бар «Клён»")
            < timeline.index("On the way")
            < timeline.index("№11 Кафе «Сирень»")
        )
        assert timeline.index("№11 Кафе «Сирень»") < timeline.index("Cancelled")
    assert "Moved on to №77 Бар «Клён» On the way" in text(english(client, old))
    assert f'href="{ORDERS}{new.pk}/change/"' in markup(english(client, old))
    assert "Moved here from №11" in text(english(client, new))
    assert f'href="{ORDERS}{old.pk}/change/"' in markup(english(client, new))


def test_page_of_an_order_alone_has_a_timeline(client: Client) -> None:
    sign_in_superuser(client)

    page = text(english(client, arrive(A)))

    assert "Timeline" in page
    assert "One timeline" not in page
    assert "Related orders" not in page


def test_page_says_that_the_other_order_is_not_here(client: Client) -> None:
    sign_in_superuser(client)

    page = text(english(client, arrive(A, **moved_to(B))))

    assert f"Moved on to not here {B}" in page


def test_cancelled_order_leads_to_the_one_that_replaced_it_and_says_it_once(client: Client) -> None:
    sign_in_superuser(client)
    arrive(A, number=11, status="WaitCooking")
    new = arrive(B, number=12)
    old = arrive(
        A, number=11, timestamp=REVISION + 1000, **moved_to(B, movedToOrganizationId=ORGANIZATION_ID)
    )

    page = text(english(client, old))

    assert "Replaced by №12 This order is cancelled" in page
    assert f'href="{ORDERS}{new.pk}/change/"' in markup(english(client, old))
    assert "Related orders" not in page
    assert "Take a" not in page
    assert "The order was replaced by №12. Ask the same of that one." in page
    assert page.count("Moved: — → became moved on to №12") + page.count("Moved: moved on to №12") == 1
    assert (A in page.split(" Ids ")[0], B in page) == (False, False)


def test_list_says_by_which_order_one_was_replaced(client: Client) -> None:
    sign_in_superuser(client)
    arrive(A, number=11, **moved_to(B))
    arrive(B, number=12)
    arrive(C, number=13, status="Cancelled")

    told = {row.split()[0]: row for row in rows(client.get(ORDERS, headers={"accept-language": "en"}))}

    assert "Cancelled replaced by №12" in told["№11"]
    assert "replaced" not in told["№12"] + told["№13"]


def test_action_on_a_replaced_order_is_refused_with_its_number(client: Client) -> None:
    linked(Organization.objects.get(iiko_id=ORGANIZATION_ID))
    arrive(B, number=12)
    old = arrive(A, number=11, **moved_to(B))

    answer = Client().post(
        f"/api/v1/orders/{old.pk}/cancel",
        data="{}",
        content_type="application/json",
        headers=authorized(make_key()) | {"accept-language": "en"},
    )

    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "order_cancelled"
    assert answer.json()["errors"][0]["detail"] == "The order was replaced by №12. Ask the same of that one."


def test_action_on_an_order_moved_elsewhere_does_not_ask_for_a_new_one() -> None:
    linked(Organization.objects.get(iiko_id=ORGANIZATION_ID))
    old = arrive(A, number=11, **moved_to(B))

    answer = Client().post(
        f"/api/v1/orders/{old.pk}/cancel",
        data="{}",
        content_type="application/json",
        headers=authorized(make_key()) | {"accept-language": "en"},
    )

    assert answer.json()["errors"][0]["detail"] == (
        "The order was moved on to another one, among its related orders. Ask the same of that one."
    )


def test_page_needs_the_permission_to_see_orders(client: Client) -> None:
    order = arrive(A, **moved_to(B))
    sign_in(client, "webhooks.view_webhookevent")

    assert client.get(f"{ORDERS}{order.pk}/change/").status_code == 403


# --- rows that turned out to be one order ------------------------------------------------------------


def joined() -> tuple[int, Order]:
    """Return the number of a row that was merged, and the order that survived."""
    post(Client(), cloud_event(order_id=A, external_number=None))
    post(Client(), soi_message(order_id=None, external_id="S-1"))
    drain()
    survivor, duplicate = Order.objects.order_by("pk")
    post(Client(), soi_message(order_id=A, external_id="S-1", orderStatus="ON_WAY"))
    drain()
    assert [order.pk for order in Order.objects.all()] == [survivor.pk]
    return duplicate.pk, survivor


def test_number_of_a_joined_row_leads_to_its_order(client: Client) -> None:
    former, order = joined()
    key = authorized(make_key())
    sign_in_superuser(client)

    answers = [Client().get(f"/api/v1/orders/{former}{path}", headers=key) for path in ("", "/timeline")]
    page = english(client, Order(pk=former))

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["id"] == order.pk
    assert answers[1].json()["count"] == order.timeline.count()
    assert (page.status_code, page.context["original"].pk) == (200, order.pk)


def test_number_of_a_joined_row_stays_out_of_anothers_scope() -> None:
    former, _order = joined()

    answer = Client().get(f"/api/v1/orders/{former}", headers=authorized(make_key(OTHER_ORGANIZATION_ID)))

    assert answer.status_code == 404


def test_numbers_are_followed_through_several_joins() -> None:
    former, order = joined()
    first = Order.objects.create(
        organization_id=ORGANIZATION_ID, external_order_id="E-9", updated_at="2026-03-14T00:00Z"
    )
    post(Client(), cloud_event(order_id=A, external_number="E-9", timestamp=REVISION + 9000))
    drain()

    assert sorted(MergedOrder.objects.values_list("pk", "order_id")) == [
        (former, order.pk),
        (first.pk, order.pk),
    ]
    assert {event.order_id for event in inbox()} == {order.pk}


def test_numbers_nobody_had_lead_nowhere() -> None:
    for pk in (123456, 2**70):
        assert Client().get(f"/api/v1/orders/{pk}", headers=authorized(make_key())).status_code == 404
