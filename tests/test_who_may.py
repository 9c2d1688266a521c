"""Every address with every kind of caller: what is open, what is refused, and that none was forgotten.

What the groups may do page by page stands in ``test_groups``; here are the API's keys, and whoever has
no rights at all.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from attention.models.items import AttentionItem
from hall.models import Reserve, TableOrder
from loyalty.models import LoyaltyOperation
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.connection.call_log import call_log
from organizations.models.api_keys import ApiKey, KeyRight
from organizations.models.connection import ApiCall
from organizations.provisioning import create_api_key
from tests.attention_items import make_item
from tests.builders import (
    OTHER_ORGANIZATION_ID,
    authorized,
    cloud_event,
    drain,
    inbox,
    make_hold,
    make_organization,
    make_other_organization,
    post,
    reserve_event,
    table_order_event,
)
from webhooks.models.inbox import WebhookConfig, WebhookEvent

pytestmark = pytest.mark.django_db

# Lists: 200 for whoever may read.
LISTS = {
    "event-list",
    "webhook-config-list",
    "order-list",
    "loyalty-operation-list",
    "table-order-list",
    "reserve-list",
    "organization-list",
    "terminal-group-list",
    "courier-list",
    "shift-list",
    "time-out-of-stock-list",
    "stop-list-list",
    "call-list",
    "analytics-list",
    "attention-list",
}
# One row: 404 for the key of another restaurant. The value names the row.
DETAILS = {
    "event-detail": "event",
    "webhook-config-detail": "config",
    "order-detail": "order",
    "order-commands": "order",
    "order-timeline": "order",
    "command-detail": "command",
    "loyalty-operation-detail": "operation",
    "table-order-detail": "table_order",
    "reserve-detail": "reserve",
    "call-detail": "call",
    "attention-detail": "item",
}
# What changes something: by method, with the row it is asked of.
CHANGES = {
    ("post", "event-replay"): "event",
    ("post", "event-replay-many"): None,
    ("post", "webhook-config-list"): None,
    ("patch", "webhook-config-detail"): "config",
    ("post", "webhook-config-register"): "config",
    ("post", "order-apply-discount"): "order",
    ("post", "order-assign-courier"): "order",
    ("post", "order-cancel"): "order",
    ("post", "order-update-payment"): "order",
    ("post", "order-update-status"): "order",
    ("post", "loyalty-topup"): None,
    ("post", "loyalty-withdraw"): None,
    ("post", "loyalty-hold"): None,
    ("post", "loyalty-cancel-hold"): "hold",
    ("post", "loyalty-operation-cancel"): "operation",
    ("post", "attention-take"): "item",
    ("post", "attention-release"): "item",
    ("post", "attention-resolve"): "item",
    ("post", "attention-snooze"): "item",
    ("post", "attention-reopen"): "item",
}
# Of the key that made them alone: see outbound/tests/test_api.py.
OF_ONE_KEY = {
    *("subscription-list", "subscription-detail", "subscription-event-types", "subscription-test"),
    *("subscription-rotate-secret", "subscription-enable", "subscription-redeliver"),
    *("delivery-list", "delivery-detail", "delivery-redeliver"),
}
# Has its own way of saying no.
ELSEWHERE = {"receive", "loyalty-customers", "unknown-address"}
# For everybody: the language, what describes the API, what machines ask, and the doors of signing in, which
# ask by themselves (iikohub/tests/test_second_factor.py).
OPEN = {"home", "set_language", "schema", "docs", "healthz", "readyz", "metrics"} | {
    *("sign-in", "code", "leave", "two-steps"),
}


@pytest.fixture(scope="module")
def rows(rows_of_module: None) -> dict[str, Any]:
    """Return the id of one row of each kind, all of the first restaurant."""
    organization = make_organization()
    make_other_organization(token=None)
    post(Client(), [cloud_event(), table_order_event(), reserve_event()])
    drain()
    now, order = timezone.now(), Order.objects.get()
    hold = make_hold(organization)
    command = OrderCommand.objects.create(order=order, kind="cancel", requested_by="x", created_at=now)
    call = ApiCall.objects.create(
        organization_id=organization.iiko_id, operation="x", url="x", started_at=now, duration_ms=1
    )
    return {
        "event": inbox()[0].pk,
        "config": WebhookConfig.objects.get().pk,
        "order": order.pk,
        "command": command.pk,
        "operation": hold.pk,
        "hold": hold.transaction_id,
        "table_order": TableOrder.objects.get().pk,
        "reserve": Reserve.objects.get().pk,
        "call": call.pk,
        "item": make_item(organization, order=order).pk,
    }


def state() -> tuple[Any, ...]:
    """Return what a refused caller must not have changed."""
    return (
        WebhookEvent.objects.count(),
        list(WebhookConfig.objects.values_list("auth_token", "previous_auth_token", "is_active")),
        OrderCommand.objects.count(),
        LoyaltyOperation.objects.count(),
        list(AttentionItem.objects.values()),
    )


def names(patterns: Any) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name


def api_names() -> set[str]:
    return names_under("api/v1/") | {"unknown-address"}


def names_under(prefix: str) -> set[str]:
    resolvers = [one for one in get_resolver().url_patterns if isinstance(one, URLResolver)]
    return {name for one in resolvers if str(one.pattern) == prefix for name in names(one.url_patterns)}


def url_of(name: str, row: Any) -> str:
    return reverse(name, args=[] if row is None else [row])


def ask(method: str, name: str, row: Any, key: str | None, client: Client | None = None) -> int:
    send = getattr(client or Client(), method)
    more = {} if method == "get" else {"data": "{}", "content_type": "application/json"}
    headers = {} if key is None else authorized(key)
    response = send(url_of(name, row), headers=headers, **more)
    return int(response.status_code)


def every_call(rows: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """List method, route and row of everything that the API offers."""
    reads = [("get", name, None) for name in LISTS] + [
        ("get", name, rows[row]) for name, row in DETAILS.items()
    ]
    return reads + [(method, name, row and rows[row]) for (method, name), row in CHANGES.items()]


def test_every_route_of_the_api_is_in_a_table() -> None:
    assert api_names() == LISTS | set(DETAILS) | {name for _, name in CHANGES} | ELSEWHERE | OF_ONE_KEY


def test_every_route_offers_only_what_the_tables_say(rows: dict[str, Any]) -> None:
    key = create_api_key(name="full")[1]
    offered = {(method, name) for method, name, _ in every_call(rows)}
    row_of = {name: row for _, name, row in every_call(rows)}

    for name, row in row_of.items():
        for method in ("get", "post", "put", "patch", "delete"):
            if (method, name) not in offered:
                assert ask(method, name, row, key) == 405, (method, name)


ENDS: dict[str, dict[str, Any]] = {
    "a revoked key": {"is_active": False},
    "an expired key": {"expires_at": timezone.now() - timedelta(seconds=1)},
}


@pytest.mark.parametrize("who", ["nobody", "a wrong key", *ENDS])
def test_unknown_callers_get_401(rows: dict[str, Any], who: str) -> None:
    row, known = create_api_key(name="known")
    assert ask("get", "order-list", None, known) == 200
    ApiKey.objects.filter(pk=row.pk).update(**ENDS.get(who, {}))
    key = {"nobody": None, "a wrong key": f"{known}x"}.get(who, known)
    before = state()

    found = {(method, name): ask(method, name, pk, key) for method, name, pk in every_call(rows)}

    assert set(found.values()) == {401}
    assert state() == before


@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS)
def test_key_that_ended_is_told_so(ends: dict[str, Any]) -> None:
    row, key = create_api_key(name="known")
    ApiKey.objects.filter(pk=row.pk).update(**ends)

    answer = Client().get(reverse("order-list"), headers=authorized(key) | {"Accept-Language": "en"})

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Api-Key")
    assert answer.json()["errors"] == [
        {
            "code": "authentication_failed",
            "detail": "The API key is wrong, switched off or expired.",
            "attr": None,
        }
    ]


RIGHT_BY_BEGINNING = {
    "event": KeyRight.WEBHOOKS,
    "webhook": KeyRight.WEBHOOKS,
    "subscription": KeyRight.WEBHOOKS,
    "delivery": KeyRight.WEBHOOKS,
    "loyalty": KeyRight.LOYALTY,
}
"""Of routes that change something; all others act."""


@pytest.mark.parametrize("right", KeyRight)
def test_key_of_one_right_changes_what_it_names_and_nothing_else(
    rows: dict[str, Any], right: KeyRight
) -> None:
    key = create_api_key(name="one right", rights=[right])[1]

    found = {
        (method, name): ask(method, name, row and rows[row], key) for (method, name), row in CHANGES.items()
    }

    own = {
        (method, name)
        for method, name in CHANGES
        if RIGHT_BY_BEGINNING.get(name.partition("-")[0], KeyRight.ACT) == right
    }
    assert {call for call, status in found.items() if status != 403} == own
    assert not {401, 405, 500} & set(found.values())


def test_person_without_rights_gets_403(rows: dict[str, Any]) -> None:
    client = Client()
    client.force_login(User.objects.create_user("somebody", is_staff=True))
    before = state()

    found = {(method, name): ask(method, name, pk, None, client) for method, name, pk in every_call(rows)}

    assert set(found.values()) == {403}
    assert state() == before


def test_key_that_only_reads_reads_all_and_changes_nothing(rows: dict[str, Any]) -> None:
    key = create_api_key(name="reader", rights=())[1]
    before = state()

    found = {(method, name): ask(method, name, pk, key) for method, name, pk in every_call(rows)}

    reads = {("get", name) for name in LISTS | set(DETAILS)}
    assert {call: status for call, status in found.items() if status == 200}.keys() == reads
    assert {status for call, status in found.items() if call not in reads} == {403}
    assert state() == before


def test_key_of_another_restaurant_reaches_nothing(rows: dict[str, Any]) -> None:
    key = create_api_key(name="stranger", organization_ids=[OTHER_ORGANIZATION_ID])[1]
    before = state()

    details = {name: ask("get", name, rows[row], key) for name, row in DETAILS.items()}
    changes = {
        (method, name): ask(method, name, rows[row], key)
        for (method, name), row in CHANGES.items()
        if row is not None
    }
    listed = {name: Client().get(reverse(name), headers=authorized(key)).json() for name in LISTS}

    assert set(details.values()) == {404}
    assert set(changes.values()) <= {404, 400}
    own = {"organization-list"}
    assert {name for name, page in listed.items() if page["results"]} == own
    assert [row["organization_id"] for row in listed["organization-list"]["results"]] == [
        OTHER_ORGANIZATION_ID
    ]
    assert state() == before


def test_full_key_is_let_in_everywhere(rows: dict[str, Any]) -> None:
    key = create_api_key(name="full")[1]

    found = {(method, name): ask(method, name, pk, key) for method, name, pk in every_call(rows)}
    call_log.flush()

    assert not {call: status for call, status in found.items() if status in {401, 403, 404} or status >= 500}


def test_pages_ask_who_it_is() -> None:
    """Whoever is not signed in is sent to the sign-in, an address that does not exist included."""
    pages = {
        name
        for resolver in get_resolver().url_patterns
        if str(resolver.pattern) in {"admin/", "admin/first-steps/", "admin/trace/", "console/"}
        for name in names(resolver.url_patterns)  # type: ignore[union-attr]  # a resolver
    }
    everybody = set(names(get_resolver().url_patterns)) - api_names() - pages

    assert everybody == OPEN - {"login"}
    for path in (
        "",
        "orders/order/",
        "orders/order/1/change/",
        "auth/user/1/password/",
        "search/",
        f"trace/{'1' * 32}/",
        "nothing/",
    ):
        for method in ("get", "post"):
            response = getattr(Client(), method)(f"/admin/{path}")
            assert response.status_code == 302, (method, path)
            assert response["Location"].startswith("/admin/login/")
    for method, path in (
        ("get", ""),
        ("get", "orders/1"),
        ("post", "orders/1/seen"),
        ("post", "orders/1/next"),
        ("post", "orders/1/acknowledge"),
        ("get", "orders/1/actions/cancel"),
        ("post", "orders/1/actions/cancel"),
        ("get", "orders/1/actions/discount/total"),
        ("post", "orders/1/commands/1/retry"),
        ("post", "preferences"),
        ("get", "dispatch"),
        ("get", "dispatch/couriers"),
        ("post", "dispatch/assign"),
        ("get", "search"),
        ("get", "attention"),
        ("post", "attention/1/take"),
    ):
        response = getattr(Client(), method)(f"/console/{path}")
        assert response.status_code == 302, path
        assert response["Location"].startswith("/admin/login/")
    # Asked by a script, which cannot sign in.
    assert Client().get("/console/changes").status_code == 401
    assert Client().get("/console/dispatch/changes").status_code == 401
    assert Client().get("/console/attention/changes").status_code == 401


def test_key_opens_no_page() -> None:
    key = create_api_key(name="full")[1]

    response = Client().get("/admin/orders/order/", headers=authorized(key))

    assert response.status_code == 302
