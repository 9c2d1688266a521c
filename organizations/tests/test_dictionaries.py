"""``sync_dictionaries``: what iiko says of its restaurants, and what an operator set."""

from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from procrastinate.contrib.django.models import ProcrastinateJob

from organizations.models.dictionaries import Courier, DictionaryEntry
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.stop_lists import StopListReading
from tests.builders import (
    COURIER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    make_organization,
)
from tests.simulated_iiko import SimulatedIiko, make_login, refusal

pytestmark = pytest.mark.django_db

CAUSE = "10000000-0000-4000-8000-000000000001"
PAYMENT = "10000000-0000-4000-8000-000000000002"
DISCOUNT = "10000000-0000-4000-8000-000000000003"
ORDER_TYPE = "10000000-0000-4000-8000-000000000004"
REMOVAL = "10000000-0000-4000-8000-000000000005"


def vendor_organization(**changes: Any) -> dict[str, Any]:
    return {
        "responseType": "Extended",
        "id": ORGANIZATION_ID,
        "name": "Сирень",
        "currencyIsoName": "KZT",
        "version": "9.1.7008.0",
        "deliveryOrderPaymentSettings": "WhenOrderClosed",
        "isConfirmationEnabled": True,
    } | changes


def grouped(*items: dict[str, Any], organization_id: str = ORGANIZATION_ID) -> list[dict[str, Any]]:
    return [{"organizationId": organization_id, "items": list(items)}]


def vendor_group(**changes: Any) -> dict[str, Any]:
    return {
        "id": TERMINAL_GROUP_ID,
        "name": "Центр",
        "timeZone": "Asia/Almaty",
        "posVersion": "9.1",
    } | changes


def plays(iiko: SimulatedIiko, **changes: Any) -> None:
    """Play a login with one restaurant; ``changes`` name operations by their last part."""
    answers: dict[str, Any] = {
        "organizations": {"organizations": [vendor_organization()]},
        "terminal_groups": {"terminalGroups": grouped(vendor_group()), "terminalGroupsInSleep": []},
        "employees/couriers": {
            "employees": grouped({"id": COURIER_ID, "displayName": "Орлова Вера", "code": "7"})
        },
        "cancel_causes": {"cancelCauses": [{"id": CAUSE, "name": "Передумал", "isDeleted": False}]},
        "removal_types": {"removalTypes": [{"id": REMOVAL, "name": "Списание", "reasonRequired": True}]},
        "payment_types": {
            "paymentTypes": [
                {
                    "id": PAYMENT,
                    "name": "Наличные",
                    "code": "CASH",
                    "paymentTypeKind": "Cash",
                    "terminalGroups": [{"id": TERMINAL_GROUP_ID}],
                }
            ]
        },
        "discounts": {
            "discounts": grouped(
                {"id": DISCOUNT, "name": "Сотруднику", "mode": "Percent", "percent": 12.5, "sum": 99.99}
            )
        },
        "deliveries/order_types": {
            "orderTypes": grouped(
                {"id": ORDER_TYPE, "name": "Доставка", "orderServiceType": "DeliveryByCourier"}
            )
        },
        "nomenclature": {"products": [], "sizes": [], "revision": 1},
    }
    for operation, body in (answers | {_full(name): body for name, body in changes.items()}).items():
        iiko.answers(operation, body)


def _full(name: str) -> str:
    return {"couriers": "employees/couriers", "order_types": "deliveries/order_types"}.get(name, name)


def plays_again(iiko: SimulatedIiko, **changes: Any) -> None:
    for operation, body in changes.items():
        iiko.forget(_full(operation))
        iiko.answers(_full(operation), body)


def sync(**options: Any) -> str:
    out = StringIO()
    call_command("sync_dictionaries", stdout=out, **options)
    return out.getvalue()


