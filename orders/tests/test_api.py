"""``GET orders``: the public contract field by field, filters, pages, who may see what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.models.order import Order
from tests.builders import (
    COURIER_ID,
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    REVISION,
    TERMINAL_GROUP_ID,
    TOKEN,
    authorized,
    cloud_event,
    courier,
    drain,
    inbox,
    make_key,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
    product,
    soi_message,
)

pytestmark = pytest.mark.django_db

URL = "/api/v1/orders"

# The public contract (ARCHITECTURE.md, read 2026-11): tests of others rely on these names.
CONTRACT_LIST = [
    "id",
    "organization_id",
    "iiko_order_id",
    "external_order_id",
    "readable_number",
    "status",
    "raw_status",
    "creation_status",
    "error_info",
    "is_deleted",
    "order_type",
    "amount_minor",
    "currency",
    "promised_time",
    "courier_id",
    "courier_name",
    "external_courier_service_name",
    "tracking_link",
    "restaurant_name",
    "terminal_group_id",
    "problem",
    "comment",
    "cancel_cause",
    "cancel_comment",
    "revision",
    "is_late",
    "unknown_to_iiko_at",
    "pending_commands",
    "created_at",
    "updated_at",
]
CONTRACT_DETAIL = [*CONTRACT_LIST, "items", "payments", "discounts", "customer"]


@pytest.fixture
def key() -> str:
    """Two restaurants and a key to both."""
    make_terminal_group(make_organization())
    make_other_organization(token=TOKEN)
    return make_key()


def get(key: str, url: str = URL, **query: Any) -> Any:
    return Client().get(url, query, headers=authorized(key) | {"Accept-Language": "en"})


def deliver(*bodies: Any) -> None:
    for body in bodies:
        assert post(Client(), body).status_code == 200
    drain()
    assert {event.status for event in inbox()} == {"processed"}


def numbers(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["readable_number"] for row in response.json()["results"]]


# --- fields ------------------------------------------------------------------------------------------


def full_event() -> dict[str, Any]:
    return cloud_event(
        status="OnWay",
        courierInfo=courier(),
        problem={"hasProblem": True, "description": "Клиент не отвечает"},
        items=[product(amount=2.0, cost=702.0, resultSum=702.0), product(positionId="p2", price=949.0)],
        payments=[
            {
                "paymentType": {
                    "id": "09322f46-578a-d210-add7-eec222a08871",
                    "name": "Наличные",
                    "kind": "Cash",
                },
                "sum": 1651.0,
                "isPreliminary": True,
                "isExternal": False,
                "isProcessedExternally": False,
                "isFiscalizedExternally": False,
                "isPrepay": False,
            }
        ],
        discounts=[
            {
                "discountType": {"id": "51111111-2222-4333-8444-555555555555", "name": "Скидка 10%"},
                "sum": 183.45,
                "selectivePositions": None,
                "selectivePositionsWithSum": None,
            }
        ],
    )


def test_list_shows_every_field_of_the_contract(key: str) -> None:
    deliver([full_event()])
    order = Order.objects.get()

    (row,) = get(key).json()["results"]

    assert row == {
        "id": order.pk,
        "organization_id": ORGANIZATION_ID,
        "iiko_order_id": ORDER_ID,
        "external_order_id": "WEB-117",
        "readable_number": "142",
        "status": "OnWay",
        "raw_status": "OnWay",
        "creation_status": "Success",
        "error_info": None,
        "is_deleted": False,
        "order_type": "DELIVERY",
        "amount_minor": 165100,
        "currency": "RUB",
        "promised_time": "2026-03-14T14:40:00Z",
        "courier_id": COURIER_ID,
        "courier_name": "Орлова Вера",
        "external_courier_service_name": None,
        "tracking_link": None,
        "restaurant_name": "Сирень, центр",
        "terminal_group_id": TERMINAL_GROUP_ID,
        "problem": "Клиент не отвечает",
        "comment": "Без приборов",
        "cancel_cause": None,
        "cancel_comment": None,
        "revision": REVISION,
        "is_late": True,
        "unknown_to_iiko_at": None,
        "pending_commands": [],
        "created_at": order.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": order.updated_at.isoformat().replace("+00:00", "Z"),
    }
    assert list(row) == CONTRACT_LIST


def test_detail_shows_the_list_and_what_is_inside(key: str) -> None:
    deliver([full_event()])
    (row,) = get(key).json()["results"]

    detail = get(key, f"{URL}/{row['id']}").json()

    assert set(CONTRACT_DETAIL) <= set(detail)
    assert {name: detail[name] for name in CONTRACT_LIST} == row
    assert [(item["name"], item["amount"], item["result_minor"]) for item in detail["items"]] == [
        ("Суп дня", "2", 70200),
        ("Суп дня", "1", 35100),
    ]
    assert detail["payments"] == [
        {
            "type_id": "09322f46-578a-d210-add7-eec222a08871",
            "name": "Наличные",
            "kind": "Cash",
            "sum_minor": 165100,
            "is_preliminary": True,
            "is_external": False,
            "is_processed_externally": False,
            "is_fiscalized_externally": False,
            "is_prepay": False,
        }
    ]
    assert detail["discounts"] == [
        {"type_id": "51111111-2222-4333-8444-555555555555", "name": "Скидка 10%", "sum_minor": 18345}
    ]
    assert (detail["customer"]["name"], detail["customer"]["surname"]) == ("Мария", "Лунина")
    assert (detail["phone"], detail["address"]["street"], detail["address"]["house"]) == (
        "+79030000011",
        "Малышева",
        "12",
    )
    assert (detail["is_open"], detail["guests_count"], detail["is_asap"]) == (True, 1, False)
    assert detail["when_created"] == "2026-03-14T13:42:11.480000Z"
    assert detail["when_received_by_api"] == "2026-03-14T13:42:08.051000Z"
    assert "field_precedence" not in detail


def test_order_that_iiko_is_still_creating(key: str) -> None:
    deliver([cloud_event(order=None, creation_status="InProgress")])

    (row,) = get(key).json()["results"]

    assert row == row | {
        "iiko_order_id": ORDER_ID,
        "external_order_id": "WEB-117",
        "creation_status": "InProgress",
        "status": None,
        "raw_status": None,
        "amount_minor": None,
        "promised_time": None,
        "order_type": None,
        "is_late": False,
        "unknown_to_iiko_at": None,
        "restaurant_name": "Кафе «Сирень»",
    }


def test_order_that_iiko_refused(key: str) -> None:
    error = {"code": "OrderNotFound", "message": "Timeout", "description": None, "additionalData": None}
    deliver([cloud_event(order=None, creation_status="Error", error_info=error)])

    (row,) = get(key).json()["results"]

    assert (row["creation_status"], row["error_info"]) == ("Error", error)


def test_soi_order(key: str) -> None:
    deliver(soi_message(kind="CREATE", orderAmount=1520.5))

    (row,) = get(key).json()["results"]

    assert row == row | {
        "iiko_order_id": ORDER_ID,
        "external_order_id": "20260314-117",
        "readable_number": "117",
        "creation_status": "OK",
        "status": "CookingStarted",
        "raw_status": "COOKING_STARTED",
        "order_type": "DELIVERY",
        "amount_minor": 152050,
        "promised_time": "2026-03-14T14:40:00Z",
        "revision": None,
    }


def test_status_that_nobody_knows_is_shown_as_it_came(key: str) -> None:
    deliver([cloud_event(status="Teleported")])

    (row,) = get(key).json()["results"]

    assert (row["status"], row["raw_status"]) == (None, "Teleported")


def test_cancelled_order_says_why(key: str) -> None:
    cause = {"id": "2b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9", "name": "Отказ гостя"}
    cancelled = {"whenCancelled": "2026-03-14 19:00:00.000", "cause": cause, "comment": "передумал"}
    deliver([cloud_event(status="Cancelled", cancelInfo=cancelled)])

    (row,) = get(key).json()["results"]

    assert (row["cancel_cause"], row["cancel_comment"], row["is_late"]) == ("Отказ гостя", "передумал", False)


def test_currency_is_the_organizations(key: str) -> None:
    deliver([cloud_event()])
    type(Order.objects.get().organization).objects.update(currency="KZT")

    assert get(key).json()["results"][0]["currency"] == "KZT"


# --- list --------------------------------------------------------------------------------------------


def many(count: int, start: int = 0) -> None:
    deliver([cloud_event(order_id=f"o-{at}", number=at) for at in range(start, start + count)])


def test_list_is_newest_first_and_pages_link(key: str) -> None:
    many(5)

    first = get(key, limit=2).json()
    second = get(key, first["next"]).json()

    assert [row["readable_number"] for row in first["results"] + second["results"]] == ["4", "3", "2", "1"]
    assert (first["count"], second["count"]) == (5, 5)
    assert get(key, second["previous"]).json() == first


def queries(key: str, url: str = URL) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert get(key, url).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


def test_list_does_not_fetch_what_it_does_not_show(key: str) -> None:
    many(1)

    (statement,) = [sql for sql in queries(key) if 'FROM "orders"' in sql]

    heavy = ["items", "payments", "tips", "discounts", "customer", "address", "field_precedence", "loyalty"]
    assert [name for name in heavy if f'"{name}"' in statement] == []


def test_detail_takes_five_queries(key: str) -> None:
    many(1)
    url = f"{URL}/{Order.objects.get().pk}"
    queries(key, url)

    assert (
        len(queries(key, url)) == 5
    )  # the key, the order, its open commands, its terminal group, its relatives


def test_slash_at_the_end_does_not_matter(key: str) -> None:
    many(1)
    pk = Order.objects.get().pk
    urls = [URL, f"{URL}/{pk}", f"{URL}/{pk}/timeline"]

    answers = [get(key, url + slash).status_code for url in urls for slash in ("", "/")]

    assert answers == [200] * 6


@pytest.mark.parametrize("pk", ["0", "9" * 18, "9" * 19, "abc", "-1", ORDER_ID])
def test_order_that_is_not_there_is_404(key: str, pk: str) -> None:
    assert get(key, f"{URL}/{pk}").status_code == 404
    assert get(key, f"{URL}/{pk}/timeline").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_orders_cannot_be_written(key: str, method: str) -> None:
    many(1)
    before = Order.objects.values().get()

    for url in (URL, f"{URL}/{before['id']}", f"{URL}/{before['id']}/timeline"):
        response = Client().generic(method, url, b"{}", "application/json", headers=authorized(key))
        assert response.status_code == 405
    assert Order.objects.values().get() == before


# --- filters -----------------------------------------------------------------------------------------


@pytest.fixture
def evening(key: str) -> str:
    """Orders 1–6 as they might stand at one moment; returns a key to all of them."""
    pickup = {"id": "t", "name": "Самовывоз", "orderServiceType": "DeliveryByClient"}
    orders: list[dict[str, Any]] = [
        {"status": "WaitCooking"},
        {"status": "OnWay", "courierInfo": courier()},
        {"status": "Closed", "phone": "+79990000003", "orderType": pickup}
        | {"whenDelivered": "2026-03-14 19:45:00.000"},
        {"status": "Cancelled", "phone": "+79990000004"},
        {"organization_id": OTHER_ORGANIZATION_ID, "completeBefore": "2099-01-01 00:00:00.000"},
    ]
    for number, order in enumerate(orders, start=1):
        deliver(cloud_event(order_id=f"i-{number}", number=number, external_number=f"W-{number}", **order))
    deliver(soi_message(kind="CREATE", order_id="i-6", external_id="S-6", message={"readableNumber": "6"}))
    for number in range(1, 7):
        moment = datetime(2026, 3, 14, 10 + number, tzinfo=UTC)
        Order.objects.filter(readable_number=str(number)).update(updated_at=moment)
    return key


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "OnWay"}, "2"),
        ({"status": "ON_WAY"}, "2"),
        ({"status": "on-way"}, "2"),
        ({"status": "WAIT_COOKING"}, "1"),
        ({"status": "CookingStarted"}, "65"),
        ({"status": "Delivered"}, ""),
        ({"status": ""}, "654321"),
        ({"organization_id": OTHER_ORGANIZATION_ID}, "5"),
        ({"organization_id": "nobody"}, ""),
        ({"courier_id": COURIER_ID}, "2"),
        ({"order_type": "PICKUP"}, "3"),
        ({"order_type": "pickup"}, "3"),
        ({"order_type": "DELIVERY"}, "65421"),
        ({"external_order_id": "W-3"}, "3"),
        ({"external_order_id": "S-6"}, "6"),
        ({"iiko_order_id": "i-4"}, "4"),
        ({"readable_number": "5"}, "5"),
        ({"late": "true"}, "6321"),
        ({"late": "false"}, "54"),
        ({"open": "true"}, "6521"),
        ({"open": "false"}, "43"),
        ({"late": "True", "open": "1"}, "621"),
        ({"late": "0"}, "54"),
        ({"late": "", "open": ""}, "654321"),
        ({"updated_since": "2026-03-14T14:00:00Z"}, "456"),
        ({"updated_since": "2026-03-14T19:00:00+05:00"}, "456"),
        ({"search": "2"}, "2"),
        ({"search": "№2"}, "2"),
        ({"search": "# 2"}, "2"),
        ({"search": " W-4 "}, "4"),
        ({"search": "i-5"}, "5"),
        ({"search": "I-5"}, "5"),
        ({"search": "+79990000003"}, "3"),
        ({"search": "89990000003"}, "3"),
        ({"search": "8 (999) 000-00-03"}, "3"),
        ({"search": "79990000003"}, "3"),
        ({"search": "999"}, ""),
        ({"search": "%"}, ""),
        ({"search": ""}, "654321"),
        ({"status": "OnWay", "late": "true", "organization_id": ORGANIZATION_ID}, "2"),
        ({"status": "OnWay", "open": "false"}, ""),
    ],
    ids=str,
)
def test_filters(evening: str, query: dict[str, str], expected: str) -> None:
    assert numbers(get(evening, **query)) == list(expected)


def refusals(response: Any) -> dict[str, str]:
    assert response.status_code == 400, response.content
    body = response.json()
    assert body["type"] == "validation_error"
    return {error["attr"]: error["detail"] for error in body["errors"]}


def test_unknown_filter_is_refused_by_name(key: str) -> None:
    assert refusals(get(key, curier_id="x")) == {
        "curier_id": "No such filter. There are: courier_id, created_since, created_until, delivery_zone, "
        "external_order_id, iiko_order_id, late, open, order_type, ordering, organization_id, "
        "promised_since, promised_until, readable_number, search, source_key, status, terminal_group_id, "
        "updated_since."
    }


@pytest.mark.parametrize(
    "query",
    [
        {"status": "Teleported"},
        {"late": "maybe"},
        {"open": "2"},
        {"open": "yes please"},
        {"updated_since": "yesterday"},
        {"search": "a\0b"},
        {"courier_id": "\0"},
        {"order_type": "\0"},
    ],
    ids=str,
)
def test_bad_value_is_refused_by_name(key: str, query: dict[str, str]) -> None:
    assert list(refusals(get(key, **query))) == list(query)


def test_late_is_a_matter_of_now(key: str) -> None:
    soon = timezone.now() + timedelta(minutes=5)
    deliver([cloud_event()])
    Order.objects.update(promised_time=soon)
    assert (numbers(get(key, late="true")), get(key).json()["results"][0]["is_late"]) == ([], False)

    Order.objects.update(promised_time=soon - timedelta(minutes=6))

    assert (numbers(get(key, late="true")), get(key).json()["results"][0]["is_late"]) == (["142"], True)


@pytest.mark.parametrize("late", ["true", "false"])
def test_late_filter_agrees_with_the_field(evening: str, late: str) -> None:
    rows = get(evening, late=late).json()["results"]

    assert {row["is_late"] for row in rows} == {late == "true"}


# --- timeline ----------------------------------------------------------------------------------------


def test_timeline_tells_what_changed_and_which_event_brought_it(key: str) -> None:
    deliver([cloud_event(status="Waiting")])
    deliver([cloud_event(status="OnWay", timestamp=REVISION + 60_000, courierInfo=courier())])
    first, second = inbox()
    pk = Order.objects.get().pk

    body = get(key, f"{URL}/{pk}/timeline").json()

    assert (body["count"], body["next"], body["previous"]) == (len(body["results"]), None, None)
    status = [entry for entry in body["results"] if entry["what"] == "status"]
    assert [(entry["from_value"], entry["to_value"], entry["source_event_id"]) for entry in status][-1] == (
        "Waiting",
        "OnWay",
        second.pk,
    )
    assert status[-1] == {
        "id": status[-1]["id"],
        "what": "status",
        "from_value": "Waiting",
        "to_value": "OnWay",
        "happened_at": "2026-03-14T13:55:52.930000Z",
        "recorded_at": status[-1]["recorded_at"],
        "source_event_id": second.pk,
        "actor": "iiko",
    }
    assert {entry["source_event_id"] for entry in body["results"]} == {first.pk, second.pk}
    assert [entry["id"] for entry in body["results"]] == sorted(entry["id"] for entry in body["results"])


def test_timeline_comes_in_pages(key: str) -> None:
    for at, status in enumerate(["WaitCooking", "CookingStarted", "CookingCompleted", "Waiting", "OnWay"]):
        deliver([cloud_event(status=status, timestamp=REVISION + at)])
    url = f"{URL}/{Order.objects.get().pk}/timeline"
    whole = get(key, url).json()

    page = get(key, url, limit=2, skip=1).json()

    assert page["results"] == whole["results"][1:3]
    assert page["count"] == whole["count"]
    assert page["next"].endswith("timeline?limit=2&skip=3")


def test_timeline_takes_no_filters(key: str) -> None:
    many(1)

    assert "status" in refusals(get(key, f"{URL}/{Order.objects.get().pk}/timeline", status="OnWay"))


# --- who ---------------------------------------------------------------------------------------------


def test_without_key_is_401(key: str) -> None:
    many(1)
    pk = Order.objects.get().pk

    for url in (URL, f"{URL}/{pk}", f"{URL}/{pk}/timeline"):
        response = Client().get(url)
        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Api-Key")


def test_webhook_token_is_no_api_key(key: str) -> None:
    assert Client().get(URL, HTTP_AUTHORIZATION=TOKEN).status_code == 401
    assert Client().get(URL, HTTP_AUTHORIZATION=f"Api-Key {TOKEN}").status_code == 401


def test_key_sees_its_organizations_only(evening: str) -> None:
    narrow = make_key(OTHER_ORGANIZATION_ID)
    foreign = Order.objects.get(readable_number="1").pk
    own = Order.objects.get(readable_number="5").pk

    assert numbers(get(narrow)) == ["5"]
    assert get(narrow).json()["count"] == 1
    assert numbers(get(narrow, search="1")) == []
    assert numbers(get(narrow, organization_id=ORGANIZATION_ID)) == []
    answers = [
        get(narrow, f"{URL}/{pk}{inner}").status_code for pk in (own, foreign) for inner in ("", "/timeline")
    ]
    assert answers == [200, 200, 404, 404]


@pytest.mark.parametrize(
    ("permissions", "changes", "status"),
    [
        (["view_order"], {}, 200),
        ([], {"is_superuser": True}, 200),
        ([], {}, 403),
        (["view_webhookevent"], {}, 403),
        (["view_order"], {"is_staff": False}, 403),
    ],
)
def test_session_sees_what_the_admin_lets_it(
    client: Client, key: str, permissions: list[str], changes: dict[str, Any], status: int
) -> None:
    many(1)
    pk = Order.objects.get().pk
    user = User.objects.create_user("vera", password="x")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    User.objects.filter(pk=user.pk).update(**({"is_staff": True} | changes))
    client.force_login(user)

    answers = [client.get(url).status_code for url in (URL, f"{URL}/{pk}", f"{URL}/{pk}/timeline")]

    assert answers == [status] * 3


def test_ids_are_found_in_any_spelling_of_a_uuid(client: Client) -> None:
    make_organization()
    post(client, cloud_event())
    drain()
    key = make_key()

    for name, value in (("iiko_order_id", ORDER_ID), ("organization_id", ORGANIZATION_ID)):
        answer = client.get(f"/api/v1/orders?{name}={value.upper()}", headers=authorized(key))
        assert answer.json()["count"] == 1
