"""Each rule: what opens an item, what it says, where it leads, and what ends it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.urls import resolve
from django.utils import translation

from attention.models.channels import Channel
from attention.models.items import AttentionItem, RuleSetting
from attention.rules.registry import RULES, rule_of
from attention.watch import watch
from core.database import db_clock
from loyalty.models import BalanceDifference, Customer, LoyaltyOperation, Wallet, WalletKind
from orders.commands.acknowledge import acknowledge_command, acknowledge_refusal
from orders.mirror.unlisted import note_listed
from orders.models.command import OrderCommand
from orders.models.order import Order
from orders.models.stage_times import StageTimes
from organizations.connection.clients import key_of
from organizations.models.clock_skews import ClockSkew
from organizations.models.connection import IikoCircuit
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.stop_lists import StopListItem, StopListReading
from tests.builders import TERMINAL_GROUP_ID, make_hold, make_organization, make_terminal_group
from tests.simulated_iiko import make_login
from webhooks.models.inbox import WebhookConfig, WebhookEvent
from webhooks.models.reconciliation import LinkHealth

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 14, 14, 0, tzinfo=UTC)
"""19:00 in the restaurant."""
MINUTE = timedelta(minutes=1)


class Place:
    """The restaurant of a test, and what is in it."""

    def __init__(self) -> None:
        self.cafe: Organization = make_organization()
        WebhookConfig.objects.update(registration_status="registered")
        self.row: Any = None

    def order(self, **changes: Any) -> Order:
        row: dict[str, Any] = {
            "organization": self.cafe,
            "readable_number": "142",
            "status": "CookingStarted",
            "raw_status": "CookingStarted",
            "creation_status": "Success",
            "order_type": "DELIVERY",
            "terminal_group_id": TERMINAL_GROUP_ID,
            "when_created": NOW - 20 * MINUTE,
            "updated_at": NOW - MINUTE,
        }
        order = Order.objects.create(**(row | changes))
        Order.objects.filter(pk=order.pk).update(created_at=NOW - 20 * MINUTE)
        return order

    def command(self, **changes: Any) -> OrderCommand:
        row: dict[str, Any] = {
            "order": self.order(),
            "kind": "cancel",
            "requested_by": "olga",
            "created_at": NOW - 5 * MINUTE,
        }
        return OrderCommand.objects.create(**(row | changes))


@pytest.fixture
def place() -> Place:
    return Place()


def look(at: datetime = NOW) -> list[AttentionItem]:
    assert watch(at).failed == []
    return list(AttentionItem.objects.current().order_by("rule", "subject"))


@dataclass(frozen=True)
class Case:
    """What opens an item of a rule, and what ends it; ``leads_to`` is the name of a page."""

    rule: str
    begin: Callable[[Place], None]
    end: Callable[[Place], Any]
    en: str
    ru: str
    leads_to: str | None
    since: datetime


CASES: list[Case] = []


def case(rule: str, *, en: str, ru: str, leads_to: str | None, since: datetime) -> Callable[[Any], Any]:
    """Declare a case by a generator that begins it, and ends it after its one ``yield``."""

    def declare(story: Callable[[Place], Iterator[None]]) -> Callable[[Place], Iterator[None]]:
        under_way: dict[Place, Iterator[None]] = {}

        def begin(place: Place) -> None:
            under_way[place] = story(place)
            next(under_way[place])

        CASES.append(
            Case(rule, begin, lambda place: next(under_way.pop(place), None), en, ru, leads_to, since)
        )
        return story

    return declare


ORDER_PAGE = "console:order"


@case(
    "late",
    en="Order №142 is late: it was promised for 14 Mar 18:58.",
    ru="Заказ №142 опаздывает: обещан на 14 мар 18:58.",
    leads_to=ORDER_PAGE,
    since=NOW - 2 * MINUTE,
)
def _late(place: Place) -> Iterator[None]:
    place.order(promised_time=NOW - 2 * MINUTE)
    yield
    Order.objects.update(status="Delivered", when_delivered=NOW)


@case(
    "will_be_late",
    en="Order №142 will usually be late: it is promised for 14 Mar 19:20.",
    ru="Заказ №142 при обычном темпе опоздает: обещан на 14 мар 19:20.",
    leads_to=ORDER_PAGE,
    since=NOW - 10 * MINUTE,
)
def _will_be_late(place: Place) -> Iterator[None]:
    StageTimes.objects.create(
        organization=place.cafe,
        accept_s=300,
        cook_s=900,
        wait_s=300,
        carry_s=1200,
        orders=20,
        measured_at=NOW,
    )
    place.order(promised_time=NOW + 20 * MINUTE, when_printed=NOW - 10 * MINUTE)
    yield
    Order.objects.update(when_cooking_completed=NOW - MINUTE, when_sent=NOW - MINUTE)


@case(
    "no_courier",
    en="Order №142 is cooked since 14 Mar 18:55 and has no courier.",
    ru="Заказ №142 готов с 14 мар 18:55, а курьера нет.",
    leads_to=ORDER_PAGE,
    since=NOW - 5 * MINUTE,
)
def _no_courier(place: Place) -> Iterator[None]:
    place.order(status="CookingCompleted", when_cooking_completed=NOW - 5 * MINUTE)
    yield
    Order.objects.update(courier_id="vera")


@case(
    "creation_refused",
    en="The POS did not take order №142 (ProductNotFound): nobody cooks it.",
    ru="Касса не приняла заказ №142 (ProductNotFound): его никто не готовит.",
    leads_to=ORDER_PAGE,
    since=NOW - MINUTE,
)
def _creation_refused(place: Place) -> Iterator[None]:
    error = {"code": "ProductNotFound", "message": "Мария, +79030000011"}
    order = place.order(status=None, raw_status=None, creation_status="Error", error_info=error)
    yield
    assert acknowledge_refusal(order_id=order.pk, by="olga", now=NOW)


@case(
    "problem",
    en="The restaurant reports a problem with order №142.",
    ru="Организация сообщает о проблеме с заказом №142.",
    leads_to=ORDER_PAGE,
    since=NOW - MINUTE,
)
def _problem(place: Place) -> Iterator[None]:
    place.order(problem="Мария не отвечает")
    yield
    Order.objects.update(problem=None)


@case(
    "unknown_status",
    en="iiko sends a status of order №142 that the hub does not know: “Levitating”.",
    ru="iiko присылает статус заказа №142, которого хаб не знает: «Levitating».",
    leads_to=ORDER_PAGE,
    since=NOW - MINUTE,
)
def _unknown_status(place: Place) -> Iterator[None]:
    place.order(status=None, raw_status="Levitating")
    yield
    Order.objects.update(status="Closed", raw_status="Closed")


@case(
    "not_listed",
    en="iiko does not list order №142 since 14 Mar 18:58, though it is open here.",
    ru="iiko не показывает заказ №142 с 14 мар 18:58, хотя здесь он открыт.",
    leads_to=ORDER_PAGE,
    since=NOW - 2 * MINUTE,
)
def _not_listed(place: Place) -> Iterator[None]:
    place.order(iiko_order_id="one", not_listed_since=NOW - 2 * MINUTE)
    yield
    note_listed(place.cafe.iiko_id, ["one"], now=NOW)


@case(
    "dish_out",
    en="1 dish of order №142 is out of stock: Суп дня.",
    ru="Закончилось 1 блюдо заказа №142: Суп дня.",
    leads_to=ORDER_PAGE,
    since=NOW - 20 * MINUTE,
)
def _dish_out(place: Place) -> Iterator[None]:
    dishes = [{"name": "Суп дня", "product_id": "soup"}, {"name": "Морс", "product_id": "juice"}]
    place.order(status="WaitCooking", items=dishes)
    for product, is_out in [("soup", True), ("juice", False)]:
        StopListItem.objects.create(
            organization=place.cafe,
            terminal_group_id=TERMINAL_GROUP_ID,
            product_id=product,
            is_out_of_stock=is_out,
            balance=0,
            since=NOW - 30 * MINUTE,
        )
    yield
    Order.objects.update(when_printed=NOW)


@case(
    "order_twice",
    en="Order №143 was perhaps made twice: №142 is like it.",
    ru="Заказ №143, возможно, сделан дважды: №142 такой же.",
    leads_to=ORDER_PAGE,
    since=NOW - 11 * MINUTE,
)
def _order_twice(place: Place) -> Iterator[None]:
    alike = {"phone": "+79030000011", "amount_minor": 165_100}
    place.order(**alike)
    place.order(readable_number="143", when_created=NOW - 11 * MINUTE, **alike)
    place.order(readable_number="144", when_created=NOW, **alike)
    yield
    Order.objects.filter(readable_number="142").update(status="Cancelled")


@case(
    "command_waits",
    en="Order №142: “cancel the order” has no answer since 14 Mar 18:55.",
    ru="Заказ №142: «отменить заказ» — нет ответа с 14 мар 18:55.",
    leads_to=ORDER_PAGE,
    since=NOW - 5 * MINUTE,
)
def _command_waits(place: Place) -> Iterator[None]:
    place.command(state="sent", sent_at=NOW - 5 * MINUTE)
    yield
    OrderCommand.objects.update(state="confirmed", finished_at=NOW)


@case(
    "command_refused",
    en="Order №142: “cancel the order” was refused. The POS does not know this order. Look at the order on "
    "the POS and do it there if it is still wanted. Requested by olga.",
    ru="Заказ №142: «отменить заказ» — отказ. Касса не знает этого заказа. Посмотрите заказ на кассе и "
    "сделайте это там, если ещё нужно. Запросил: olga.",
    leads_to=ORDER_PAGE,
    since=NOW - 4 * MINUTE,
)
def _command_refused(place: Place) -> Iterator[None]:
    command = place.command(
        state="rejected", error_code="OrderNotFound", error="Мария", finished_at=NOW - 4 * MINUTE
    )
    yield
    assert acknowledge_command(command_id=command.pk, by="olga", now=NOW)


@case(
    "command_attention",
    en="Order №142: “cancel the order” needs a decision. Requested by olga.",
    ru="Заказ №142: «отменить заказ» — нужно решение. Запросил: olga.",
    leads_to=ORDER_PAGE,
    since=NOW - 4 * MINUTE,
)
def _command_attention(place: Place) -> Iterator[None]:
    place.command(state="attention", error_code="of_another_version", finished_at=NOW - 4 * MINUTE)
    yield
    OrderCommand.objects.update(state="confirmed")


@case(
    "pos_silent",
    en="The POS “Сирень, центр” does not answer since 14 Mar 18:57: what is requested waits there.",
    ru="Касса «Сирень, центр» не отвечает с 14 мар 18:57: запрошенное ждёт её.",
    leads_to="admin:orders_order_changelist",
    since=NOW - 3 * MINUTE,
)
def _pos_silent(place: Place) -> Iterator[None]:
    make_terminal_group(place.cafe, not_answering_since=NOW - 3 * MINUTE, alive_told_at=NOW)
    yield
    TerminalGroup.objects.update(not_answering_since=None)


@case(
    "restaurant_silent",
    en="Webhooks do not arrive since 14 Mar 18:30: orders change and nothing comes.",
    ru="Вебхуки не доходят с 14 мар 18:30: заказы меняются, а события не приходят.",
    leads_to="admin:webhooks_webhookconfig_changelist",
    since=NOW - 30 * MINUTE,
)
def _restaurant_silent(place: Place) -> Iterator[None]:
    LinkHealth.objects.create(
        organization=place.cafe, state="dead_webhook", since=NOW - 30 * MINUTE, checked_at=NOW
    )
    yield
    LinkHealth.objects.update(state="receiving")


@case(
    "webhook_unregistered",
    en="The webhook was changed in iiko: events go elsewhere or come otherwise.",
    ru="Вебхук изменили в iiko: события уходят в другое место или приходят иначе.",
    leads_to="admin:webhooks_webhookconfig_change",
    since=NOW,
)
def _webhook_unregistered(place: Place) -> Iterator[None]:
    WebhookConfig.objects.update(registration_status="drifted", drift=["address"])
    yield
    WebhookConfig.objects.update(registration_status="registered", drift=[])


@case(
    "stop_list_unread",
    en="The stop lists cannot be read since 14 Mar 18:50: what is out of stock is not known.",
    ru="Стоп-листы не читаются с 14 мар 18:50: что закончилось, неизвестно.",
    leads_to="admin:organizations_stoplistitem_changelist",
    since=NOW - 10 * MINUTE,
)
def _stop_list_unread(place: Place) -> Iterator[None]:
    StopListReading.objects.create(organization=place.cafe, failing_since=NOW - 10 * MINUTE)
    yield
    StopListReading.objects.update(failing_since=None)


@case(
    "hold_kept",
    en="1.00\N{NO-BREAK SPACE}₽ is still held in a wallet for order №142, which was cancelled or refused.",
    ru="1,00\N{NO-BREAK SPACE}₽ всё ещё удержано в кошельке для заказа №142, который отменён или не принят.",
    leads_to="admin:loyalty_loyaltyoperation_change",
    since=NOW - 20 * MINUTE,
)
def _hold_kept(place: Place) -> Iterator[None]:
    hold = make_hold(place.cafe)
    Wallet.objects.update(kind=WalletKind.DEPOSIT)
    order = place.order(status="Cancelled", when_cancelled=NOW - 20 * MINUTE)
    LoyaltyOperation.objects.filter(pk=hold.pk).update(order=order)
    yield
    LoyaltyOperation.objects.update(released_at=NOW)


@case(
    "wallet_difference",
    en="A wallet and the ledger differ: the balance does not follow from the transactions. "
    "Expected 10.00\N{NO-BREAK SPACE}₽, found 7.50\N{NO-BREAK SPACE}₽.",
    ru="Кошелёк и журнал операций расходятся: баланс не сходится с транзакциями. "
    "Ожидалось 10,00\N{NO-BREAK SPACE}₽, найдено 7,50\N{NO-BREAK SPACE}₽.",
    leads_to="admin:loyalty_balancedifference_change",
    since=NOW - 60 * MINUTE,
)
def _wallet_difference(place: Place) -> Iterator[None]:
    guest = Customer.objects.create(organization=place.cafe, iiko_id="guest", name="Мария", read_at=NOW)
    wallet = Wallet.objects.create(
        customer=guest, iiko_id="wallet", kind=WalletKind.DEPOSIT, balance=Decimal("7.5")
    )
    BalanceDifference.objects.create(
        wallet=wallet,
        kind="balance",
        expected_minor=1000,
        found_minor=750,
        found_at=NOW - 60 * MINUTE,
        seen_at=NOW - 60 * MINUTE,
    )
    yield
    BalanceDifference.objects.update(seen_at=NOW - timedelta(days=2, minutes=1))


@case(
    "login_stopped",
    en="iiko refuses the API login “main”: nothing can be sent or read with it.",
    ru="iiko отклоняет API-логин «main»: с ним нельзя ничего отправить и прочитать.",
    leads_to="admin:organizations_apilogin_change",
    since=NOW,
)
def _login_stopped(place: Place) -> Iterator[None]:
    login = make_login(last_error="access_token: HTTP 401, login_refused")
    yield
    login.last_error = ""
    login.save()


@case(
    "inbox_late",
    en="What iiko sends is applied late since 14 Mar 13:59: the cards are old.",
    ru="События iiko применяются с опозданием с 14 мар 13:59: карточки устарели.",
    leads_to=None,
    since=NOW - MINUTE,
)
def _inbox_late(place: Place) -> Iterator[None]:
    WebhookEvent.objects.create(dedup_key="one", digest="one", received_at=NOW - MINUTE)
    yield
    WebhookEvent.objects.update(status="processed")


@case(
    "dead_events",
    en="1 event could not be applied and is not tried again; it came at 14 Mar 18:59.",
    ru="1 событие не удалось применить, повторов не будет; первое пришло 14 мар 18:59.",
    leads_to="admin:webhooks_webhookevent_dead",
    since=NOW - MINUTE,
)
def _dead_events(place: Place) -> Iterator[None]:
    dead = WebhookEvent.objects.create(
        dedup_key="one",
        digest="one",
        status="dead",
        organization_id=place.cafe.iiko_id,
        received_at=NOW - MINUTE,
    )
    yield
    WebhookEvent.objects.create(dedup_key="two", digest="two", status="processed", replay_of=dead)


@case(
    "worker_away",
    en="A worker gave its last sign of life at 14 Mar 13:59. Another takes its work over.",
    ru="Обработчик в последний раз подал признак жизни 14 мар 13:59. Его работу берёт другой.",
    leads_to=None,
    since=NOW - MINUTE,
)
def _worker_away(place: Place) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (%s)", [NOW - MINUTE])
        yield
        cursor.execute("DELETE FROM procrastinate_workers")


@case(
    "clock_wrong",
    en="The clock of till-2 (web) is behind by 2 min.",
    ru="Часы машины till-2 (web) отстают на 2 мин.",
    leads_to=None,
    since=NOW,
)
def _clock_wrong(place: Place) -> Iterator[None]:
    ClockSkew.objects.create(host="till-2", role="web", skew_s=-120.4, seen_at=db_clock.now())
    yield
    ClockSkew.objects.all().delete()


@case(
    "channel_fails",
    en="Notifications of the channel “chefs” have not arrived since 14 Mar 13:54.",
    ru="Уведомления канала «chefs» не доходят с 14 мар 13:54.",
    leads_to="admin:attention_channel_change",
    since=NOW - 6 * MINUTE,
)
def _channel_fails(place: Place) -> Iterator[None]:
    channel = Channel.objects.create(
        name="chefs", address="x", active_since=NOW, failing_since=NOW - 6 * MINUTE, last_error="http_401"
    )
    yield
    channel.failing_since = None
    channel.save()


def said(item: AttentionItem, language: str) -> str:
    zone = item.organization.zone() if item.organization else UTC
    with translation.override(language):
        return rule_of(item.rule).sentence(item, now=NOW, zone=zone)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_rule_opens_one_item_says_it_and_ends_it(case: Case, place: Place) -> None:
    assert look() == []

    case.begin(place)
    [item] = look()

    rule = rule_of(case.rule)
    assert (item.rule, item.severity, item.since) == (case.rule, rule.severity, case.since)
    assert (said(item, "en"), said(item, "ru")) == (case.en, case.ru)
    assert "Мария" not in str(item.facts)
    step = rule.next_step(item)
    assert (resolve(step.url.partition("?")[0]).view_name if step else None) == case.leads_to
    assert item.organization_id == (None if item.rule in OF_THE_HUB else place.cafe.iiko_id)

    case.end(place)
    after = NOW + rule.linger
    watch(NOW)

    assert look(after) == []
    item.refresh_from_db()
    assert item.ended_at == after
    assert [(entry.act, entry.at) for entry in item.history.all()] == [("found", NOW), ("ended", after)]


OF_APPS_ABOVE = {"endpoint_fails"}
"""Tested where they are made: outbound/tests/test_admin.py."""
OF_THE_HUB = {"login_stopped", "inbox_late", "worker_away", "clock_wrong", "channel_fails"}


def test_each_rule_has_a_case_and_a_name_that_fits() -> None:
    assert sorted(case.rule for case in CASES) == sorted({rule.name for rule in RULES} - OF_APPS_ABOVE)
    assert all(len(rule.name) <= 40 and str(rule.title) and rule.permission for rule in RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_rule_that_is_off_finds_nothing_and_ends_what_it_had(case: Case, place: Place) -> None:
    case.begin(place)
    assert len(look()) == 1

    RuleSetting.objects.create(rule=case.rule, organization=None, is_on=False)

    watch(NOW)
    assert look(NOW + rule_of(case.rule).linger) == []
    if case.rule in OF_THE_HUB:
        return
    RuleSetting.objects.create(rule=case.rule, organization=place.cafe)
    assert [item.rule for item in look()] == [case.rule]


# --- what else a rule says, and where it stops ---------------------------------------------------------


def told(language: str = "en", at: datetime = NOW) -> list[str]:
    return [said(item, language) for item in look(at)]


@pytest.mark.parametrize(
    ("count", "russian"),
    [
        (2, "2 события не удалось применить, повторов не будет; первое пришло 14 мар 18:59."),
        (5, "5 событий не удалось применить, повторов не будет; первое пришло 14 мар 18:59."),
        (21, "21 событие не удалось применить, повторов не будет; первое пришло 14 мар 18:59."),
    ],
)
def test_events_are_counted_in_russian(place: Place, count: int, russian: str) -> None:
    for number in range(count):
        WebhookEvent.objects.create(
            dedup_key=str(number),
            digest="one",
            status="dead",
            organization_id=place.cafe.iiko_id,
            received_at=NOW - MINUTE,
        )

    assert told("ru") == [russian]
    assert told("en") == [
        f"{count} events could not be applied and are not tried again; the first came at 14 Mar 18:59."
    ]


def test_dead_events_of_a_restaurant_that_is_not_set_up_are_the_hubs_own(place: Place) -> None:
    WebhookEvent.objects.create(
        dedup_key="one", digest="one", status="dead", organization_id="stranger", received_at=NOW - MINUTE
    )

    [item] = look()

    assert (item.organization_id, item.subject) == (None, "events:stranger")


def test_dishes_are_counted_and_ten_of_them_named(place: Place) -> None:
    place.order(status=None, raw_status=None, items=[dish(number) for number in range(11)])
    for number in range(11):
        StopListItem.objects.create(
            organization=place.cafe,
            terminal_group_id=TERMINAL_GROUP_ID,
            product_id=str(number),
            is_out_of_stock=True,
            balance=0,
            since=NOW - MINUTE,
        )

    named = ", ".join(sorted(f"Суп {number}" for number in range(11))[:10])
    assert told("ru") == [f"Закончилось 11 блюд заказа №142: {named}."]
    assert told("en") == [f"11 dishes of order №142 are out of stock: {named}."]


def dish(number: int, **changes: Any) -> dict[str, Any]:
    return {"name": f"Суп {number}", "product_id": str(number), **changes}


@pytest.mark.parametrize(
    ("order", "stop"),
    [
        ({"status": "CookingStarted"}, {}),
        ({"when_printed": NOW}, {}),
        ({"items": [dish(0, is_deleted=True)]}, {}),
        ({"terminal_group_id": "another"}, {}),
        ({}, {"is_out_of_stock": False}),
        ({}, {"until": NOW}),
        ({}, {"size_id": "big"}),
    ],
)
def test_dish_that_can_be_cooked_or_is_cooked_already_is_no_finding(
    place: Place, order: dict[str, Any], stop: dict[str, Any]
) -> None:
    place.order(**({"status": "WaitCooking", "items": [dish(0)]} | order))
    row = {"terminal_group_id": TERMINAL_GROUP_ID, "product_id": "0", "is_out_of_stock": True}
    StopListItem.objects.create(organization=place.cafe, balance=0, since=NOW - MINUTE, **(row | stop))

    assert look() == []


def test_login_whose_calls_are_stopped_is_found_until_a_call_succeeds(place: Place) -> None:
    login = make_login()
    until = (NOW + MINUTE).isoformat()
    circuit = IikoCircuit.objects.create(name=key_of(login), state={"failures": 5, "open_until": until})
    IikoCircuit.objects.create(
        name=f"{key_of(login)}/deliveries/cancel/x", state={"failures": 5, "open_until": until}
    )

    words = "Calls with the API login “main” are stopped: iiko failed several times in a row."
    assert told() == [words]
    assert told(at=NOW + 5 * MINUTE) == [words]  # it may be tried again, and was not
    assert told("ru") == ["Вызовы с API-логином «main» остановлены после нескольких ошибок iiko подряд."]

    circuit.state = {}
    circuit.save()
    assert look() == []


@pytest.mark.parametrize(
    ("state", "rule", "words"),
    [
        ("receiving", None, ""),
        ("quiet", None, ""),
        (
            "blind",
            "restaurant_silent",
            "С 14 мар 18:30 ничего не приходит, хотя в этот час событий обычно много, а спросить iiko не удаётся.",  # noqa: E501
        ),
        (
            "no_login",
            "restaurant_silent",
            "Ничего не приходит, а без логина API нельзя спросить iiko почему.",
        ),
        (
            "not_registered",
            "webhook_unregistered",
            "iiko не знает, что вебхуки нужно отправлять сюда, и ни один не пришёл.",
        ),
    ],
)
def test_state_of_the_link_is_said(place: Place, state: str, rule: str | None, words: str) -> None:
    WebhookConfig.objects.update(registration_status="not_registered")
    LinkHealth.objects.create(organization=place.cafe, state=state, since=NOW - 30 * MINUTE, checked_at=NOW)

    assert [(item.rule, said(item, "ru")) for item in look()] == ([(rule, words)] if rule else [])

    # Of what was looked at long ago nothing is said.
    assert look(NOW + 11 * MINUTE) == []


def test_worker_that_starts_has_a_minute_to_tell_iiko_the_address(place: Place) -> None:
    WebhookConfig.objects.update(registration_status="not_registered")
    LinkHealth.objects.create(organization=place.cafe, state="not_registered", since=NOW, checked_at=NOW)

    assert look(NOW + timedelta(seconds=59)) == []
    assert [item.rule for item in look(NOW + timedelta(seconds=60))] == ["webhook_unregistered"]


def test_webhook_that_could_not_be_registered_is_said(place: Place) -> None:
    WebhookConfig.objects.update(registration_status="failed")

    assert told() == ["The webhook could not be registered with iiko."]
    assert told("ru") == ["Вебхук не удалось зарегистрировать в iiko."]


def test_command_that_expired_is_told_from_one_that_was_refused(place: Place) -> None:
    place.command(state="expired", error_code="x", finished_at=NOW, requested_by="")

    assert told() == ["Order №142: “cancel the order” was not done in time."]
    assert told("ru") == ["Заказ №142: «отменить заказ» — не выполнено вовремя."]


@pytest.mark.parametrize("code", ["given_up", "seen_to"])
def test_command_that_a_person_ended_needs_nobody(place: Place, code: str) -> None:
    place.command(state="rejected", error_code=code, finished_at=NOW)

    assert look() == []


def test_refusals_end_after_a_day(place: Place) -> None:
    place.order(status=None, raw_status=None, creation_status="Error")
    place.command(state="rejected", finished_at=NOW)
    assert [item.rule for item in look()] == ["command_refused", "creation_refused"]

    assert look(NOW + timedelta(hours=24, seconds=1)) == []


def test_order_that_is_off_the_board_for_that_is_told_for_a_day(place: Place) -> None:
    gone = {"not_listed_since": NOW - 3 * MINUTE, "unknown_to_iiko_at": NOW}
    place.order(**gone)

    assert told() == ["iiko does not list order №142 since 14 Mar 18:57: it is off the board."]
    assert told("ru") == ["iiko не показывает заказ №142 с 14 мар 18:57: он снят с доски."]
    assert look(NOW + timedelta(hours=24, seconds=1)) == []


def test_refusal_without_a_code_is_said(place: Place) -> None:
    place.order(status=None, raw_status=None, creation_status="Error", error_info="no")

    assert told() == ["The POS did not take order №142: nobody cooks it."]
    assert told("ru") == ["Касса не приняла заказ №142: его никто не готовит."]


def test_clock_that_is_ahead_is_said(place: Place) -> None:
    ClockSkew.objects.create(host="till-2", role="worker", skew_s=7, seen_at=db_clock.now())

    assert told() == ["The clock of till-2 (worker) is ahead by 7 s."]
    assert told("ru") == ["Часы машины till-2 (worker) спешат на 7 с."]


def test_restaurant_that_is_switched_off_has_no_findings_of_its_own(place: Place) -> None:
    make_terminal_group(place.cafe, not_answering_since=NOW - 3 * MINUTE, alive_told_at=NOW)
    StopListReading.objects.create(organization=place.cafe, failing_since=NOW - 10 * MINUTE)
    WebhookConfig.objects.update(registration_status="failed")
    assert len(look()) == 3

    Organization.objects.update(is_active=False)

    assert look() == []