def test_everything_of_a_login_comes_in(iiko: SimulatedIiko) -> None:
    login = make_login()
    plays(iiko)

    said = sync()

    organization = Organization.objects.get()
    assert (organization.iiko_id, organization.name, organization.currency) == (
        ORGANIZATION_ID,
        "Сирень",
        "KZT",
    )
    assert (organization.timezone, organization.is_active) == ("Asia/Almaty", True)
    assert organization.api_login == login
    assert (organization.pos_version, organization.payment_settings) == ("9.1.7008.0", "WhenOrderClosed")
    assert organization.is_confirmation_enabled is True
    assert organization.dictionaries_synced_at is not None
    group = TerminalGroup.objects.get()
    assert (group.name, group.timezone, group.is_in_sleep) == ("Центр", "Asia/Almaty", False)
    courier = Courier.objects.get()
    assert (courier.iiko_id, courier.name, courier.code) == (COURIER_ID, "Орлова Вера", "7")
    entries = {one.kind: (one.iiko_id, one.name) for one in DictionaryEntry.objects.all()}
    assert entries == {
        "cancel_cause": (CAUSE, "Передумал"),
        "removal_type": (REMOVAL, "Списание"),
        "payment_type": (PAYMENT, "Наличные"),
        "discount": (DISCOUNT, "Сотруднику"),
        "order_type": (ORDER_TYPE, "Доставка"),
    }
    discount = DictionaryEntry.objects.get(kind="discount").data
    assert (discount["percent"], discount["sum_minor"], discount["mode"]) == ("12.5", 9999, "Percent")
    assert DictionaryEntry.objects.get(kind="payment_type").data["terminal_group_ids"] == [TERMINAL_GROUP_ID]
    assert said.splitlines() == [
        "Login 'main'",
        "  Сирень: 8 new, 0 changed, 0 gone",
        "1 restaurant: 8 new, 0 changed, 0 gone.",
    ]


def test_second_run_changes_nothing(iiko: SimulatedIiko) -> None:
    make_login()
    plays(iiko)
    sync()
    before = list(DictionaryEntry.objects.order_by("pk").values())

    assert sync().splitlines()[-1] == "1 restaurant: 0 new, 0 changed, 0 gone."

    assert list(DictionaryEntry.objects.order_by("pk").values()) == before


def test_what_is_gone_is_marked_and_may_come_back(iiko: SimulatedIiko) -> None:
    make_login()
    plays(iiko)
    sync()
    groups = {"terminalGroups": [], "terminalGroupsInSleep": grouped(vendor_group())}
    plays_again(iiko, couriers={"employees": []}, cancel_causes={"cancelCauses": []}, terminal_groups=groups)

    assert sync().splitlines()[-1] == "1 restaurant: 0 new, 1 changed, 2 gone."

    assert Courier.objects.get().is_deleted
    assert DictionaryEntry.objects.get(kind="cancel_cause").is_deleted
    assert TerminalGroup.objects.get().is_in_sleep
    plays_again(iiko, couriers={"employees": grouped({"id": COURIER_ID, "displayName": "Орлова Вера"})})
    sync()
    assert not Courier.objects.get().is_deleted


def test_what_an_operator_set_is_kept(iiko: SimulatedIiko) -> None:
    make_login()
    plays(iiko)
    sync()
    Organization.objects.update(name="Кафе на углу", timezone="Europe/Samara")
    TerminalGroup.objects.update(timezone="Europe/Samara")
    moved = {"terminalGroups": grouped(vendor_group(timeZone="+03:00", name="Центр 2"))}
    renamed = {"organizations": [vendor_organization(name="Сирень 2")]}
    plays_again(iiko, terminal_groups=moved, organizations=renamed)

    sync()

    organization, group = Organization.objects.get(), TerminalGroup.objects.get()
    assert (organization.name, organization.timezone) == ("Кафе на углу", "Europe/Samara")
    assert (organization.vendor_name, organization.vendor_timezone) == ("Сирень 2", "+03:00")
    assert (group.name, group.timezone, group.vendor_timezone) == ("Центр 2", "Europe/Samara", "+03:00")


