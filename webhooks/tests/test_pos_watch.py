"""A POS that does not answer is seen although the cloud goes on sending webhooks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from iiko_client.http.transport import Retries
from orders.admin.display import pos_silent_since
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from organizations.models.organization import Organization, TerminalGroup
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    authorized,
    cloud_event,
    drain,
    make_key,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
)
from tests.pages import ORDERS, sign_in_superuser, text
from tests.simulated_iiko import CORRELATION, SimulatedIiko, linked, refusal
from webhooks.models.reconciliation import LinkState
from webhooks.monitoring.link_monitor import watch_links
from webhooks.monitoring.pos_watch import ask_login, logins_to_ask, unanswered

pytestmark = pytest.mark.django_db

IS_ALIVE = "terminal_groups/is_alive"
SECOND_GROUP = "0a9b8c7d-6e5f-4d3c-8b2a-1f0e9d8c7b6b"
OTHER_GROUP = "0a9b8c7d-6e5f-4d3c-8b2a-1f0e9d8c7b6c"


def alive(**groups: bool) -> dict[str, Any]:
    """``alive(first=False)``: what iiko says of the groups named."""
    ids = {
        "first": (TERMINAL_GROUP_ID, ORGANIZATION_ID),
        "second": (SECOND_GROUP, ORGANIZATION_ID),
        "other": (OTHER_GROUP, OTHER_ORGANIZATION_ID),
    }
    told = [
        {"isAlive": is_alive, "terminalGroupId": ids[name][0], "organizationId": ids[name][1]}
        for name, is_alive in groups.items()
    ]
    return {"isAliveStatus": told}


def order(*, seconds: int = 0, **changes: Any) -> Order:
    """Make an order that changed so long before now; being sent to the POS unless said otherwise."""
    moment = timezone.now() - timedelta(seconds=seconds)
    fields = {
        "organization_id": ORGANIZATION_ID,
        "iiko_order_id": ORDER_ID,
        "creation_status": "InProgress",
        "terminal_group_id": TERMINAL_GROUP_ID,
        "updated_at": moment,
    } | changes
    row = Order.objects.create(**fields)
    Order.objects.filter(pk=row.pk).update(created_at=moment)
    return row


def command(state: CommandState, *, seconds: int) -> OrderCommand:
    sent = timezone.now() - timedelta(seconds=seconds)
    about = order(status="Waiting", creation_status="Success")
    return OrderCommand.objects.create(
        order=about, kind=CommandKind.CANCEL, state=state, sent_at=sent, created_at=sent, requested_by="x"
    )


def watch(*, later_s: int = 0, began: datetime | None = None) -> None:
    now = (began or timezone.now()) + timedelta(seconds=later_s)
    for login_id in logins_to_ask(now=now):
        ask_login(login_id, now=now)


def since(ident: str = TERMINAL_GROUP_ID) -> datetime | None:
    return TerminalGroup.objects.get(iiko_id=ident).silent_since(timezone.now())


def not_answering_since() -> dict[int, datetime | None]:
    """Since when the POS of each order does not answer."""
    return {row.pk: pos_silent_since(row) for row in Order.objects.with_pos_silence(timezone.now())}


@pytest.fixture
def restaurant(monkeypatch: pytest.MonkeyPatch) -> Organization:
    monkeypatch.setattr(Retries, "pause_s", lambda *_: 0.0)
    organization = linked(make_organization())
    make_terminal_group(organization)
    return organization


@pytest.fixture
def second(restaurant: Organization) -> TerminalGroup:
    return make_terminal_group(restaurant, iiko_id=SECOND_GROUP, name="Сирень, двор")


TIMED_OUT = {"message": "Creation timeout expired, order automatically transited to error creation status"}


@pytest.mark.parametrize(
    ("changes", "is_sign"),
    [
        ({"seconds": 61}, True),
        ({"seconds": 40}, False),
        ({"seconds": 25 * 3600}, False),
        ({"seconds": 61, "status": "WaitCooking", "creation_status": "Success"}, False),
        ({"seconds": 20, "creation_status": "Error", "error_info": TIMED_OUT}, True),
        ({"seconds": 600, "creation_status": "Error", "error_info": TIMED_OUT}, False),
        ({"seconds": 20, "creation_status": "Error", "error_info": {"code": "InvalidPhone"}}, False),
    ],
)
def test_creation_without_an_answer_is_a_sign(
    restaurant: Organization, changes: dict[str, Any], is_sign: bool
) -> None:
    order(**changes)

    assert (ORGANIZATION_ID in unanswered(timezone.now())) is is_sign


@pytest.mark.parametrize(
    ("state", "seconds", "is_sign"),
    [
        (CommandState.SENT, 61, True),
        (CommandState.UNKNOWN, 61, True),
        (CommandState.SENT, 40, False),
        (CommandState.PENDING, 61, False),
        (CommandState.CONFIRMED, 61, False),
        (CommandState.SENT, 25 * 3600, False),
    ],
)
def test_command_without_an_answer_is_a_sign(
    restaurant: Organization, state: CommandState, seconds: int, is_sign: bool
) -> None:
    command(state, seconds=seconds)

    assert (ORGANIZATION_ID in unanswered(timezone.now())) is is_sign


def test_nothing_waits_and_nobody_is_asked(restaurant: Organization, iiko: SimulatedIiko) -> None:
    order(status="OnWay", creation_status="Success")

    watch()

    assert iiko.operations() == []


@pytest.mark.parametrize(
    ("minutes", "is_asked"), [(-59, True), (0, True), (119, True), (-61, False), (121, False)]
)
def test_pos_of_a_restaurant_at_work_is_asked(
    restaurant: Organization, iiko: SimulatedIiko, minutes: int, is_asked: bool
) -> None:
    iiko.answers(IS_ALIVE, alive(first=True))
    promised = timezone.now() + timedelta(minutes=minutes)
    order(status="CookingStarted", creation_status="Success", promised_time=promised)

    watch()

    assert len(iiko.bodies(IS_ALIVE)) == is_asked


def test_pos_at_work_is_asked_each_forty_seconds(restaurant: Organization, iiko: SimulatedIiko) -> None:
    iiko.answers(IS_ALIVE, alive(first=True))
    order(status="CookingStarted", creation_status="Success", promised_time=timezone.now())
    began = timezone.now()

    for tick in range(0, 121, 20):
        watch(later_s=tick, began=began)

    assert len(iiko.bodies(IS_ALIVE)) == 4


def test_silent_pos_is_seen_and_seen_to_come_back(restaurant: Organization, iiko: SimulatedIiko) -> None:
    order(seconds=61)
    iiko.answers(IS_ALIVE, alive(first=False))
    iiko.answers(IS_ALIVE, alive(first=False))
    iiko.answers(IS_ALIVE, alive(first=True))

    watch()
    seen = since()
    assert seen is not None
    assert abs(timezone.now() - seen) < timedelta(seconds=20)
    Order.objects.update(status="WaitCooking", creation_status="Success")  # no sign is left
    watch(later_s=56)
    assert since() == seen
    watch(later_s=112)

    assert since() is None
    assert iiko.bodies(IS_ALIVE) == 3 * [
        {"organizationIds": [ORGANIZATION_ID], "terminalGroupIds": [TERMINAL_GROUP_ID]}
    ]


def test_restaurant_is_not_asked_about_again_at_once(restaurant: Organization, iiko: SimulatedIiko) -> None:
    order(seconds=61)
    iiko.answers(IS_ALIVE, alive(first=True))
    began = timezone.now()

    for later_s in (0, 0, 20, 24):
        watch(later_s=later_s, began=began)
    assert len(iiko.bodies(IS_ALIVE)) == 1
    watch(later_s=40, began=began)
    assert len(iiko.bodies(IS_ALIVE)) == 2
    for later_s in (1000, 1020, 1040):  # an old sign: once a minute will do
        watch(later_s=later_s, began=began)
    assert len(iiko.bodies(IS_ALIVE)) == 3


def test_failing_question_is_not_repeated_at_once_and_claims_nothing(
    restaurant: Organization, iiko: SimulatedIiko
) -> None:
    order(seconds=61)
    iiko.answers(IS_ALIVE, refusal("no"), status=400)

    watch()
    watch(later_s=20)

    assert (len(iiko.bodies(IS_ALIVE)), since()) == (1, None)


def test_refused_restaurant_does_not_hide_another_of_its_login(
    restaurant: Organization, iiko: SimulatedIiko
) -> None:
    other = linked(make_other_organization(), restaurant.api_login)
    make_terminal_group(other, iiko_id=OTHER_GROUP)
    order(seconds=61)
    order(seconds=61, organization_id=OTHER_ORGANIZATION_ID, iiko_order_id=OTHER_GROUP)
    iiko.answers(IS_ALIVE, refusal("Organization is not bound to this ApiLogin"), status=400)
    iiko.answers(IS_ALIVE, alive(first=False))
    iiko.answers(IS_ALIVE, refusal("Organization is not bound to this ApiLogin"), status=400)

    watch()

    assert (since() is not None, since(OTHER_GROUP)) == (True, None)


def test_only_the_group_that_is_down_is_marked(
    restaurant: Organization, second: TerminalGroup, iiko: SimulatedIiko, client: Client
) -> None:
    here = order(seconds=61)
    there = order(iiko_order_id=SECOND_GROUP, terminal_group_id=SECOND_GROUP, status="OnWay")
    post(client, [cloud_event(order_id=OTHER_GROUP, number=9)])
    drain()
    iiko.answers(IS_ALIVE, alive(first=False, second=True))

    watch()

    [health] = watch_links(now=timezone.now())
    assert health.state == LinkState.RECEIVING
    marked = not_answering_since()
    assert (marked[here.pk] is not None, marked[there.pk]) == (True, None)
    sign_in_superuser(client)
    assert "POS is silent since" in text(client.get("/admin/", headers={"Accept-Language": "en"}))


def test_restaurant_without_any_pos_is_offline_though_webhooks_come(
    restaurant: Organization, second: TerminalGroup, iiko: SimulatedIiko, client: Client
) -> None:
    nameless = order(seconds=61, terminal_group_id=None)
    over = order(iiko_order_id=SECOND_GROUP, status="Closed")
    lost = order(iiko_order_id=CORRELATION, creation_status="Error", error_info=TIMED_OUT)
    post(client, [cloud_event(order_id=OTHER_GROUP, number=9)])
    drain()
    iiko.answers(IS_ALIVE, alive(first=False, second=False))

    watch()

    [health] = watch_links(now=timezone.now())
    assert health.state == LinkState.OFFLINE_POS
    marked = not_answering_since()
    assert (marked[nameless.pk] is not None, marked[over.pk]) == (True, None)
    assert marked[lost.pk] is not None  # it may still be taken when the POS is back


def test_pages_api_and_metrics_say_since_when(
    restaurant: Organization, iiko: SimulatedIiko, client: Client
) -> None:
    row = order(seconds=61)
    iiko.answers(IS_ALIVE, alive(first=False))
    watch()
    sign_in_superuser(client)
    group = TerminalGroup.objects.get()
    moment = datetime(2026, 11, 20, 7, 5, tzinfo=UTC)  # 12:05 in Yekaterinburg
    TerminalGroup.objects.update(not_answering_since=moment)

    def page(path: str) -> str:
        return text(client.get(path, headers={"Accept-Language": "en"}))

    assert "The POS does not answer since 20 Nov 12:05" in page(f"{ORDERS}{row.pk}/change/")
    assert "POS is silent" in page(ORDERS)
    assert "POS is silent since 20 Nov 12:05" in page("/admin/")
    assert "POS is silent since 20 Nov 12:05" in page("/admin/organizations/organization/")
    own = page(f"/admin/organizations/organization/{restaurant.pk}/change/")
    assert own.count("20 Nov 12:05") == 2  # of the restaurant, and of its terminal group
    groups = "/admin/organizations/terminalgroup/"
    assert "does not answer since 20 Nov 12:05" in page(groups)
    assert "does not answer since 20 Nov 12:05" in page(f"{groups}{group.pk}/change/")
    told = client.get("/api/v1/terminal-groups", headers=authorized(make_key())).json()["results"]
    assert told[0]["not_answering_since"] == "2026-11-20T07:05:00Z"
    labels = f'{{organization="{ORGANIZATION_ID}",terminal_group="{TERMINAL_GROUP_ID}"}}'
    assert f"iikohub_pos_not_answering_seconds{labels}" in client.get("/metrics").content.decode()


def test_answer_of_long_ago_claims_nothing(
    restaurant: Organization, iiko: SimulatedIiko, client: Client
) -> None:
    order(seconds=61)
    iiko.answers(IS_ALIVE, alive(first=False))
    watch()
    TerminalGroup.objects.update(alive_told_at=timezone.now() - timedelta(minutes=11))
    sign_in_superuser(client)

    assert "POS is silent" not in text(client.get(ORDERS, headers={"Accept-Language": "en"}))
    told = client.get("/api/v1/terminal-groups", headers=authorized(make_key())).json()["results"]
    assert told[0]["not_answering_since"] is None
