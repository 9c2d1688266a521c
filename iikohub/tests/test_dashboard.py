"""The overview: its numbers are those of the lists they lead to, and it shows no more than it may."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from attention.models.items import AttentionItem, Severity
from attention.models.watch_run import WatchRun
from console.models import Preferences
from core.database import counting, db_clock
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from organizations.models.access import RestaurantAccess
from organizations.models.clock_skews import ClockSkew
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization
from organizations.models.stop_lists import StopListItem, StopListReading
from tests.builders import (
    COURIER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    arrive,
    cloud_event,
    make_organization,
    make_other_organization,
    post,
    shift_event,
)
from tests.pages import markup, rows, sign_in, sign_in_superuser, text
from webhooks.models.inbox import EventSource, EventStatus, Reason, WebhookEvent

pytestmark = pytest.mark.django_db

HOME = "/admin/"


@pytest.fixture
def chief(client: Client) -> Client:
    sign_in_superuser(client)
    return client


def tiles(client: Client) -> dict[str, tuple[str, str]]:
    """Name → number and address of every tile and chip."""
    found = re.findall(
        r'<a class="hub-(?:tile|chip)[^"]*" href="([^"]+)"><b>([^<]*)</b>(.*?)</a>',
        markup(client.get(HOME)),
        re.DOTALL,
    )
    return {
        " ".join(re.sub(r"<[^>]+>", "|", rest).strip("| ").split("|")[0].split()): (number, unescape(url))
        for url, number, rest in found
    }


def test_fresh_install_shows_the_first_steps_and_no_empty_tables(chief: Client, settings: Settings) -> None:
    settings.WEBHOOK_BASE_URL = ""

    page = text(chief.get(HOME))

    assert "Первые шаги: пройдено 0 из 8" in page
    assert "1. Адрес хаба Хаб не знает, по какому адресу к нему обращается iiko." in page
    assert "2. API-логин iiko У хаба нет API-логина" in page
    assert 'href="/admin/first-steps/#step-login"' in markup(chief.get(HOME))
    for words in ("Сегодня", "Входящие", "Требует внимания"):
        assert words not in page


def test_fresh_install_tells_an_operator_who_sets_it_up(client: Client) -> None:
    sign_in(client, "organizations.view_organization", "orders.view_order")

    page = text(client.get(HOME))

    assert "Организации ещё не настроены. Это делает администратор." in page
    assert "Первые шаги" not in page


def test_every_number_is_that_of_the_list_it_leads_to(chief: Client) -> None:
    make_organization()
    past = "2026-03-14 10:00:00.000"
    future = f"{timezone.now() + timedelta(days=2):%Y-%m-%d} 10:00:00.000"
    arrive(
        cloud_event(order_id="1", status="WaitCooking", completeBefore=future),
        cloud_event(order_id="2", status="WaitCooking", completeBefore=past),
        cloud_event(
            order_id="3",
            status="OnWay",
            completeBefore=future,
            problem={"hasProblem": True, "description": "Пробка"},
        ),
        cloud_event(order_id="4", status="NeverHeardOf", completeBefore=future),
        cloud_event(order_id="5", status="Closed", completeBefore=past),
        cloud_event(order_id="6", creation_status="InProgress", order=None),
        cloud_event(order_id="7", event_type="DeliveryOrderError", creation_status="Error", order=None),
    )
    arrive(cloud_event(event_type="StopListUpdate"))
    Courier.objects.create(organization_id=ORGANIZATION_ID, iiko_id=COURIER_ID, name="Орлова Вера")
    arrive(shift_event(), shift_event(employee_id="2"), shift_event(employee_id="3", is_opened=False))
    for at, is_out in enumerate((True, False)):
        StopListItem.objects.create(
            organization_id=ORGANIZATION_ID,
            terminal_group_id="1",
            product_id=str(at),
            is_out_of_stock=is_out,
            since=timezone.now(),
        )

    shown = tiles(chief)
    assert shown.pop("курьер на смене") == ("1", "/console/dispatch")

    assert {name: number for name, (number, _url) in shown.items()} == {
        "открытых заказов": "5",
        "заказ опаздывает сейчас": "1",
        "заказ передаётся на кассу": "1",
        "заказ не принят кассой, 24 ч": "1",
        "открытый заказ с проблемой": "1",
        "заказ с неизвестным статусом": "1",
        "заказов закрыто сегодня": "0",
        "заказов отменено сегодня": "0",
        "Не подтверждён": "0",
        "Ждёт кухню": "2",
        "Готов к приготовлению": "0",
        "Готовится": "0",
        "Приготовлен": "0",
        "Ждёт отправки": "0",
        "В пути": "1",
        "Доставлен": "0",
        "нет в наличии сейчас": "1",
        "ждут обработки": "0",
        "сбой, будет повтор": "0",
        "сбой, повторов не будет": "0",
        "от неизвестных организаций, за 24 ч": "0",
        "неизвестных типов, за 24 ч": "0",
    }
    for name, (number, url) in shown.items():
        assert len(rows(chief.get(url))) == int(number), name


def test_inbox_that_stands_still_is_pointed_out(chief: Client) -> None:
    make_organization()
    post(Client(), [cloud_event(), cloud_event(order_id="2"), cloud_event(order_id="3")])
    late = timezone.now() - timedelta(minutes=7)
    StopListReading.objects.create(organization_id=ORGANIZATION_ID, read_at=late)
    first, second, _third = WebhookEvent.objects.order_by("id")
    WebhookEvent.objects.filter(pk=first.pk).update(received_at=late)
    WebhookEvent.objects.filter(pk=second.pk).update(status=EventStatus.DEAD)

    page = text(chief.get(HOME))

    assert tiles(chief)["ждут обработки"][0] == "2"
    assert tiles(chief)["сбой, повторов не будет"][0] == "1"
    assert "самое старое ждёт 7 мин. Запущен ли обработчик событий?" in page
    for number, url in tiles(chief).values():
        answer = chief.get(url)
        groups = answer.context.get("groups")  # what failed for good is listed by its cause
        shown = len(rows(answer)) if groups is None else sum(group["count"] for group in groups)
        assert shown == int(number)


def test_restaurants_say_when_they_were_last_heard_of(chief: Client) -> None:
    make_organization()
    make_other_organization()
    arrive(cloud_event(status="OnWay"))
    WebhookEvent.objects.update(received_at=timezone.now() - timedelta(seconds=5))
    WebhookEvent.objects.create(
        event_type="x",
        format="cloud",
        organization_id=OTHER_ORGANIZATION_ID,
        source=EventSource.REPLAY,
        digest="d",
        dedup_key="k",
    )

    page = text(chief.get(HOME))

    assert re.search(r"Бар «Клён» \d\d:\d\d UTC\+5 событий ещё не было 0 0", page)
    assert re.search(r"Кафе «Сирень» \d\d:\d\d UTC\+5 [567] с назад", page)


def test_types_of_the_last_day_are_counted_and_unknown_ones_marked(chief: Client) -> None:
    make_organization()
    arrive(cloud_event(), cloud_event(order_id="2"), cloud_event(event_type="BrandNewType"))
    arrive(cloud_event(event_type="ReserveUpdate"))
    WebhookEvent.objects.filter(event_type="ReserveUpdate").update(
        received_at=timezone.now() - timedelta(days=2)
    )

    response = chief.get(HOME)

    assert "DeliveryOrderUpdate 2 BrandNewType неизвестный тип 1" in text(response)
    assert "ReserveUpdate" not in text(response)
    for name, count in (("DeliveryOrderUpdate", 2), ("BrandNewType", 1)):
        url = re.search(rf'href="(/admin/webhooks/webhookevent/\?type={name}[^"]*)"', markup(response))
        assert url is not None
        assert len(rows(chief.get(unescape(url[1])))) == count


def test_events_of_unknown_types_are_counted_and_listed(chief: Client) -> None:
    make_organization()
    arrive(cloud_event(event_type="BrandNewType"), cloud_event(event_type="DroneLanded"), cloud_event())

    number, url = tiles(chief)["неизвестных типов, за 24 ч"]

    assert number == "2"
    assert len(rows(chief.get(url))) == 2


def test_types_that_are_only_kept_are_distinguished(chief: Client) -> None:
    make_organization()
    arrive(cloud_event(event_type="NomenclatureUpdate"))

    page = text(chief.get(HOME))

    assert "NomenclatureUpdate только хранится 1" in page
    assert tiles(chief)["неизвестных типов, за 24 ч"][0] == "0"


def test_events_of_strangers_are_pointed_out(chief: Client, settings: Settings) -> None:
    settings.WEBHOOK_SECRET_KEY = "secret-of-the-installation"
    make_organization()
    arrive(cloud_event(organization_id="stranger"), token="secret-of-the-installation")

    number, url = tiles(chief)["от неизвестных организаций, за 24 ч"]

    assert WebhookEvent.objects.get().reason == Reason.UNKNOWN_ORGANIZATION
    assert number == "1"
    assert len(rows(chief.get(url))) == 1


def test_counts_stop_at_their_limit(chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "COUNT_UP_TO", 3)
    make_organization()
    arrive(*(cloud_event(order_id=f"order-{number}") for number in range(6)))

    assert tiles(chief)["открытых заказа"][0] == "3+"
    assert "DeliveryOrderUpdate 3+" in text(chief.get(HOME))


def test_commands_that_it_needs_attention_at_lead_to_their_list(chief: Client) -> None:
    make_organization()
    arrive(cloud_event())
    order = Order.objects.get()
    for state in (CommandState.NEEDS_ATTENTION, CommandState.EXPIRED):
        OrderCommand.objects.create(
            order=order, kind=CommandKind.APPLY_DISCOUNT, state=state, created_at=timezone.now()
        )

    number, url = tiles(chief)["действие требует внимания"]

    assert (number, url) == ("1", "/admin/orders/ordercommand/?state=unsettled")
    assert len(rows(chief.get(url))) == 1
    answer = Client().get("/metrics")
    assert b"\niikohub_commands_attention 1.0\n" in answer.content


def test_tile_of_commands_is_for_those_who_see_commands(client: Client) -> None:
    make_organization()
    arrive(cloud_event())
    OrderCommand.objects.create(
        order=Order.objects.get(),
        kind=CommandKind.APPLY_DISCOUNT,
        state=CommandState.NEEDS_ATTENTION,
        created_at=timezone.now(),
    )
    user = sign_in(client, "orders.view_order")
    assert "действие требует внимания" not in text(client.get(HOME))

    user.user_permissions.add(Permission.objects.get(codename="view_ordercommand"))
    assert "действие требует внимания" in text(client.get(HOME))


def test_wrong_clocks_are_shown_with_the_next_step(chief: Client) -> None:
    for host, skew_s, minutes in (("web-1", -1230.0, 1), ("web-2", 3700.0, 1), ("gone", 3600.0, 10)):
        seen_at = timezone.now() - timedelta(minutes=minutes)
        ClockSkew.objects.create(host=host, role="worker", skew_s=skew_s, seen_at=seen_at)

    page = text(chief.get(HOME, headers={"Accept-Language": "en"}))

    ahead = "The clock of web-2 (worker) is ahead by 1 h."
    behind = "The clock of web-1 (worker) is behind by 20 min."
    assert page.index(ahead) < page.index(behind) < page.index("Set up NTP on that machine")
    assert "gone" not in page
    ClockSkew.objects.all().delete()
    assert "NTP" not in text(chief.get(HOME, headers={"Accept-Language": "en"}))


def test_query_count_does_not_grow(chief: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(8):
        make_organization(iiko_id=f"id-{number}", name=f"Место {number}", token=f"token-of-place-{number}")
        arrive(
            *(cloud_event(organization_id=f"id-{number}", order_id=f"{number}-{n}") for n in range(4)),
            token=f"token-of-place-{number}",
        )
    assert Order.objects.count() == 32

    # Session, user, whether there are restaurants, open orders, refused ones, the inbox, unknown types, the
    # dead, strangers, types met, their counts, clocks of machines, what is out of stock, lists that cannot
    # be read, those not read yet, whether one was, whether there are shifts, restaurants, what was missed,
    # commands for a person, refused ones, those without an answer, silent POS, settings of webhooks; the
    # day: zones, closed, the same a week ago, cancelled; the first steps: logins, names, zones, workers,
    # first events, their settings, people, channels; the attention list, the restaurants chosen for it, its
    # watch.
    with django_assert_num_queries(39):
        chief.get(HOME)


EVENING = datetime(2026, 3, 14, 20, 30, tzinfo=UTC)
"""23:30 on a Saturday in Moscow, 6:30 on the Sunday in Vladivostok."""


def ended(organization: Organization, day: int, hour: int, minute: int = 0, **changes: Any) -> None:
    """Store an order that was closed, or by ``status`` cancelled, in March at a moment of UTC."""
    at = datetime(2026, 3, day, hour, minute, tzinfo=UTC)
    status = changes.pop("status", "Closed")
    moment = "when_cancelled" if status == "Cancelled" else "when_closed"
    Order.objects.create(
        organization=organization,
        iiko_order_id=str(uuid4()),
        **{"status": status, "raw_status": status, moment: at, "created_at": at, "updated_at": at} | changes,
    )


@pytest.fixture
def evening(monkeypatch: pytest.MonkeyPatch) -> tuple[Organization, Organization]:
    """Make a restaurant in Moscow and one in Vladivostok, on whose clocks it is not the same day."""
    monkeypatch.setattr(db_clock, "now", lambda: EVENING)
    moscow = make_organization(timezone="Europe/Moscow")
    vladivostok = make_other_organization(timezone="Asia/Vladivostok")
    ended(moscow, 13, 20, 30, amount_minor=70_000)  # half an hour before midnight
    ended(moscow, 13, 21, 30, amount_minor=100_000)
    ended(moscow, 14, 12, amount_minor=50_049)
    ended(moscow, 14, 12, amount_minor=90_000, is_deleted=True)
    ended(moscow, 14, 12, amount_minor=90_000, status="Cancelled")
    ended(vladivostok, 14, 13, 50, amount_minor=80_000)  # ten minutes before midnight
    ended(vladivostok, 14, 15, amount_minor=60_000)
    ended(vladivostok, 14, 13, amount_minor=60_000, status="Cancelled")
    # A week ago: by this time of day, and later.
    ended(moscow, 7, 20, amount_minor=40_000)
    ended(moscow, 7, 20, 45, amount_minor=40_000)
    ended(vladivostok, 7, 20, amount_minor=30_000)
    return moscow, vladivostok


def test_day_is_that_of_each_restaurant_beside_a_week_ago(
    chief: Client, evening: tuple[Organization, Organization]
) -> None:
    page, shown = text(chief.get(HOME)), tiles(chief)

    assert "3 заказа закрыты сегодня неделю назад к этому часу: 2" in page
    assert "2 100 ₽ выручка сегодня неделю назад к этому часу: 700 ₽" in page
    assert "700 ₽ средний чек неделю назад к этому часу: 350 ₽" in page
    assert "1 заказ отменён сегодня" in page
    for name in ("заказа закрыты сегодня", "заказ отменён сегодня"):
        number, url = shown[name]
        # The list also has what iiko deleted; nobody was paid for that.
        assert len([row for row in rows(chief.get(url)) if "Удалён" not in row]) == int(number), name
    assert re.search(r"Кафе «Сирень» 23:30 UTC\+3 .* 0 0 2 1 500 ₽", page)
    assert re.search(r"Бар «Клён» 06:30 UTC\+10 .* 0 0 1 600 ₽", page)


def test_day_of_a_restricted_person_is_that_of_their_restaurants(
    client: Client, evening: tuple[Organization, Organization]
) -> None:
    _moscow, vladivostok = evening
    user = sign_in(client, "orders.view_order", "organizations.view_organization")
    RestaurantAccess.objects.create(user=user, is_restricted=True).restaurants.add(vladivostok)

    page = text(client.get(HOME))

    assert "1 заказ закрыт сегодня неделю назад к этому часу: 1" in page
    assert "600 ₽ выручка сегодня неделю назад к этому часу: 300 ₽" in page
    assert "0 заказов отменено сегодня" in page
    assert "Сирень" not in page


def test_sums_of_two_currencies_stand_apart(
    chief: Client, evening: tuple[Organization, Organization]
) -> None:
    Organization.objects.filter(pk=evening[1].pk).update(currency="KZT")

    page = text(chief.get(HOME))

    assert "1 500 ₽ выручка сегодня неделю назад к этому часу: 400 ₽" in page
    assert "600 ₸ выручка сегодня неделю назад к этому часу: 300 ₸" in page


NOTHING = "Требует внимания Сейчас ничего не требует внимания."


def test_nothing_that_needs_attention_is_said_in_words(chief: Client) -> None:
    make_organization()
    WatchRun.objects.create(at=db_clock.now())

    assert NOTHING in text(chief.get(HOME))


def test_attention_is_not_called_clear_while_nobody_looks(chief: Client) -> None:
    make_organization()
    assert "Требует внимания Проверок ещё не было: проверьте, работает ли обработчик." in text(
        chief.get(HOME)
    )

    WatchRun.objects.create(at=db_clock.now() - timedelta(minutes=7))
    page = text(chief.get(HOME))
    assert "Проверки стоят: последняя была 7 мин назад. Список мог устареть; проверьте, работает" in page
    assert NOTHING not in page

    WatchRun.objects.update(at=db_clock.now(), failed=["late"])
    page = text(chief.get(HOME))
    assert "Эти правила не удалось проверить" in page
    assert NOTHING not in page


def test_attention_is_not_called_clear_to_who_may_not_see_the_list(client: Client) -> None:
    make_organization()
    WatchRun.objects.create(at=db_clock.now())
    sign_in(client, "orders.view_order")

    assert "Требует внимания" not in text(client.get(HOME))


def test_attention_counts_the_restaurants_that_are_chosen(chief: Client) -> None:
    here, there = make_organization(), make_other_organization()
    now = db_clock.now()
    for number, place in enumerate((here, there, None)):
        AttentionItem.objects.create(
            rule="worker_away" if place is None else "pos_silent",
            subject=str(number),
            severity=Severity.WARNING,
            organization=place,
            opened_at=now,
            since=now,
            updated_at=now,
        )
    before = [number for number, url in tiles(chief).values() if url == "/console/attention"]

    preferences = Preferences.objects.create(user=User.objects.get())
    preferences.restaurants.add(there)

    after = [number for number, url in tiles(chief).values() if url == "/console/attention"]
    assert (before, after) == (["3"], ["2"])


def test_order_without_a_known_amount_is_left_out_of_the_money(
    chief: Client, evening: tuple[Organization, Organization]
) -> None:
    moscow, _vladivostok = evening
    Order.objects.all().delete()
    ended(moscow, 14, 12, amount_minor=60_000)
    ended(moscow, 14, 13, amount_minor=None)

    page = text(chief.get(HOME))
    assert "600 ₽ средний чек" in page
    assert "2 заказа закрыты сегодня" in page

    Order.objects.update(amount_minor=None)
    page = text(chief.get(HOME))
    assert "выручка сегодня" not in page
    assert "средний чек" not in page


def test_couriers_are_counted_only_where_iiko_reports_shifts(chief: Client) -> None:
    make_organization()
    assert "на смене" not in text(chief.get(HOME))

    arrive(shift_event(is_opened=False))
    assert "0 курьеров на смене" in text(chief.get(HOME))


def test_stop_lists_that_were_not_read_are_not_called_empty(chief: Client) -> None:
    here, there = make_organization(), make_other_organization()
    assert "— нет в наличии сейчас стоп-листы 2 организаций ещё не прочитаны" in text(chief.get(HOME))

    StopListReading.objects.create(organization=here, read_at=db_clock.now())
    assert "0 нет в наличии сейчас стоп-листы 1 организации ещё не прочитаны" in text(chief.get(HOME))

    StopListReading.objects.create(organization=there, failing_since=db_clock.now())
    assert "0 нет в наличии сейчас стоп-листы 1 организации не читаются" in text(chief.get(HOME))


def test_operator_finds_the_day_and_no_technical_tiles(client: Client) -> None:
    make_organization()
    ClockSkew.objects.create(host="web-1", role="web", skew_s=60, seen_at=timezone.now())
    arrive(cloud_event(status="OnWay"))
    user = sign_in(client)
    user.groups.add(Group.objects.get(name="Operator"))

    page = text(client.get(HOME))

    for words in ("Сегодня", "1 открытый заказ", "нет в наличии сейчас", "Сирень"):
        assert words in page
    for words in ("Входящие", "DeliveryOrderUpdate", "NTP", "Последнее событие", "Первые шаги"):
        assert words not in page
    assert 'href="/console/"' in markup(client.get(HOME))


class TestPermissions:
    def test_staff_without_permission_sees_nothing(self, client: Client) -> None:
        make_organization()
        arrive(cloud_event())
        sign_in(client)

        page = text(client.get(HOME))

        assert "У вашей учётной записи пока нет прав на просмотр." in page
        assert "Сирень" not in page
        assert "открыты" not in page

    def test_fresh_install_is_explained_to_nobody_who_may_not_act(self, client: Client) -> None:
        sign_in(client)

        assert "Первые шаги" not in text(client.get(HOME))

    @pytest.mark.parametrize(
        ("permissions", "seen", "unseen"),
        [
            (("orders.view_order",), "2 открытых заказа", ("Входящие", "Сирень", "DeliveryOrderUpdate")),
            (
                ("webhooks.view_webhookevent", "webhooks.view_webhookconfig"),
                "DeliveryOrderUpdate",
                ("открытых заказа", "Сирень"),
            ),
            (("webhooks.view_webhookevent",), "пока нет прав", ("DeliveryOrderUpdate", "Входящие")),
            (
                ("organizations.view_organization",),
                "Кафе «Сирень»",
                ("открытых заказа", "Входящие", "с назад"),
            ),
        ],
    )
    def test_each_part_asks_for_its_own_permission(
        self, client: Client, permissions: tuple[str, ...], seen: str, unseen: tuple[str, ...]
    ) -> None:
        make_organization()
        make_other_organization()
        arrive(cloud_event())
        arrive(cloud_event(organization_id=OTHER_ORGANIZATION_ID, order_id="x"), token=OTHER_TOKEN)
        sign_in(client, *permissions)

        page = text(client.get(HOME))

        assert seen in page
        for words in unseen:
            assert words not in page

    def test_login_page_opened_straight_away_leads_here(self, client: Client) -> None:
        user = sign_in_superuser(Client())
        user.set_password("long-enough-password")
        user.save()

        form = re.search(r'name="next" value="([^"]*)"', client.get("/admin/login/").content.decode())
        assert form is not None
        response = client.post(
            "/admin/login/", {"username": "chief", "password": "long-enough-password", "next": form[1]}
        )

        assert response["Location"] == HOME


def test_language_is_switched_and_kept(chief: Client) -> None:
    assert "Обзор" in text(chief.get(HOME))

    response = chief.post("/i18n/setlang/", {"language": "en", "next": HOME})

    assert response["Location"] == HOME
    assert "Overview" in text(chief.get(HOME))


def test_people_are_managed_on_pages_of_the_same_look(chief: Client) -> None:
    for page in ("auth/user/", "auth/user/add/", "auth/group/", "auth/group/add/"):
        response = chief.get(f"{HOME}{page}")
        assert response.status_code == 200
        assert "unfold/css/styles.css" in response.content.decode()