def test_what_nobody_set_follows_iiko(iiko: SimulatedIiko) -> None:
    make_login()
    plays(iiko)
    sync()
    moved = {"terminalGroups": grouped(vendor_group(timeZone="05:00:00"))}
    plays_again(
        iiko, terminal_groups=moved, organizations={"organizations": [vendor_organization(name="Клён")]}
    )

    sync()

    assert (Organization.objects.get().name, Organization.objects.get().timezone) == ("Клён", "05:00:00")
    assert TerminalGroup.objects.get().timezone == "05:00:00"


def test_restaurant_added_by_hand_keeps_its_words_and_gets_the_login(iiko: SimulatedIiko) -> None:
    make_organization(is_active=False)
    login = make_login()
    plays(iiko)

    sync()

    organization = Organization.objects.get()
    assert (organization.name, organization.timezone) == ("Кафе «Сирень»", "Asia/Yekaterinburg")
    assert (organization.api_login, organization.is_active) == (login, False)
    assert (organization.currency, organization.vendor_name) == ("RUB", "Сирень")


def test_zone_that_cannot_be_read_is_taken_for_utc_until_it_can(iiko: SimulatedIiko) -> None:
    make_login()
    plays(iiko, terminal_groups={"terminalGroups": grouped(vendor_group(timeZone="где-то"))})

    said = sync()

    assert "Сирень: iiko tells no time zone, taken for UTC. Set it in the admin." in said
    assert (Organization.objects.get().timezone, TerminalGroup.objects.get().timezone) == ("UTC", "")
    plays_again(iiko, terminal_groups={"terminalGroups": grouped(vendor_group())})
    sync()
    assert Organization.objects.get().timezone == "Asia/Almaty"


def test_failing_restaurant_does_not_stop_the_others(iiko: SimulatedIiko) -> None:
    make_login()
    bad = vendor_organization(id=OTHER_ORGANIZATION_ID, name="Клён")
    plays(iiko, organizations={"organizations": [bad, vendor_organization()]})
    iiko.forget("terminal_groups")
    iiko.answers("terminal_groups", refusal("no such organization"), status=400)
    iiko.answers("terminal_groups", {"terminalGroups": grouped(vendor_group())})

    with pytest.raises(CommandError) as failed:
        sync()

    assert str(failed.value) == (
        "Not everything could be read. Run it again when this is fixed:\n"
        "  Клён: terminal_groups, HTTP 400: no such organization"
    )
    assert [one.name for one in Organization.objects.all()] == ["Сирень"]
    assert DictionaryEntry.objects.count() == 5


def test_right_that_is_missing_costs_one_dictionary(iiko: SimulatedIiko) -> None:
    make_login()
    plays(iiko)
    iiko.forget("discounts")
    denied = refusal("Right api/1/discounts is not allowed for this ApiLogin.")
    iiko.answers("discounts", denied, status=401)

    with pytest.raises(CommandError, match="Сирень, discounts: discounts, HTTP 401, right_missing"):
        sync()

    assert {one.kind for one in DictionaryEntry.objects.all()} == {
        "cancel_cause",
        "removal_type",
        "payment_type",
        "order_type",
    }
    assert Organization.objects.get().dictionaries_synced_at is None


def test_refused_login_stops_at_once_and_deletes_nothing(iiko: SimulatedIiko) -> None:
    make_login(name="bad", api_login="wrong-login")
    make_login(name="worse", api_login="")
    iiko.forget("access_token")
    iiko.answers("access_token", refusal("Login wrong-login is not authorized"), status=401)

    with pytest.raises(CommandError) as failed:
        sync()

    assert str(failed.value).splitlines()[1:] == [
        "  Login 'bad': access_token, HTTP 401, login_refused: Login *** is not authorized",
        (
            "  Login 'worse': The API login 'worse' is not complete: it needs the login (v1), or the key, "
            "the application id and the client secret together (v2)."
        ),
    ]
    assert iiko.operations() == ["access_token"]


def test_answer_without_its_list_deletes_nothing(iiko: SimulatedIiko) -> None:
    make_login()
    plays(iiko)
    sync()
    plays_again(iiko, couriers={"correlationId": "1"})

    with pytest.raises(CommandError, match="employees is missing or no list"):
        sync()

    assert not Courier.objects.get().is_deleted


