"""The connection to iiko in the admin: logins whose secrets are never shown, calls, dictionaries."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation
from procrastinate.contrib.django.models import ProcrastinateJob

from iiko_client.http.circuit_breaker import Circuit
from orders.models.order import Order
from organizations.connection.call_log import call_log
from organizations.connection.client_state_store import state_of
from organizations.connection.clients import key_of
from organizations.models.connection import ApiCall, ApiLogin, IikoCircuit, IikoPause, IikoToken
from organizations.models.dictionaries import Courier, DictionaryEntry
from organizations.models.organization import TerminalGroup
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    cloud_event,
    drain,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
)
from tests.pages import CALLS, LOGINS, ORGANIZATIONS, markup, rows, sign_in, sign_in_superuser, text
from tests.simulated_iiko import API_LOGIN, CORRELATION, IIKO, SimulatedIiko, linked, make_login, refusal

pytestmark = pytest.mark.django_db

ORDER = "6b9c7a1e-2f55-4c1c-9d0e-2b8a7c0f1111"


@pytest.fixture(autouse=True)
def _in_english(client: Client) -> Iterator[None]:
    client.cookies["django_language"] = "en"
    with translation.override("en"):
        yield


def form(**changes: str) -> dict[str, str]:
    given = {"name": "main", "base_url": IIKO, "is_active": "on", "kind": "v1", "api_login": API_LOGIN}
    return given | {"api_key": "", "app_id": "", "client_secret": ""} | changes


V2 = {"kind": "v2", "api_login": "", "api_key": "key-5ecret", "app_id": "app", "client_secret": "c-5ecret"}


def jobs() -> list[tuple[str, Any]]:
    return list(ProcrastinateJob.objects.values_list("task_name", "args"))


def page_of(login: ApiLogin) -> str:
    return f"{LOGINS}{login.pk}/change/"


class TestLogins:
    def test_adding_one_stores_it_encrypted_and_has_it_read(self, client: Client) -> None:
        sign_in_superuser(client)

        client.post(f"{LOGINS}add/", form())

        login = ApiLogin.objects.get()
        assert (login.api_login, login.api_key, login.base_url) == (API_LOGIN, "", IIKO)
        assert jobs() == [("organizations.tasks.sync_one_login", {"login_pk": login.pk})]

    def test_v2_needs_all_three_parts(self, client: Client) -> None:
        sign_in_superuser(client)

        response = client.post(f"{LOGINS}add/", form(**V2 | {"client_secret": ""}))

        assert "This kind of credential needs it." in text(response)
        assert "key-5ecret" not in response.content.decode()  # not even what was typed a moment ago
        assert not ApiLogin.objects.exists()
        assert jobs() == []

    def test_address_must_be_whole(self, client: Client) -> None:
        sign_in_superuser(client)

        response = client.post(f"{LOGINS}add/", form(base_url="api-ru.iiko.services"))

        assert "Write a whole address" in text(response)
        assert not ApiLogin.objects.exists()

    def test_secrets_left_empty_stay_and_are_never_shown(self, client: Client) -> None:
        login = make_login(api_login="", api_key="key-5ecret", app_id="app", client_secret="c-5ecret")
        sign_in_superuser(client)

        shown = client.get(page_of(login)).content.decode()
        client.post(page_of(login), form(**V2 | {"api_key": "", "client_secret": "", "name": "renamed"}))

        assert "set; leave empty to keep it" in shown
        assert "5ecret" not in shown
        login.refresh_from_db()
        assert (login.name, login.api_key, login.client_secret) == ("renamed", "key-5ecret", "c-5ecret")
        assert jobs() == []

    def test_address_must_not_hold_a_name_or_password(self, client: Client) -> None:
        sign_in_superuser(client)

        response = client.post(f"{LOGINS}add/", form(base_url="http://u:p4ss@iiko.example"))

        assert "without a name or password" in text(response)
        assert not ApiLogin.objects.exists()

    @pytest.mark.parametrize(
        ("stored", "given"),
        [
            ({}, form(api_login="")),
            (
                {"api_login": "", "api_key": "key-5ecret", "app_id": "app", "client_secret": "c-5ecret"},
                form(**V2 | {"api_key": ""}),
            ),
        ],
    )
    def test_kept_secret_does_not_go_to_another_address(
        self, client: Client, stored: dict[str, str], given: dict[str, str]
    ) -> None:
        login = make_login(**stored)
        sign_in_superuser(client)

        response = client.post(page_of(login), given | {"base_url": "https://else.example"})

        assert "The address is another one: enter it again" in text(response)
        login.refresh_from_db()
        assert login.base_url == IIKO
        assert jobs() == []

    def test_address_changes_along_with_its_secret(self, client: Client) -> None:
        login = make_login()
        sign_in_superuser(client)

        client.post(page_of(login), form(api_login="another", base_url="https://else.example"))

        login.refresh_from_db()
        assert (login.base_url, login.api_login) == ("https://else.example", "another")

    def test_address_of_the_environments_login_is_not_changed_here(self, client: Client) -> None:
        login = make_login(name="environment")
        sign_in_superuser(client)

        client.post(page_of(login), {"base_url": "https://else.example", "is_active": "on"})

        login.refresh_from_db()
        assert (login.base_url, login.is_active) == (IIKO, True)

    def test_choosing_the_other_kind_forgets_the_first(self, client: Client) -> None:
        login = make_login()
        sign_in_superuser(client)

        client.post(page_of(login), form(**V2))

        login.refresh_from_db()
        assert (login.api_login, login.api_key, login.app_id) == ("", "key-5ecret", "app")

    def test_login_of_the_environment_shows_no_credentials(self, client: Client) -> None:
        login = make_login(name="environment")
        sign_in_superuser(client)

        said = text(client.get(page_of(login)))
        client.post(page_of(login), {"base_url": "", "api_login": "stolen"})

        assert "come from the environment" in said
        assert "Kind of credential" not in said
        login.refresh_from_db()
        assert (login.api_login, login.is_active) == (API_LOGIN, False)

    def test_empty_list_says_what_to_do(self, client: Client) -> None:
        sign_in_superuser(client)

        assert "No logins yet: add the API login from iikoWeb" in text(client.get(LOGINS))

    def test_state_is_shown_in_plain_words(self, client: Client) -> None:
        now = timezone.now()
        login = make_login(last_used_at=now, sync_error="Кафе: no answer")
        key = key_of(login)
        IikoToken.objects.create(
            api_login=login, token="t-5ecret", renew_at=now + timedelta(minutes=14, seconds=30)
        )
        opened = Circuit(failures=5, last_failure_at=now, open_until=now + timedelta(seconds=50), openings=1)
        IikoCircuit.objects.create(name=f"{key}/cancel_causes/{ORGANIZATION_ID}", state=state_of(opened))
        IikoPause.objects.create(
            restriction_group=f"{key}/settings", until=now + timedelta(minutes=2, seconds=5), refusals=1
        )
        sign_in_superuser(client)

        said = text(client.get(page_of(login)))

        assert "partly paused" in said
        assert "valid, renewed in 14 min" in said
        assert "cancel_causes: stopped, 5 failures in a row" in said
        assert "iiko asked to be left alone: settings" in said
        assert "Nothing of this kind is sent for 2 min more" in said
        assert "Кафе: no answer" in said
        assert "5ecret" not in said

    def test_wallets_that_refused_are_no_trouble_of_the_login(self, client: Client) -> None:
        now = timezone.now()
        login = make_login(last_used_at=now)
        path = f"{key_of(login)}/loyalty/iiko/customer/wallet/chargeoff"
        wallet = IikoCircuit.objects.create(
            name=f"{path}/guest/wallet/{ORGANIZATION_ID}",
            state=state_of(Circuit(failures=4, last_failure_at=now)),
        )
        IikoCircuit.objects.create(
            name=f"{path}/{ORGANIZATION_ID}", state=state_of(Circuit(refusals=9, last_failure_at=now))
        )
        sign_in_superuser(client)

        calm = text(client.get(page_of(login)))
        wallet.state = state_of(
            Circuit(failures=5, last_failure_at=now, open_until=now + timedelta(minutes=1))
        )
        wallet.save()
        stopped = text(client.get(page_of(login)))

        assert "partly paused" not in calm
        assert "loyalty/iiko/customer/wallet/chargeoff: stopped, 5 failures in a row" in stopped

    def test_open_circuit_of_the_login_stops_it(self, client: Client) -> None:
        now = timezone.now()
        login = make_login(last_used_at=now)
        opened = Circuit(failures=5, last_failure_at=now, open_until=now + timedelta(minutes=1))
        IikoCircuit.objects.create(name=key_of(login), state=state_of(opened))
        sign_in_superuser(client)

        assert "stopped" in rows(client.get(LOGINS))[0]
        assert "all calls of this login: stopped" in text(client.get(page_of(login)))


class TestCheck:
    def test_tells_the_restaurants(self, client: Client, iiko: SimulatedIiko) -> None:
        login = make_login()
        offered = [{"id": ORGANIZATION_ID, "name": "Кафе", "responseType": "Simple"}]
        iiko.answers("organizations", {"correlationId": CORRELATION, "organizations": offered})
        user = sign_in_superuser(client)

        response = client.post(f"{LOGINS}{login.pk}/check/", follow=True)

        assert "The login works: 1 restaurant (Кафе)." in text(response)
        call_log.flush()
        assert set(ApiCall.objects.values_list("requested_by", flat=True)) == {user.username}

    @pytest.mark.parametrize(
        ("status", "description", "advice"),
        [
            (401, "Right Organizations is not allowed", "Tick the right in iikoWeb."),
            (402, "Licence", "The licence of the API has expired."),
            (429, "Too many requests", "iiko asked to wait. Try again in"),
            (500, "Boom", "Check the address and the network."),
        ],
    )
    def test_tells_what_to_do_when_it_fails(
        self, client: Client, iiko: SimulatedIiko, status: int, description: str, advice: str
    ) -> None:
        login = make_login()
        iiko.answers("organizations", refusal(description), status=status)
        sign_in_superuser(client)

        said = text(client.post(f"{LOGINS}{login.pk}/check/", follow=True))

        assert advice in said
        assert API_LOGIN not in said

    def test_incomplete_login_asks_nobody(self, client: Client, iiko: SimulatedIiko) -> None:
        login = make_login(api_login="", api_key="key")
        sign_in_superuser(client)

        said = text(client.post(f"{LOGINS}{login.pk}/check/", follow=True))

        assert "The credentials are not complete." in said
        assert iiko.operations() == []

    def test_looking_does_nothing(self, client: Client, iiko: SimulatedIiko) -> None:
        login = make_login()
        sign_in_superuser(client)

        assert client.get(f"{LOGINS}{login.pk}/check/").status_code == 405
        assert client.get(f"{LOGINS}{login.pk}/read/").status_code == 200

        assert (iiko.operations(), jobs()) == ([], [])

    def test_who_may_only_look_may_not_call(self, client: Client, iiko: SimulatedIiko) -> None:
        login = make_login()
        sign_in(client, "organizations.view_apilogin")

        assert client.post(f"{LOGINS}{login.pk}/check/").status_code == 403
        assert client.post(f"{LOGINS}{login.pk}/read/").status_code == 403
        said = text(client.get(page_of(login)))

        assert "Check connection" not in said
        assert (iiko.operations(), jobs()) == ([], [])

    def test_reading_is_left_to_a_worker(self, client: Client, iiko: SimulatedIiko) -> None:
        login = make_login()
        sign_in_superuser(client)

        client.post(f"{LOGINS}{login.pk}/read/")

        assert jobs() == [("organizations.tasks.sync_one_login", {"login_pk": login.pk})]
        assert iiko.operations() == []


def make_call(**changes: Any) -> ApiCall:
    facts: dict[str, Any] = {
        "operation": "organizations",
        "url": f"{IIKO}/api/1/organizations",
        "duration_ms": 12,
        "http_status": 200,
        "started_at": datetime(2026, 3, 14, 12, tzinfo=UTC),
    }
    return ApiCall.objects.create(**facts | changes)


class TestCalls:
    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("", {"organizations", "deliveries/cancel", "discounts"}),
            ("outcome=failed", {"deliveries/cancel"}),
            ("outcome=slow", {"discounts"}),
            ("outcome=nonsense", {"organizations", "deliveries/cancel", "discounts"}),
            (f"organization={ORGANIZATION_ID}", {"discounts"}),
            ("operation=organizations", {"organizations"}),
            ("login=nonsense", set()),
            (f"q={ORDER.upper()}", {"deliveries/cancel"}),
            (f"q={CORRELATION}", {"organizations"}),
        ],
    )
    def test_list_is_narrowed(self, client: Client, query: str, shown: set[str]) -> None:
        make_call(correlation_id=CORRELATION)
        make_call(operation="deliveries/cancel", error="IikoRejected", http_status=400, order_id=ORDER)
        make_call(operation="discounts", duration_ms=1500, organization_id=ORGANIZATION_ID)
        sign_in(client, "organizations.view_apicall")

        found = rows(client.get(f"{CALLS}?{query}"))

        assert {
            name for name in ("organizations", "deliveries/cancel", "discounts") if name in str(found)
        } == (shown)
        assert len(found) == len(shown)

    def test_page_shows_both_bodies_and_leads_to_the_order(self, client: Client) -> None:
        call = make_call(
            request={"orderId": ORDER}, response={"note": "<script>alert(1)</script>"}, order_id=ORDER
        )
        sign_in(client, "organizations.view_apicall", "orders.view_order")

        response = client.get(f"{CALLS}{call.pk}/change/")

        assert f'"orderId" : "{ORDER}"' in text(response)
        assert "<script>alert(1)" not in markup(response)
        assert f"/admin/orders/order/?q={ORDER}" in markup(response)

    def test_calls_can_neither_be_written_nor_deleted(self, client: Client) -> None:
        call = make_call()
        sign_in_superuser(client)

        assert client.post(f"{CALLS}{call.pk}/change/", {}).status_code == 403
        assert client.post(f"{CALLS}{call.pk}/delete/", {"post": "yes"}).status_code == 403
        assert ApiCall.objects.count() == 1

    def test_nobody_sees_them_unasked(self, client: Client) -> None:
        sign_in(client, "orders.view_order")

        assert client.get(CALLS).status_code == 403

    def test_work_of_the_hub_itself_is_named_in_the_readers_words(self, client: Client) -> None:
        sign_in_superuser(client)
        for name in ("pos watch", "sync_orders (by the clock)", "operator"):
            ApiCall.objects.create(
                operation="deliveries/by_id",
                requested_by=name,
                http_status=200,
                duration_ms=5,
                started_at=timezone.now(),
            )

        asked_by = [row.rsplit(" — ", 1)[1] for row in rows(client.get(CALLS))]

        assert sorted(asked_by) == ["operator", "reconciliation of orders", "watch over the POS"]


def test_page_of_a_restaurant_says_that_its_pos_answers(client: Client) -> None:
    organization = make_organization()
    page = f"{ORGANIZATIONS}{organization.pk}/change/"
    sign_in_superuser(client)
    make_terminal_group(organization)
    assert "POS — What iiko says" in text(client.get(page))

    TerminalGroup.objects.update(alive_told_at=timezone.now())

    assert "POS answers What iiko says" in text(client.get(page))


class TestDictionaries:
    def test_lists_are_narrowed_by_restaurant_and_kind(self, client: Client) -> None:
        here, there = make_organization(), make_other_organization()
        for one in (here, there):
            Courier.objects.create(organization=one, iiko_id=f"c-{one.pk}", name=f"Courier of {one.pk}")
            TerminalGroup.objects.create(organization=one, iiko_id=f"t-{one.pk}", name=f"POS of {one.pk}")
        DictionaryEntry.objects.create(organization=here, kind="discount", iiko_id="d", name="Birthday")
        DictionaryEntry.objects.create(organization=here, kind="payment_type", iiko_id="p", name="Cash")
        sign_in_superuser(client)
        base, query = "/admin/organizations/", f"?organization={here.iiko_id}"

        [courier] = rows(client.get(f"{base}courier/{query}"))
        [group] = rows(client.get(f"{base}terminalgroup/{query}"))
        [discount] = rows(client.get(f"{base}dictionaryentry/?kind=discount"))

        assert f"Courier of {here.pk}" in courier
        assert f"POS of {here.pk}" in group
        assert "Birthday" in discount

    def test_entry_shows_its_details_and_is_iikos(self, client: Client) -> None:
        entry = DictionaryEntry.objects.create(
            organization=make_organization(), kind="discount", iiko_id="d", name="x", data={"a": "<b>"}
        )
        sign_in_superuser(client)

        page = client.get(f"/admin/organizations/dictionaryentry/{entry.pk}/change/")

        assert '"a" : "<b>"' in text(page)
        assert "<b>" not in markup(page)
        path = f"/admin/organizations/dictionaryentry/{entry.pk}/change/"
        assert client.post(path, {"name": "y"}).status_code == 403

    def test_empty_list_says_where_to_read_them(self, client: Client) -> None:
        sign_in_superuser(client)

        assert "Read them from iiko" in text(client.get("/admin/organizations/courier/"))


def test_restaurant_leads_to_what_iiko_says_of_it(client: Client) -> None:
    restaurant = linked(make_organization())
    sign_in_superuser(client)

    page = markup(client.get(f"{ORGANIZATIONS}{restaurant.pk}/change/"))

    for name in ("courier", "terminalgroup", "dictionaryentry", "apicall"):
        assert f"/admin/organizations/{name}/?organization={ORGANIZATION_ID}" in page


def test_order_leads_to_its_calls_and_back(client: Client) -> None:
    make_organization()
    post(Client(), [cloud_event()])
    drain()
    call = make_call(operation="deliveries/by_id", order_id=ORDER_ID)
    make_call(order_id="another-order")
    sign_in_superuser(client)

    order_page = f"/admin/orders/order/{Order.objects.get().pk}/change/"
    link = f"{CALLS}?q={ORDER_ID}"

    assert link in markup(client.get(order_page))
    [row] = rows(client.get(link))
    assert "deliveries/by_id" in row
    back = f"/admin/orders/order/?q={ORDER_ID}"
    assert back in markup(client.get(f"{CALLS}{call.pk}/change/"))
    assert len(rows(client.get(back))) == 1


def test_who_may_not_see_calls_gets_no_link_to_them(client: Client) -> None:
    make_organization()
    post(Client(), [cloud_event()])
    drain()
    sign_in(client, "orders.view_order")

    page = markup(client.get(f"/admin/orders/order/{Order.objects.get().pk}/change/"))

    assert CALLS not in page
