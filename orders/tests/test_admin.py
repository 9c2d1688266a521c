"""The mirror in the admin: what an operator reads in it, and that nothing there can be changed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from django.utils.http import urlencode
from pytest_django import DjangoAssertNumQueries

from core.admin import base
from orders.models.order import Order, Status, TimelineEntry
from organizations.models.organization import Organization
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    REVISION,
    cloud_event,
    courier,
    drain,
    make_organization,
    make_other_organization,
    post,
    product,
    soi_message,
)
from tests.pages import ORDERS, markup, rows, sign_in, sign_in_superuser, text

pytestmark = pytest.mark.django_db

CSS = Path(settings.BASE_DIR) / "iikohub" / "static" / "iikohub" / "admin.css"


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def chief(client: Client) -> Client:
    sign_in_superuser(client)
    return client


def arrive(*messages: object) -> Order:
    """Bring messages in by the webhook and return the newest order."""
    for message in messages:
        post(Client(), [message] if isinstance(message, dict) and "eventType" in message else message)
    drain()
    return Order.objects.order_by("-id")[0]


def page_of(client: Client, order: Order) -> str:
    return text(client.get(f"{ORDERS}{order.pk}/change/"))


def local(moment: datetime) -> str:
    """As iiko writes it, on the clock of Yekaterinburg."""
    return f"{moment + timedelta(hours=5):%Y-%m-%d %H:%M:%S}.000"


@pytest.mark.usefixtures("organization")
class TestList:
    def test_row_tells_an_order_in_the_restaurants_words_and_time(self, chief: Client) -> None:
        arrive(cloud_event(status="OnWay", courierInfo=courier(), whenDelivered="2026-03-14 19:30:00.000"))

        (row,) = rows(chief.get(ORDERS))

        assert row.startswith("№142 WEB-117 В пути 14 мар")
        assert "19:40 доставка 1 651,00 ₽ Орлова Вера Кафе «Сирень»" in row
        assert row.endswith(" с назад")

    def test_promised_time_is_the_restaurants_whatever_zone_the_server_keeps(self, chief: Client) -> None:
        make_other_organization(timezone="Asia/Vladivostok")
        arrive(cloud_event(completeBefore="2026-03-14 19:40:00.000"))
        far = cloud_event(
            organization_id=OTHER_ORGANIZATION_ID, order_id="far", completeBefore="2026-03-14 23:15:00.000"
        )
        post(Client(), [far], token="token-of-the-second-restaurant")
        drain()

        far_row, near_row = rows(chief.get(ORDERS))

        assert "23:15" in far_row
        assert "19:40" in near_row
        assert Order.objects.get(iiko_order_id="far").promised_time == datetime(
            2026, 3, 14, 13, 15, tzinfo=UTC
        )

    @pytest.mark.parametrize("status", Status.values)
    def test_every_status_has_a_name_and_a_colour(self, chief: Client, status: str) -> None:
        arrive(cloud_event(status=status))

        page = markup(chief.get(ORDERS))

        assert f'hub-badge--{status}">{Status(status).label}</span>' in page
        assert f".hub-badge--{status} {{" in CSS.read_text()

    def test_unknown_status_is_shown_as_it_was_sent(self, chief: Client) -> None:
        order = arrive(cloud_event(status="<b>OnTheMoon</b>"))

        page = markup(chief.get(f"{ORDERS}?state=unknown"))

        assert "? &lt;b&gt;OnTheMoon&lt;/b&gt;" in page
        assert "iiko прислала неизвестный статус: <b>OnTheMoon</b>" in page_of(chief, order)

    def test_refused_and_travelling_orders_say_so(self, chief: Client) -> None:
        arrive(
            cloud_event(order_id="sending", external_number="W-1", creation_status="InProgress", order=None),
            cloud_event(
                event_type="DeliveryOrderError",
                order_id="refused",
                external_number="W-2",
                creation_status="Error",
                error_info={"code": "ProductNotFound", "message": "Product is not found on the terminal."},
                order=None,
            ),
        )

        sending, refused = sorted(rows(chief.get(ORDERS)))

        assert sending.startswith("W-1 Передаётся")
        assert refused.startswith("W-2 Не принят")
        assert [row[:3] for row in rows(chief.get(f"{ORDERS}?state=refused"))] == ["W-2"]
        assert [row[:3] for row in rows(chief.get(f"{ORDERS}?state=sending"))] == ["W-1"]

    def test_lateness_is_told_with_its_length(self, chief: Client) -> None:
        now = timezone.now()
        open_late = cloud_event(order_id="late", number=1, completeBefore=local(now - timedelta(minutes=12)))
        was_late = cloud_event(
            order_id="was-late",
            number=2,
            status="Closed",
            completeBefore="2026-03-14 19:00:00.000",
            whenDelivered="2026-03-14 19:31:00.000",
        )
        in_time = cloud_event(order_id="in-time", number=3, completeBefore=local(now + timedelta(hours=1)))
        arrive(open_late, was_late, in_time)

        told = {row.split()[0]: row for row in rows(chief.get(ORDERS))}

        assert "опаздывает на 12 мин" in told["№1"]
        assert "опоздал на 31 мин" in told["№2"]
        assert "опаз" not in told["№3"]
        assert len(rows(chief.get(f"{ORDERS}?state=late_now"))) == 1
        assert len(rows(chief.get(f"{ORDERS}?state=late"))) == 2

    def test_empty_list_says_what_to_wait_for(self, chief: Client) -> None:
        assert "Заказы появятся сами, когда iiko начнёт присылать сюда вебхуки." in text(chief.get(ORDERS))

    @pytest.mark.parametrize(
        "parameter",
        ["state", "status", "organization", "type", "courier", "promised_from", "created_to", "q", "o", "p"],
    )
    @pytest.mark.parametrize("value", ["\0", "a\0b", "9" * 40, "-1", "%s", "\ud800", "[]"])
    def test_no_address_breaks_the_list(self, chief: Client, parameter: str, value: str) -> None:
        arrive(cloud_event())

        response = chief.get(
            f"{ORDERS}?{urlencode({parameter: value.encode('utf-8', 'surrogatepass')})}", follow=True
        )

        assert response.status_code == 200

    def test_empty_answer_offers_to_reset(self, chief: Client) -> None:
        arrive(cloud_event())

        page = text(chief.get(f"{ORDERS}?q=nothing-such"))

        assert "Ничего не найдено" in page
        assert "Сбросить фильтры" in page


@pytest.mark.usefixtures("organization")
class TestFinding:
    @pytest.mark.parametrize(
        "words",
        [
            *(
                "142",
                "№142",
                " #142 ",
                "WEB-117",
                ORDER_ID,
                ORDER_ID.upper(),
                "+79030000011",
                "8 903 000-00-11",
            ),
            *("14", "WEB-11"),
        ],
    )
    def test_order_is_found_by(self, chief: Client, words: str) -> None:
        arrive(
            cloud_event(),
            cloud_event(order_id="other", external_number="W-9", number=9, phone="+79030000099"),
        )

        assert len(rows(chief.get(ORDERS, {"q": words}))) == 1

    @pytest.mark.parametrize("words", ["%", "' OR 1=1 --", "\\", "a" * 5000, "‮"])
    def test_nonsense_finds_nothing(self, chief: Client, words: str) -> None:
        arrive(cloud_event())

        response = chief.get(ORDERS, {"q": words})

        assert response.status_code == 200
        assert rows(response) == []

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ("state=open", {"№1", "№2", "№3"}),
            ("status=OnWay", {"№1"}),
            ("type=PICKUP", {"№2"}),
            ("courier=7d8e9fa0-b1c2-4d3e-8f40-516273849500", {"№1"}),
            ("state=problem", {"№3"}),
            (f"organization={ORGANIZATION_ID}", {"№1", "№2", "№3", "№4"}),
            ("organization=nobody", set()),
            ("state=nonsense", set()),
            ("status=Closed&state=open", set()),
        ],
    )
    def test_filters(self, chief: Client, query: str, numbers: set[str]) -> None:
        pickup = {"id": "p", "name": "Самовывоз", "orderServiceType": "DeliveryByClient"}
        arrive(
            cloud_event(order_id="1", number=1, external_number="", status="OnWay", courierInfo=courier()),
            cloud_event(order_id="2", number=2, external_number="", orderType=pickup),
            cloud_event(
                order_id="3", number=3, external_number="", problem={"hasProblem": True, "description": None}
            ),
            cloud_event(order_id="4", number=4, external_number="", status="Closed"),
        )

        assert {row.split()[0] for row in rows(chief.get(f"{ORDERS}?{query}"))} == numbers

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("promised_from=14.03.2026&promised_to=14.03.2026", 1),
            ("promised_from=2026-03-14T19:40&promised_to=2026-03-14T19:40", 1),
            ("promised_from=14.03.2026 19:41", 0),
            ("promised_to=2026-03-14", 1),
            ("promised_to=13.03.2026", 0),
            ("promised_from=15.03.2026", 0),
        ],
    )
    def test_dates_are_read_as_written_in_russia_on_the_restaurants_clock(
        self, chief: Client, query: str, count: int
    ) -> None:
        arrive(cloud_event(completeBefore="2026-03-14 19:40:00.000"))

        response = chief.get(f"{ORDERS}?{query}")

        assert len(rows(response)) == count
        assert "Обещан (Asia/Yekaterinburg)" in text(response)

    def test_first_seen_today(self, chief: Client) -> None:
        arrive(cloud_event())
        today = timezone.now().astimezone(Organization.objects.get().zone())
        tomorrow = today + timedelta(days=1)

        assert (
            len(rows(chief.get(f"{ORDERS}?created_from={today:%d.%m.%Y}&created_to={today:%d.%m.%Y}"))) == 1
        )
        assert len(rows(chief.get(f"{ORDERS}?created_from={tomorrow:%d.%m.%Y}"))) == 0

    @pytest.mark.parametrize("date", ["soon", "31.02.2026", "99999-01-01", "14.03.0001", "<script>"])
    def test_text_that_is_no_date_is_told_and_shows_nothing(self, chief: Client, date: str) -> None:
        arrive(cloud_event())

        response = chief.get(ORDERS, {"promised_from": date})

        assert rows(response) == []
        assert f"«{date}» — не дата. Напишите 31.12.2026 или 31.12.2026 18:00." in text(response)
        assert "<script>»" not in response.content.decode()

    @pytest.mark.parametrize("unknown", ["nothing", "phone__icontains"])
    def test_parameter_of_no_filter_is_refused(self, chief: Client, unknown: str) -> None:
        assert chief.get(ORDERS, {unknown: "9"}).status_code == 400


@pytest.mark.usefixtures("organization")
class TestScale:
    @pytest.mark.parametrize("orders", [3, 40])
    def test_query_count_does_not_grow_with_rows(
        self, chief: Client, django_assert_num_queries: DjangoAssertNumQueries, orders: int
    ) -> None:
        arrive([cloud_event(order_id=f"order-{n}", number=n, courierInfo=courier()) for n in range(orders)])

        # Session, user, savepoint, timeout, restaurants' zone twice (two date filters), restaurants and
        # couriers to choose from, count, rows, release.
        with django_assert_num_queries(13):
            response = chief.get(ORDERS)

        assert len(rows(response)) == orders

    def test_count_stops_at_its_limit(self, chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(base, "COUNT_UP_TO", 5)
        arrive([cloud_event(order_id=f"order-{n}", number=n) for n in range(7)])

        assert "Всего: больше 5" in text(chief.get(ORDERS))

    def test_rows_leave_what_is_only_on_the_page(
        self, chief: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        arrive(cloud_event())

        with django_assert_num_queries(13) as captured:
            chief.get(ORDERS)

        told = " ".join(query["sql"] for query in captured.captured_queries)
        assert '"orders"."items"' not in told
        assert '"orders"."customer"' not in told

    def test_list_that_takes_too_long_is_stopped(
        self, chief: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arrive(cloud_event())
        slow = Order.objects.extra(where=["pg_sleep(3) IS NOT NULL"])
        monkeypatch.setattr(base, "PATIENCE_S", 0.2)
        monkeypatch.setattr("orders.models.order.OrderQuerySet.open", lambda _orders: slow)

        response = chief.get(f"{ORDERS}?state=open")

        assert response.status_code == 302
        assert response["Location"] == ORDERS

    def test_facets_that_would_count_everything_are_off(self, chief: Client) -> None:
        arrive(cloud_event())

        assert "Показать счётчики" not in text(chief.get(f"{ORDERS}?_facets=True"))


@pytest.mark.usefixtures("organization")
class TestPage:
    def test_timeline_tells_one_order_in_the_singular(self, chief: Client) -> None:
        order = arrive(cloud_event(creation_status="InProgress", order=None))

        page = page_of(chief, order)

        assert "Создание: передаётся на кассу" in page

    def test_lines_with_modifiers_halves_and_what_was_deleted(self, chief: Client) -> None:
        half = {
            "product": {"id": "h1", "name": "Половинка «Лес»"},
            "price": 300.0,
            "resultSum": 300.0,
            "modifiers": [],
        }
        other = {
            "product": {"id": "h2", "name": "Половинка «Море»"},
            "price": 350.5,
            "resultSum": 350.5,
            "modifiers": [],
        }
        order = arrive(
            cloud_event(
                items=[
                    product(
                        amount=2.0,
                        price=450.0,
                        resultSum=990.0,
                        size={"id": "s", "name": "30 см"},
                        comment="без лука",
                        modifiers=[
                            {
                                "product": {"id": "m", "name": "Сыр"},
                                "amount": 2.0,
                                "price": 45.0,
                                "resultSum": 90.0,
                            }
                        ],
                    ),
                    {
                        "type": "Compound",
                        "status": "Added",
                        "amount": 1.0,
                        "template": {"id": "t", "name": "Пополам"},
                        "primaryComponent": half,
                        "secondaryComponent": other,
                        "commonModifiers": [],
                    },
                    product(
                        product={"id": "d", "name": "Чай"},
                        deleted={"deletionMethod": {"comment": "Гость передумал"}},
                    ),
                ]
            )
        )

        page = page_of(chief, order)

        assert "Суп дня 30 см «без лука» Сыр × 2 · 90,00 ₽" in page
        assert "готовится 14 мар 18:54" in page or "готовится 14 мар 2026 18:54" in page
        assert "2 450,00 ₽ 450,00 ₽ 990,00 ₽" in page  # the price twice: once for phones
        assert "Пополам Половинка «Лес» · 300,00 ₽ Половинка «Море» · 350,50 ₽" in page
        assert "650,50 ₽" in page
        assert "Чай удалено: Гость передумал" in page
        assert '<span class="hub-deleted">Чай</span>' in markup(chief.get(f"{ORDERS}{order.pk}/change/"))

    def test_money_people_and_place(self, chief: Client) -> None:
        payment = {
            "paymentType": {"id": "c", "name": "Картой онлайн", "kind": "Card"},
            "sum": 1651.0,
            "isPrepay": True,
            "isPreliminary": True,
            "isProcessedExternally": True,
        }
        tips = {"paymentType": {"id": "t", "name": "Чаевые", "kind": "Cash"}, "sum": 50.0}
        discount = {"discountType": {"id": "d", "name": "Скидка дня"}, "sum": 165.1}
        order = arrive(
            cloud_event(payments=[payment], tips=[tips], discounts=[discount], processedPaymentsSum=100.0)
        )

        page = page_of(chief, order)

        assert "Картой онлайн карта, предоплата 1 651,00 ₽" in page
        assert "Скидка Скидка дня 165,10 ₽" in page
        assert "Чаевые Чаевые, наличные, ещё не оплачено 50,00 ₽" in page
        settled = "Получать нечего, оплачено 1 651,00 ₽, из них касса ещё не провела 1 551,00 ₽."
        assert settled in page
        assert "Имя Мария Лунина Телефон +79030000011 Адрес Екатеринбург, Малышева, 12, кв. 7" in page
        assert "Комментарий Без приборов" in page

    def test_problem_without_words_is_a_problem(self, chief: Client) -> None:
        order = arrive(cloud_event(problem={"hasProblem": True, "description": None}))

        assert "Проблема. iiko отметила проблему без описания." in page_of(chief, order)

    def test_cancellation_tells_cause_and_comment(self, chief: Client) -> None:
        cancel = {
            "whenCancelled": "2026-03-14 19:00:00.000",
            "cause": {"id": "c", "name": "Дубль"},
            "comment": "Звонил",
        }
        order = arrive(cloud_event(status="Cancelled", cancelInfo=cancel))

        assert "Отменён. Дубль. Звонил" in page_of(chief, order)

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (
                {"code": "ProductNotFound", "message": "Product is not found on the terminal."},
                "Касса не знает одного из блюд заказа. Product is not found on the terminal.",
            ),
            (
                {"code": "Common", "message": "Creation timeout expired, order automatically transited"},
                "Касса не ответила вовремя: возможно, она выключена или не на связи. Creation timeout",
            ),
            ({"code": "NeverHeardOf", "message": None, "description": "Bad luck"}, "Bad luck (NeverHeardOf)"),
            ("plain words", "plain words"),
        ],
    )
    def test_creation_error_is_told_in_words(self, chief: Client, error: object, words: str) -> None:
        event = cloud_event(
            event_type="DeliveryOrderError", creation_status="Error", error_info=error, order=None
        )

        order = arrive(event)

        assert f"Касса не приняла заказ. {words}" in page_of(chief, order)

    def test_order_that_the_pos_has_not_taken_says_what_is_missing(self, chief: Client) -> None:
        order = arrive(cloud_event(creation_status="InProgress", order=None))

        page = page_of(chief, order)

        assert "iiko ещё не сообщила состав. Он приходит, когда касса примет заказ." in page
        assert "iiko пока ничего не сообщила об оплате." in page
        assert "iiko не сообщила, для кого заказ." in page

    @pytest.mark.parametrize(
        ("message", "words"),
        [
            (cloud_event(payments=[]), "Оплата не указана."),
            (soi_message(), "iiko пока ничего не сообщила об оплате."),
        ],
        ids=["cloud", "soi"],
    )
    def test_payments_that_nobody_told_are_not_shown_as_none(
        self, chief: Client, message: dict[str, Any], words: str
    ) -> None:
        assert words in page_of(chief, arrive(message))

    def test_timeline_leads_from_each_change_to_its_event(self, chief: Client) -> None:
        order = arrive(
            cloud_event(status="Waiting", courierInfo=courier(name="Первая")),
            cloud_event(
                status="OnWay",
                courierInfo=courier(name="Вторая"),
                completeBefore="2026-03-14 20:10:00.000",
                sum=1700.0,
                items=[product(status="Served"), product(product={"id": "n", "name": "Морс"})],
                timestamp=REVISION + 1,
                event_time="2026-03-14 14:00:00.000",
            ),
        )

        page = page_of(chief, order)
        events = list(order.events.order_by("id").values_list("pk", flat=True))

        assert f"18:54:52 iiko событие {events[1]} Статус: Ждёт отправки → стало В пути" in page
        assert "Курьер: Первая → стало Вторая" in page
        assert "19:40 → стало 14 мар" in page
        assert "Сумма: 1 651,00 ₽ → стало 1 700,00 ₽" in page
        assert "Состав: подано: Суп дня; добавлено: Морс" in page
        assert f"событие {events[0]} Создание: принят Статус: Ждёт отправки Курьер: Первая" in page
        for event in events:
            assert f'href="/admin/webhooks/webhookevent/{event}/change/"' in markup(
                chief.get(f"{ORDERS}{order.pk}/change/")
            )

    def test_timeline_of_an_older_hub_is_shown_as_it_is(self, chief: Client) -> None:
        order = arrive(cloud_event())
        TimelineEntry.objects.create(
            order=order,
            what="amount_minor",
            from_value="a lot",
            to_value={"x": 1},
            recorded_at=timezone.now(),
        )
        TimelineEntry.objects.create(
            order=order, what="never_heard_of", from_value=None, to_value=[1], recorded_at=timezone.now()
        )

        page = page_of(chief, order)

        assert "Сумма: a lot → стало {'x': 1}" in page
        assert "never_heard_of: [1]" in page

    def test_events_behind_it_are_listed_with_how_they_ended(self, chief: Client) -> None:
        order = arrive(cloud_event(), cloud_event(), cloud_event(status="Closed", timestamp=REVISION - 1))

        page = page_of(chief, order)

        assert "устарело раньше пришло более новое" in page
        assert "применено 1" in page

    def test_soi_order_has_its_page(self, chief: Client) -> None:
        order = arrive(soi_message(problem=""))

        page = page_of(chief, order)

        assert "№117" in page or "№51" in page
        assert "Готовится" in page

    def test_words_of_others_are_escaped(self, chief: Client) -> None:
        evil = "<script>alert(1)</script>"
        order = arrive(
            cloud_event(
                external_number=evil,
                comment=evil,
                courierInfo=courier(name=evil),
                items=[product(product={"id": "x", "name": evil}, comment=evil)],
                problem={"hasProblem": True, "description": evil},
            )
        )

        for page in (ORDERS, f"{ORDERS}{order.pk}/change/"):
            shown = chief.get(page).content.decode()
            assert evil not in shown
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown

    def test_query_count_is_bounded(
        self, chief: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        messages = [
            cloud_event(status=status, timestamp=REVISION + n) for n, status in enumerate(Status.values)
        ]
        order = arrive(*messages)

        # Session, user, order, relatives, what stands in its place and it in whose, timeline, events twice,
        # terminal group, what stands in its place for the buttons, commands under way and ended.
        with django_assert_num_queries(13):
            chief.get(f"{ORDERS}{order.pk}/change/")


@pytest.mark.usefixtures("organization")
class TestPermissions:
    def test_staff_without_permission_sees_nothing(self, client: Client) -> None:
        order = arrive(cloud_event())
        sign_in(client)

        assert client.get(ORDERS).status_code == 403
        assert client.get(f"{ORDERS}{order.pk}/change/").status_code == 403
        assert ORDERS not in client.get("/admin/").content.decode()

    def test_who_may_look_at_orders_only_gets_no_links_to_events(self, client: Client) -> None:
        order = arrive(cloud_event())
        sign_in(client, "orders.view_order")

        response = client.get(f"{ORDERS}{order.pk}/change/")

        assert response.status_code == 200
        assert "/admin/webhooks/" not in response.content.decode()
        assert "События заказа" not in text(response)

    def test_nobody_changes_the_mirror_here(self, client: Client) -> None:
        order = arrive(cloud_event())
        sign_in_superuser(client)

        assert client.get(f"{ORDERS}add/").status_code == 403
        assert client.post(f"{ORDERS}{order.pk}/change/", {"status": "Closed"}).status_code == 403
        assert client.post(f"{ORDERS}{order.pk}/delete/", {"post": "yes"}).status_code == 403
        response = client.post(
            ORDERS, {"action": "delete_selected", "_selected_action": [order.pk]}, follow=True
        )
        assert response.status_code == 200
        assert Order.objects.get().status == "CookingStarted"


@pytest.mark.usefixtures("organization")
def test_pages_speak_english_to_who_asks(chief: Client) -> None:
    order = arrive(cloud_event())
    headers = {"Accept-Language": "en"}

    listed = rows(chief.get(ORDERS, headers=headers))[0]
    page = text(chief.get(f"{ORDERS}{order.pk}/change/", headers=headers))

    assert "Cooking late by" in listed
    assert "1,651.00 ₽" in listed
    assert "Order amount, by iiko 1,651.00 ₽" in page
    assert "Заказ" not in page
