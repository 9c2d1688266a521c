"""What the ready-made groups may do, page by page and action by action, as ``docs/how-it-works.md`` says."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone

from attention.tests.receivers import make_channel
from orders.models.command import OrderCommand
from orders.models.order import Order
from orders.permissions import PERMISSIONS as ACTIONS
from organizations.models.connection import ApiLogin
from outbound.tests.deliveries import make_delivery
from outbound.tests.endpoints import subscribe
from tests.builders import cloud_event, drain, make_hold, make_organization, post
from webhooks.models.inbox import WebhookConfig, WebhookEvent

pytestmark = pytest.mark.django_db

DISPATCHER, OPERATOR, ADMINISTRATOR, ANALYST = "Dispatcher", "Operator", "Administrator", "Analyst"
GROUPS = {DISPATCHER, OPERATOR, ADMINISTRATOR, ANALYST}
ALL = {DISPATCHER, OPERATOR, ADMINISTRATOR}
"""Those that work with guests."""
NOT_DISPATCHER = {OPERATOR, ADMINISTRATOR}
SETS_UP = {ADMINISTRATOR}

SEES: dict[str, set[str]] = {
    "orders.order": GROUPS,
    "orders.ordercommand": GROUPS,
    "hall.tableorder": GROUPS,
    "hall.reserve": GROUPS,
    "webhooks.webhookevent": ALL,
    "organizations.organization": GROUPS,
    "organizations.terminalgroup": GROUPS,
    "organizations.courier": GROUPS,
    "organizations.dictionaryentry": GROUPS,
    "organizations.stoplistitem": GROUPS,
    "organizations.shift": GROUPS,
    "loyalty.customer": ALL,
    "loyalty.loyaltyoperation": ALL,
    "loyalty.balancedifference": NOT_DISPATCHER,
    "organizations.apicall": SETS_UP,
    "organizations.apilogin": SETS_UP,
    "organizations.apikey": SETS_UP,
    "webhooks.webhookconfig": SETS_UP,
    "attention.attentionitem": GROUPS,
    "attention.rulesetting": SETS_UP,
    "attention.channel": SETS_UP,
    "attention.notification": SETS_UP,
    "audit.auditentry": SETS_UP,
    "outbound.subscription": SETS_UP,
    "outbound.delivery": SETS_UP,
    "auth.user": SETS_UP,
    "auth.group": SETS_UP,
    "axes.accessfailurelog": set(),  # superusers alone
}
ADDS = {"organizations.organization", "organizations.apilogin", "organizations.apikey"} | {
    *("webhooks.webhookconfig", "attention.rulesetting", "attention.channel"),
    "outbound.subscription",
    "auth.user",
    "auth.group",
}
DELETES = {"auth.user", "auth.group", "attention.rulesetting", "attention.channel", "outbound.subscription"}

# Pages besides those that every list has: what they are called with, and who may open them.
PAGES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "audit_auditentry_export": ((), SETS_UP),
    "audit_auditentry_export_xlsx": ((), SETS_UP),
    "organizations_apilogin_check": (("login",), SETS_UP),
    "organizations_apilogin_read": (("login",), SETS_UP),
    "organizations_shift_export": ((), GROUPS),
    "organizations_shift_export_xlsx": ((), GROUPS),
    "organizations_stoplistitem_refresh": ((), ALL),
    "organizations_stoplistitem_totals": ((), GROUPS),
    "organizations_stoplistitem_export": ((), GROUPS),
    "organizations_stoplistitem_export_xlsx": ((), GROUPS),
    "orders_ordercommand_retry": (("command",), NOT_DISPATCHER),
    "orders_ordercommand_abandon": (("command",), NOT_DISPATCHER),
    "orders_ordercommand_seen": (("command",), NOT_DISPATCHER),
    "orders_order_ask": (("order", "cancel"), NOT_DISPATCHER),
    "orders_order_ask_many": (("cancel",), NOT_DISPATCHER),
    "orders_order_asked": (("run",), GROUPS),
    "orders_order_export": ((), NOT_DISPATCHER | {ANALYST}),
    "orders_order_export_xlsx": ((), NOT_DISPATCHER | {ANALYST}),
    "orders_order_live": ((), GROUPS),
    "orders_ordercommand_live": ((), GROUPS),
    "webhooks_webhookevent_live": ((), ALL),
    "orders_order_seen": (("order",), ALL),
    "loyalty_customer_find": ((), ALL),
    "loyalty_customer_read": (("customer",), ALL),
    "loyalty_customer_move": (("customer", "wallet", "topup"), NOT_DISPATCHER),
    "loyalty_customer_release": (("hold",), NOT_DISPATCHER),
    "loyalty_loyaltyoperation_cancel": (("hold",), NOT_DISPATCHER),
    "webhooks_webhookconfig_register": (("config",), SETS_UP),
    "webhooks_webhookconfig_take-over": (("config",), SETS_UP),
    "webhooks_webhookevent_dead": ((), ALL),
    "webhooks_webhookevent_dead_replay": ((), SETS_UP),
    "webhooks_webhookevent_replay": (("event",), SETS_UP),
    "webhooks_webhookevent_payload": (("event",), ALL),
    "auth_user_password_change": (("user",), SETS_UP),
    "auth_user_two_steps_off": (("user",), SETS_UP),
    "auth_user_sign_out": (("user",), SETS_UP),
    "attention_channel_test": (("channel",), SETS_UP),
    "outbound_subscription_test": (("subscription",), SETS_UP),
    "outbound_subscription_rotate": (("subscription",), SETS_UP),
    "outbound_subscription_enable": (("subscription",), SETS_UP),
    "outbound_subscription_redeliver": (("subscription",), SETS_UP),
    "outbound_delivery_redeliver": (("delivery",), SETS_UP),
}


def label(model: Any) -> str:
    return f"{model._meta.app_label}.{model._meta.model_name}"


REGISTERED: dict[str, Any] = {label(model): page for model, page in admin.site._registry.items()}


@pytest.fixture(params=sorted(GROUPS))
def group(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def person(group: str) -> User:
    user = User.objects.create_user("somebody", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


@pytest.fixture
def signed_in(client: Client, person: User) -> Client:
    client.force_login(person)
    return client


@pytest.fixture
def rows() -> dict[str, Any]:
    """One of each, by the names that ``PAGES`` uses."""
    organization = make_organization()
    post(Client(), [cloud_event()])
    drain()
    now, order = timezone.now(), Order.objects.get()
    hold = make_hold(organization)
    command = OrderCommand.objects.create(order=order, kind="cancel", requested_by="x", created_at=now)
    delivery = make_delivery(subscribe())
    return {
        "order": order.pk,
        "command": command.pk,
        "event": WebhookEvent.objects.latest("pk").pk,
        "customer": hold.wallet.customer_id,
        "wallet": hold.wallet_id,
        "hold": hold.pk,
        "login": ApiLogin.objects.create(name="login", api_login="x").pk,
        "config": WebhookConfig.objects.get().pk,
        "user": User.objects.create_user("another").pk,
        "run": uuid4(),
        "channel": make_channel().pk,
        "subscription": delivery.subscription_id,
        "delivery": delivery.pk,
    }


def test_tables_name_every_list_and_page() -> None:
    usual = {"changelist", "add", "history", "delete", "change"}
    usual |= {"search", "index", "login", "logout", "done", "autocomplete", "jsi18n", "site", "list"}

    found = {name for name in names_of(admin.site.get_urls()) if name.rsplit("_", 1)[-1] not in usual}

    assert found | {"auth_user_password_change"} == set(PAGES)
    assert set(REGISTERED) == set(SEES)


def names_of(patterns: Any) -> set[str]:
    names: set[str] = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            names |= names_of(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name:
            names.add(pattern.name)
    return names


def test_group_opens_lists_and_forms(signed_in: Client, person: User, group: str) -> None:
    def answers(page: str) -> set[str]:
        urls = {name: reverse(f"admin:{name.replace('.', '_')}_{page}") for name in SEES}
        return {name for name, url in urls.items() if signed_in.get(url).status_code == 200}

    assert answers("changelist") == {name for name, groups in SEES.items() if group in groups}
    assert answers("add") == (ADDS if group == ADMINISTRATOR else set())


def test_group_changes_and_acts(person: User, group: str) -> None:
    request = RequestFactory().get("/")
    request.user = person
    asks = {"assign_courier", "change_status", "acknowledge_refusals"} | (
        {"cancel_orders"} if group in NOT_DISPATCHER else set()
    )
    acts = {"orders.order": asks, "orders.ordercommand": {"acknowledge"}} if group in ALL else {}
    sets_up = group == ADMINISTRATOR

    changes = {name for name, page in REGISTERED.items() if page.has_change_permission(request)}
    deletes = {name for name, page in REGISTERED.items() if page.has_delete_permission(request)}
    actions = {name: set(page.get_actions(request)) for name, page in REGISTERED.items()}

    assert changes == (ADDS if sets_up else set())
    assert deletes == (DELETES if sets_up else set())
    assert {name: found for name, found in actions.items() if found} == acts | (
        {
            "webhooks.webhookevent": {"replay"},
            "auth.user": {"delete_selected"},
            "auth.group": {"delete_selected"},
            "attention.rulesetting": {"delete_selected"},
            "attention.channel": {"delete_selected"},
            "outbound.subscription": {"delete_selected"},
        }
        if sets_up
        else {}
    )


def test_group_opens_other_pages(signed_in: Client, group: str, rows: dict[str, Any]) -> None:
    def status(name: str, needed: tuple[str, ...]) -> int:
        url = reverse(f"admin:{name}", args=[rows.get(each, each) for each in needed])
        answer = signed_in.get(url)
        if answer.streaming:
            answer.getvalue()  # a file is closed once it is read
        return int(answer.status_code)

    found = {name: status(name, needed) for name, (needed, _groups) in PAGES.items()}

    refused = {name for name, code in found.items() if code == 403}
    assert set(found.values()) <= {200, 205, 302, 403, 404, 405}
    assert refused == {name for name, (_needed, groups) in PAGES.items() if group not in groups}


def test_group_asks_iiko(person: User, group: str) -> None:
    asked = {str(kind.value) for kind, permission in ACTIONS.items() if person.has_perm(permission)}

    of_all = {str(kind.value) for kind in ACTIONS}
    of_dispatcher = {"update_status", "assign_courier"} if group == DISPATCHER else set()
    assert asked == (of_all if group in NOT_DISPATCHER else of_dispatcher)


def test_group_uses_loyalty_over_the_api(signed_in: Client, person: User, group: str) -> None:
    moves = signed_in.post("/api/v1/loyalty/topup", data="{}", content_type="application/json")

    assert signed_in.get("/api/v1/loyalty/operations").status_code == (200 if group in ALL else 403)
    assert moves.status_code == (400 if group in NOT_DISPATCHER else 403)
    assert person.has_perm("loyalty.view_personal_data") is (group in ALL)
    assert person.has_perm("hall.view_personal_data") is (group in ALL)
    assert person.has_perm("analytics.view_analytics") is (group != DISPATCHER)


def test_administrator_has_all_that_the_others_have() -> None:
    of = {group.name: set(group.permissions.values_list("pk", flat=True)) for group in Group.objects.all()}

    assert of[DISPATCHER] < of[OPERATOR] < of[ADMINISTRATOR]
    assert of[ANALYST] < of[OPERATOR]


def test_group_of_analysts_that_is_there_already_stays_as_it_is_and_a_used_one_stays() -> None:
    step: Any = MigrationLoader(connection).get_migration("iikohub", "0003_create_analysts").operations[0]
    person = User.objects.create_user("auditor")
    Group.objects.get(name=ANALYST).permissions.clear()

    with connection.schema_editor() as editor:
        step.code(apps, editor)
        assert not Group.objects.get(name=ANALYST).permissions.exists()

        person.groups.add(Group.objects.get(name=ANALYST))
        step.reverse_code(apps, editor)
        assert Group.objects.filter(name=ANALYST).exists()

        person.groups.clear()
        step.reverse_code(apps, editor)
        assert not Group.objects.filter(name=ANALYST).exists()

        step.code(apps, editor)
        assert Group.objects.get(name=ANALYST).permissions.count() == 13


def test_docs_say_the_same(client: Client) -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "how-it-works.md").read_text()
    said = re.findall(r"^\| \*(\w+)\* \|(.+)\|$", page, flags=re.MULTILINE)

    table = {name: [cell.strip() for cell in cells.split("|")] for name, cells in said}

    columns = (
        "orders.view_order",
        "orders.change_order_status",
        "orders.cancel_order",
        "loyalty.view_customer",
        "loyalty.topup_wallet",
        "webhooks.replay_webhookevent",
    )
    assert set(table) == GROUPS
    for name, cells in table.items():
        user = User.objects.create_user(name)
        user.groups.add(Group.objects.get(name=name))
        assert cells == ["yes" if user.has_perm(column) else "" for column in columns]


@pytest.mark.parametrize(
    ("app", "name", "group"),
    [
        ("loyalty", "0004_let_groups_use_loyalty", OPERATOR),
        ("attention", "0002_let_groups_use_attention", DISPATCHER),
        ("outbound", "0003_let_administrators_subscribe", ADMINISTRATOR),
    ],
)
def test_migration_that_lets_groups_can_be_taken_back(app: str, name: str, group: str) -> None:
    module: Any = MigrationLoader(connection).get_migration(app, name)
    step = module.operations[0]
    mine = Group.objects.get(name=group).permissions.filter(content_type__app_label=app)
    before = set(mine.values_list("codename", flat=True))

    with connection.schema_editor() as editor:
        step.reverse_code(apps, editor)
        assert not mine.exists()
        step.code(apps, editor)

    assert set(mine.values_list("codename", flat=True)) == before
