"""The hall in the admin: what an operator sees, finds and may not see."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from hall.models import Reserve, TableOrder
from tests.builders import (
    CORRELATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    REVISION,
    arrive,
    banquet_order,
    cloud_event,
    make_organization,
    make_other_organization,
    make_terminal_group,
    product,
    reserve_event,
    table_order_event,
)
from tests.pages import EVENTS, RESERVES, TABLE_ORDERS, markup, rows, sign_in, sign_in_superuser, text
from webhooks.models.inbox import WebhookEvent

pytestmark = pytest.mark.django_db

ENGLISH = {"Accept-Language": "en"}
VIEW = ("hall.view_reserve", "hall.view_tableorder")


@pytest.fixture
def chief(client: Client) -> Client:
    sign_in_superuser(client)
    return client


def opened(client: Client, path: str) -> Any:
    response = client.get(path, headers=ENGLISH)
    assert response.status_code == 200
    return response


def table_page(client: Client) -> str:
    return text(opened(client, f"{TABLE_ORDERS}{TableOrder.objects.get().pk}/change/"))


def reserve_page(client: Client) -> str:
    return text(opened(client, f"{RESERVES}{Reserve.objects.get().pk}/change/"))


def test_lists_say_what_to_wait_for_when_they_are_empty(chief: Client) -> None:
    assert "Reserves appear once iiko sends its webhooks of them here." in text(opened(chief, RESERVES))
    assert "Table orders appear once iiko sends its webhooks of them here." in text(
        opened(chief, TABLE_ORDERS)
    )


def test_row_of_a_table_order_tells_the_most_important(chief: Client) -> None:
    make_organization()
    arrive(table_order_event(status="Bill", external_number="QR-7", sum=1351.5))

    (row,) = rows(opened(chief, TABLE_ORDERS))

    assert row == ("№57 QR-7 Bill 1,351.50 ₽ 6f81adc4 2 guests Соколова Вера 14 Mar 18:42 Кафе «Сирень»")


def test_row_of_a_reserve_tells_the_most_important(chief: Client) -> None:
    make_organization()
    arrive(reserve_event(status="Closed", cancelReason="ClientRefused"))

    (row,) = rows(opened(chief, RESERVES))

    assert row == (
        "20 Mar 19:00 2 h 30 min Closed Cancelled Мария Лунина +79030000011 6f81adc4 6 guests "
        "Банкет the guests refused Кафе «Сирень»"
    )


def test_unknown_status_and_reason_are_shown_as_iiko_wrote_them(chief: Client) -> None:
    make_organization()
    arrive(
        table_order_event(status="Teleported"), reserve_event(status="Closed", cancelReason="MoonInSaturn")
    )

    assert "? Teleported" in rows(opened(chief, TABLE_ORDERS))[0]
    assert "MoonInSaturn" in rows(opened(chief, RESERVES))[0]
    assert "iiko sent an unknown status: Teleported. It stays open here" in table_page(chief)
    assert "Cancelled. MoonInSaturn" in reserve_page(chief)


def test_error_is_told_in_words(chief: Client) -> None:
    make_organization()
    error = {"code": "TerminalGroupDisabled", "message": "Terminal group is disabled.", "description": None}
    arrive(
        table_order_event(event_type="TableOrderError", creation_status="Error", error_info=error, order=None)
    )

    page = table_page(chief)

    assert "Not accepted" in page
    assert "The POS did not take it. The restaurant's terminal group is switched off in iiko." in page
    assert "iiko has reported no items yet." in page


def test_refused_change_does_not_hide_the_order(chief: Client) -> None:
    make_organization()
    arrive(
        table_order_event(status="New"),
        table_order_event(timestamp=REVISION + 1, creation_status="Error", order=None),
    )

    (row,) = rows(opened(chief, TABLE_ORDERS))

    assert row.startswith("№57 New A change was not accepted")


def test_page_of_a_table_order_shows_items_sums_and_times(chief: Client) -> None:
    make_terminal_group(make_organization())
    arrive(
        table_order_event(
            status="Closed",
            sum=702.0,
            processedPaymentsSum=702.0,
            items=[product(amount=2.0, resultSum=702.0)],
            payments=[{"paymentType": {"name": "Карта", "kind": "Card"}, "sum": 702.0}],
            whenBillPrinted="2026-03-14 19:30:00.000",
            whenClosed="2026-03-14 19:40:00.000",
        )
    )

    page = table_page(chief)

    assert "Table order №57 Closed Amount 702.00 ₽ Waiter Соколова Вера Guests 2" in page
    assert "Restaurant Сирень, центр" in page
    # The state stands below the name on a phone and beside it elsewhere; one of the two is hidden.
    assert "Суп дня cooking 14 Mar 18:54 cooking 14 Mar 18:54 2 351.00 ₽ 351.00 ₽ 702.00 ₽" in page
    assert "Карта" in page
    assert "Карта card, paid 702.00 ₽ Nothing to collect, paid 702.00 ₽." in page
    assert "Opened 14 Mar 18:42:11 Bill printed 14 Mar 19:30:00 Closed 14 Mar 19:40:00" in page
    assert "Split between registers no" in page
    assert "Table 6f81adc4-e507-4293-b4a5-c6d7e8f90a1b" in page


def test_page_of_a_plain_reserve_has_no_bill_and_that_of_a_banquet_has(chief: Client) -> None:
    make_organization()
    arrive(reserve_event())
    assert "Payments" not in reserve_page(chief)

    arrive(reserve_event(timestamp=REVISION + 1, order=banquet_order(sum=45000.5)))

    page = reserve_page(chief)
    assert "Order amount, by iiko 45,000.50 ₽" in page
    assert "Expected 20 Mar 19:00 Duration 2 h 30 min Guests 6 Occasion Банкет" in page
    assert "Remind the staff yes" in page


def test_guest_is_masked_without_the_permission(client: Client) -> None:
    make_organization()
    arrive(reserve_event(), table_order_event(phone="+79030000022", tabName="Стол Ивановых"))
    sign_in(client, *VIEW)

    seen = [opened(client, RESERVES), opened(client, TABLE_ORDERS)]
    pages = [reserve_page(client), table_page(client)]

    for secret in ("Мария", "Лунина", "+79030000011", "детский стул", "+79030000022", "Ивановых"):
        assert not any(secret in one.content.decode() for one in seen)
        assert not any(secret in one for one in pages)
    assert "*** +7•••11" in rows(seen[0])[0]
    assert "The guest is masked. Names, phones, addresses and comments are open to those with" in pages[0]


def test_guest_is_shown_with_the_permission(client: Client) -> None:
    make_organization()
    arrive(reserve_event())
    sign_in(client, *VIEW, "hall.view_personal_data")

    page = reserve_page(client)

    assert "Name Мария Лунина Phone +79030000011" in page
    assert "Comment Нужен детский стул" in page
    assert "masked" not in page


@pytest.mark.parametrize(
    ("permission", "own", "foreign"),
    [("hall.view_reserve", RESERVES, TABLE_ORDERS), ("hall.view_tableorder", TABLE_ORDERS, RESERVES)],
)
def test_each_list_has_a_permission_of_its_own(
    client: Client, permission: str, own: str, foreign: str
) -> None:
    sign_in(client, permission)

    assert client.get(own).status_code == 200
    assert client.get(foreign).status_code == 403


@pytest.mark.parametrize("name", ["Dispatcher", "Operator", "Administrator"])
def test_groups_see_the_hall_and_its_guests(name: str) -> None:
    codenames = set(
        Group.objects.get(name=name)
        .permissions.filter(content_type__app_label="hall")
        .values_list("codename", flat=True)
    )

    assert codenames == {"view_reserve", "view_tableorder", "view_personal_data"}


@pytest.mark.parametrize("path", [RESERVES, TABLE_ORDERS])
def test_nothing_is_added_changed_or_deleted_by_hand(chief: Client, path: str) -> None:
    make_organization()
    arrive(reserve_event(), table_order_event())
    row = (Reserve if path == RESERVES else TableOrder).objects.get()

    assert chief.get(f"{path}add/").status_code == 403
    assert chief.post(f"{path}{row.pk}/change/", {"status": "Closed"}).status_code == 403
    assert chief.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert type(row).objects.get().status == "New"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=open", ["a"]),
        ("state=unknown", []),
        ("state=cancelled", ["b"]),
        ("state=deleted", ["c"]),
        ("state=nonsense", []),
        ("status=Closed", ["b"]),
        ("expected_from=20.03.2026&expected_to=20.03.2026", ["a"]),
        ("expected_from=21.03.2026", ["b", "c"]),
        (f"organization={OTHER_ORGANIZATION_ID}", ["c"]),
        ("q=%2B79030000011", ["a"]),
        ("q=8+903+000-00-11", ["a"]),
        ("q=SITE-7", ["b"]),
        ("q=c", ["c"]),
        ("q=nobody", []),
    ],
)
def test_reserves_are_narrowed(chief: Client, query: str, found: list[str]) -> None:
    make_organization()
    make_other_organization()
    arrive(
        reserve_event(order_id="a"),
        reserve_event(
            order_id="b",
            status="Closed",
            cancelReason="Other",
            external_number="SITE-7",
            phone=None,
            estimatedStartTime="2026-03-21 12:00:00.000",
        ),
    )
    arrive(
        reserve_event(
            order_id="c",
            phone=None,
            organization_id=OTHER_ORGANIZATION_ID,
            info={"isDeleted": True},
            estimatedStartTime="2026-03-22 12:00:00.000",
        ),
        token=OTHER_TOKEN,
    )

    response = opened(chief, f"{RESERVES}?{query}")

    pks = {str(row.pk): row.iiko_id for row in Reserve.objects.all()}
    shown = sorted(iiko_id for pk, iiko_id in pks.items() if f"{RESERVES}{pk}/change/" in markup(response))
    assert shown == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=open", ["№1", "№3"]),
        ("state=unknown", ["№3"]),
        ("state=refused", ["QR-4"]),
        ("status=Closed", ["№2"]),
        ("opened_from=14.03.2026+19:00", ["№2"]),
        ("q=№2", ["№2"]),
        ("q=QR-4", ["QR-4"]),
    ],
)
def test_table_orders_are_narrowed(chief: Client, query: str, found: list[str]) -> None:
    make_organization()
    arrive(
        table_order_event(order_id="1", number=1),
        table_order_event(order_id="2", number=2, status="Closed", whenCreated="2026-03-14 19:30:00.000"),
        table_order_event(order_id="3", number=3, status="Teleported"),
        table_order_event(order_id="4", creation_status="Error", order=None, external_number="QR-4"),
    )

    shown = sorted(row.split()[0] for row in rows(opened(chief, f"{TABLE_ORDERS}?{query}")))

    assert shown == found


@pytest.mark.parametrize("count", [2, 30])
@pytest.mark.parametrize("path", [RESERVES, TABLE_ORDERS])
def test_query_count_does_not_grow_with_rows(
    chief: Client, django_assert_num_queries: DjangoAssertNumQueries, path: str, count: int
) -> None:
    make_organization()
    for number in range(count):
        arrive(
            table_order_event(order_id=str(number))
            if path == TABLE_ORDERS
            else reserve_event(order_id=str(number))
        )

    # Session, user, savepoint, timeout, the zone of the date filter, restaurants, count, rows, release.
    with django_assert_num_queries(10) as captured:
        response = opened(chief, path)

    assert len(rows(response)) == count
    assert '"items"' not in " ".join(query["sql"] for query in captured.captured_queries)


def test_page_costs_the_same_whatever_happened(
    chief: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_terminal_group(make_organization())
    arrive(*(table_order_event(timestamp=REVISION + number) for number in range(20)))
    path = f"{TABLE_ORDERS}{TableOrder.objects.get().pk}/change/"

    opened(chief, path)

    # Session, user, row, terminal group, events.
    with django_assert_num_queries(5):
        opened(chief, path)


# --- events and rows -----------------------------------------------------------------------------------


def test_row_lists_its_events_with_what_each_told(chief: Client) -> None:
    make_organization()
    arrive(
        reserve_event(),
        reserve_event(timestamp=REVISION + 2, status="Started"),
        reserve_event(timestamp=REVISION + 1, status="Postponed"),
        reserve_event(order_id="another"),
        table_order_event(order_id="5e709cb3-d4f6-4182-a394-b5c6d7e8f90a"),
    )
    row = Reserve.objects.get(iiko_id="5e709cb3-d4f6-4182-a394-b5c6d7e8f90a")

    response = opened(chief, f"{RESERVES}{row.pk}/change/")

    page = text(response)
    events = list(WebhookEvent.objects.order_by("id")[:3])
    assert all(f"{EVENTS}{event.pk}/change/" in markup(response) for event in events)
    assert markup(response).count(f"{EVENTS}") == 3
    assert page.index(f"#{events[2].pk} Postponed outdated") < page.index(f"#{events[1].pk} Started applied")
    assert f"#{events[0].pk} New applied" in page


def test_events_are_hidden_from_those_who_may_not_see_them(client: Client) -> None:
    make_organization()
    arrive(reserve_event())
    sign_in(client, *VIEW)

    assert "ReserveUpdate" not in reserve_page(client)


@pytest.mark.parametrize(
    ("event", "model", "words"),
    [
        (table_order_event(), TableOrder, "table order #"),
        (reserve_event(), Reserve, "reserve #"),
    ],
)
def test_event_leads_to_its_row(chief: Client, event: dict[str, Any], model: type[Any], words: str) -> None:
    make_organization()
    arrive(event)
    row = model.objects.get()
    link = f'href="/admin/hall/{model._meta.model_name}/{row.pk}/change/"'

    listed = opened(chief, EVENTS)
    page = opened(chief, f"{EVENTS}{WebhookEvent.objects.get().pk}/change/")

    assert link in markup(listed)
    assert f"{words}{row.pk}" in rows(listed)[0]
    assert link in markup(page)


def test_event_names_its_row_without_a_link_to_those_who_may_not_see_it(client: Client) -> None:
    make_organization()
    arrive(reserve_event(external_number="SITE-7"))
    sign_in(client, "webhooks.view_webhookevent")

    listed = opened(client, EVENTS)
    page = opened(client, f"{EVENTS}{WebhookEvent.objects.get().pk}/change/")

    assert "/admin/hall/" not in markup(listed) + markup(page)
    assert "SITE-7" in rows(listed)[0]
    assert "Reserve SITE-7" in text(page)


def test_event_of_a_delivery_leads_to_no_reserve(chief: Client) -> None:
    make_organization()
    arrive(reserve_event(order_id="same"), cloud_event(order_id="same"))
    event = WebhookEvent.objects.get(event_type="DeliveryOrderUpdate")

    page = opened(chief, f"{EVENTS}{event.pk}/change/")

    assert "/admin/hall/" not in markup(page)
    assert event.correlation_id == CORRELATION_ID