def test_restaurant_that_left_the_login_is_mentioned(iiko: SimulatedIiko) -> None:
    make_login()
    plays(iiko)
    sync()
    plays_again(iiko, organizations={"organizations": []})

    assert "Сирень: no longer among the restaurants of the login 'main'." in sync()
    assert Organization.objects.get().is_active


def test_one_login_may_be_named(iiko: SimulatedIiko) -> None:
    make_login()
    make_login(name="other", api_login="other-login")
    plays(iiko)

    sync(login="other")

    assert iiko.bodies("access_token") == [{"apiLogin": "other-login"}]
    with pytest.raises(CommandError, match="No active API login is named 'third'"):
        sync(login="third")


def test_without_any_login_it_says_what_to_do() -> None:
    with pytest.raises(CommandError) as failed:
        sync()

    assert str(failed.value) == ("There is no active API login. Add one in the admin, or set IIKO_API_KEY.")


def test_login_of_the_environment_is_used(iiko: SimulatedIiko, settings: LazySettings) -> None:
    settings.IIKO_API_URL, settings.IIKO_API_KEY = "https://iiko.example/api/1", "env-login"
    plays(iiko)

    sync()

    assert iiko.bodies("access_token") == [{"apiLogin": "env-login"}]
    assert Organization.objects.get().api_login is not None


MENU = {
    "products": [
        {"id": CAUSE, "name": "Суп дня", "code": "0017", "type": "dish", "isDeleted": False},
        {"id": PAYMENT, "name": "Халапеньо", "type": "modifier"},
    ],
    "sizes": [{"id": DISCOUNT, "name": "30 см"}],
    "revision": 7,
}


def menu_rows() -> list[tuple[str, str, bool]]:
    rows = DictionaryEntry.objects.filter(kind__in=("product", "size")).order_by("kind", "name")
    return [(row.kind, row.name, row.is_deleted) for row in rows]


def test_menu_names_products_and_sizes_and_is_asked_for_by_its_revision(iiko: SimulatedIiko) -> None:
    make_login()
    plays(iiko, nomenclature=MENU)
    sync()
    everything = [("product", "Суп дня", False), ("product", "Халапеньо", False), ("size", "30 см", False)]
    assert menu_rows() == everything
    assert DictionaryEntry.objects.get(name="Суп дня").data == {"code": "0017", "kind": "dish"}

    plays_again(iiko, nomenclature={"products": [], "sizes": [], "revision": 7})
    sync()
    assert menu_rows() == everything
    assert [body["startRevision"] for body in iiko.bodies("nomenclature")] == [0, 7]

    gone = {"id": PAYMENT, "name": "Халапеньо", "isDeleted": True}
    plays_again(iiko, nomenclature={"products": [gone], "sizes": [], "revision": 8})
    sync()
    assert menu_rows() == [("product", "Суп дня", False), ("product", "Халапеньо", True), everything[2]]
    assert Organization.objects.get().menu_revision == 8


def test_login_without_a_right_to_the_menu_reads_all_else(iiko: SimulatedIiko) -> None:
    login = make_login()
    plays(iiko)
    iiko.forget("nomenclature")
    iiko.answers(
        "nomenclature", refusal("Right api/1/nomenclature is not allowed for this ApiLogin."), status=401
    )

    said = sync()

    assert "Products on stop lists go by their ids." in said
    login.refresh_from_db()
    assert (login.sync_error, Organization.objects.get().dictionaries_synced_at is not None) == ("", True)


def test_stop_lists_are_read_after_the_dictionaries(iiko: SimulatedIiko) -> None:
    make_login()
    plays(iiko)

    sync()

    assert StopListReading.objects.get().wanted_at is not None
    jobs = ProcrastinateJob.objects.filter(task_name="organizations.tasks.read_stop_lists")
    assert [job.args for job in jobs] == [{"organization_id": ORGANIZATION_ID}]
