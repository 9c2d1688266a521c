"""A person who is restricted to one restaurant, at every address: nothing of another is shown or taken.

``other_restaurant`` has one row of everything, each text of which holds ``MARKER``. Its restaurant's pages
answer such a person as a row does that is not there; the same pages, asked by somebody with the same rights
and no restriction, do show it, so that a forgotten row or address is noticed.
"""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group, Permission, User
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from django.utils.http import urlencode
from pytest_django import DjangoAssertNumQueries

from attention.models.items import AttentionItem
from console.models import Preferences, SeenOrder
from loyalty.models import LoyaltyOperation
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.access import OTHERWISE, PATHS, restaurants_of
from organizations.models.access import RestaurantAccess
from organizations.models.api_keys import ApiKey
from organizations.models.organization import Organization
from organizations.models.stop_lists import StopListReading
from tests.builders import (
    ORDER_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    cloud_event,
    drain,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
)
from tests.other_restaurant import IIKO_ORDER_ID, MARKER, NUMBER, PHONE, other_restaurant
from webhooks.models.inbox import WebhookConfig, WebhookEvent

pytestmark = pytest.mark.django_db

MISSING = 987_654_321

# Addresses with a parameter: the row that stands for it. A page of the admin that every list has is found
# by itself.
ROWS: dict[str, tuple[str, ...]] = {
    "admin:organizations_apilogin_check": ("organizations.apilogin",),
    "admin:organizations_apilogin_read": ("organizations.apilogin",),
    "admin:orders_order_seen": ("orders.order",),
    "admin:orders_order_ask": ("orders.order", "=cancel"),
    "admin:orders_ordercommand_retry": ("orders.ordercommand",),
    "admin:orders_ordercommand_seen": ("orders.ordercommand",),
    "admin:orders_ordercommand_abandon": ("orders.ordercommand",),
    "admin:loyalty_customer_read": ("loyalty.customer",),
    "admin:loyalty_customer_move": ("loyalty.customer", "loyalty.wallet", "=topup"),
    "admin:loyalty_customer_release": ("loyalty.loyaltyoperation",),
    "admin:loyalty_loyaltyoperation_cancel": ("loyalty.loyaltyoperation",),
    "admin:webhooks_webhookconfig_register": ("webhooks.webhookconfig",),
    "admin:webhooks_webhookconfig_take-over": ("webhooks.webhookconfig",),
    "admin:webhooks_webhookevent_replay": ("webhooks.webhookevent",),
    "admin:webhooks_webhookevent_payload": ("webhooks.webhookevent",),
    "admin:auth_user_password_change": ("auth.user",),
    "admin:auth_user_two_steps_off": ("auth.user",),
    "admin:auth_user_sign_out": ("auth.user",),
    "admin:attention_channel_test": ("attention.channel",),
    "admin:outbound_subscription_test": ("outbound.subscription",),
    "admin:outbound_subscription_rotate": ("outbound.subscription",),
    "admin:outbound_subscription_enable": ("outbound.subscription",),
    "admin:outbound_subscription_redeliver": ("outbound.subscription",),
    "admin:outbound_delivery_redeliver": ("outbound.delivery",),
    "trace": ("webhooks.webhookevent.trace_id",),
    "first_steps:register-one": ("organizations.organization",),
    "console:order": ("orders.order",),
    "console:seen": ("orders.order",),
    "console:next": ("orders.order",),
    "console:acknowledge": ("orders.order",),
    "console:discount_total": ("orders.order",),
    "console:act": ("orders.order", "=cancel"),
    "console:attention-act": ("attention.attentionitem", "=take"),
    "console:command": ("orders.order", "orders.ordercommand", "=retry"),
    "event-detail": ("webhooks.webhookevent",),
    "event-replay": ("webhooks.webhookevent",),
    "webhook-config-detail": ("webhooks.webhookconfig",),
    "webhook-config-register": ("webhooks.webhookconfig",),
    "order-detail": ("orders.order",),
    "order-apply-discount": ("orders.order",),
    "order-assign-courier": ("orders.order",),
    "order-cancel": ("orders.order",),
    "order-commands": ("orders.order",),
    "order-timeline": ("orders.order",),
    "order-update-payment": ("orders.order",),
    "order-update-status": ("orders.order",),
    "command-detail": ("orders.ordercommand",),
    "loyalty-cancel-hold": ("loyalty.loyaltyoperation.transaction_id",),
    "loyalty-operation-detail": ("loyalty.loyaltyoperation",),
    "loyalty-operation-cancel": ("loyalty.loyaltyoperation",),
    "table-order-detail": ("hall.tableorder",),
    "reserve-detail": ("hall.reserve",),
    "call-detail": ("organizations.apicall",),
    "attention-detail": ("attention.attentionitem",),
    "attention-take": ("attention.attentionitem",),
    "attention-release": ("attention.attentionitem",),
    "attention-resolve": ("attention.attentionitem",),
    "attention-snooze": ("attention.attentionitem",),
    "attention-reopen": ("attention.attentionitem",),
    "subscription-detail": ("outbound.subscription",),
    "subscription-test": ("outbound.subscription",),
    "subscription-rotate-secret": ("outbound.subscription",),
    "subscription-enable": ("outbound.subscription",),
    "subscription-redeliver": ("outbound.subscription",),
    "delivery-detail": ("outbound.delivery",),
    "delivery-redeliver": ("outbound.delivery",),
}
# What shows no row by its parameter.
OF_NOTHING = {
    "admin:view_on_site": "no model has an address of its own",
    "admin:app_list": "names lists",
    "admin:orders_order_ask_many": "takes its orders from the form",
    "admin:orders_order_asked": "shows what the session keeps",
}
# What is no page: signing in and out, what machines ask, texts for all.
NOT_WALKED = {"admin:login", "admin:logout", "receive", "set_language", "unknown-address"}
NOT_WALKED |= {"metrics", "healthz", "readyz", "schema"}
USUAL = ("change", "history", "delete")


def patterns(of: Any, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in of:
        if isinstance(one, URLResolver):
            yield from patterns(one.url_patterns, f"{space}{one.namespace}:" if one.namespace else space)
        elif isinstance(one, URLPattern) and one.name:
            yield space + one.name, one


def has_parameters(pattern: URLPattern) -> bool:
    return bool(pattern.pattern.converters or pattern.pattern.regex.groupindex)


ALL = dict(patterns(get_resolver().url_patterns))
PLAIN = sorted(name for name, one in ALL.items() if not has_parameters(one) and name not in NOT_WALKED)


def addresses_of_rows() -> dict[str, tuple[str, ...]]:
    """Return what each address with a parameter is called with."""
    usual = {
        f"admin:{label.replace('.', '_')}_{page}": (label,)
        for label in (model._meta.label_lower for model in admin.site._registry)
        for page in USUAL
    }
    return usual | ROWS


def test_every_address_is_considered() -> None:
    with_parameters = {name for name, one in ALL.items() if has_parameters(one)}

    assert with_parameters == (set(addresses_of_rows()) & with_parameters) | set(OF_NOTHING)
    assert set(ROWS) <= with_parameters | {"admin:auth_user_password_change"}


@pytest.fixture(scope="module")
def theirs(rows_of_module: None) -> dict[str, Any]:
    return other_restaurant()


@pytest.fixture(scope="module")
def mine(rows_of_module: None) -> Organization:
    """Make the person's restaurant, with an order that has much to do with one of the other restaurant."""
    place = make_organization()
    make_terminal_group(place)
    post(Client(), [cloud_event(phone=PHONE, movedToDeliveryId=IIKO_ORDER_ID)])
    drain()
    return place


def person(name: str, rights: str, *places: Organization, is_restricted: bool = True) -> Client:
    user = User.objects.create_user(name, is_staff=True)
    if rights == "every right":
        user.user_permissions.set(Permission.objects.all())
    else:
        user.groups.add(Group.objects.get(name=rights))
    if is_restricted:
        RestaurantAccess.objects.create(user=user, is_restricted=True).restaurants.set(places)
    client = Client()
    client.force_login(user)
    return client


RIGHTS = pytest.mark.parametrize("rights", ["Operator", "every right"])


def body(response: Any) -> str:
    content = b"".join(response) if response.streaming else response.content
    if content.startswith(b"PK"):  # a workbook
        with ZipFile(BytesIO(content)) as parts:
            content = b"\n".join(map(parts.read, parts.namelist()))
    text: str = content.decode().lower()
    return text


QUERIES = ("", "?state=all", f"?q={NUMBER}", f"?q={PHONE.replace('+', '%2B')}", "?format=csv&days=30")


def shown(client: Client, name: str) -> bool:
    """Whether a page without parameters shows something of the other restaurant, in one of its views."""
    url = reverse(name)
    queries: tuple[str, ...] = (
        QUERIES if name.startswith("admin:") else ("", f"?search={NUMBER}", "?open=false")
    )
    if name in {"console:changes", "console:attention-changes"}:
        since = timezone.now() - timedelta(minutes=30)
        queries = (f"?{urlencode({'since': since.isoformat()})}",)
    elif name == "admin:autocomplete":
        queries = autocompletes()
    elif name.endswith("_add"):
        queries = ("",)  # a form is narrowed by nothing
    return any(MARKER in body(client.get(url + query)) for query in queries)


def autocompletes() -> tuple[str, ...]:
    fields = [
        (model._meta.app_label, model._meta.model_name, field.name)
        for model in apps.get_models()
        for field in (*model._meta.fields, *model._meta.many_to_many)
        if field.related_model in admin.site._registry
    ]
    return tuple(
        f"?term=q&app_label={app}&model_name={model}&field_name={name}" for app, model, name in fields
    )


def test_the_other_restaurant_has_a_row_of_everything(theirs: dict[str, Any]) -> None:
    assert set(theirs) >= set(PATHS)


@RIGHTS
def test_no_list_or_page_shows_the_other_restaurant(
    mine: Organization, theirs: dict[str, Any], rights: str
) -> None:
    restricted = person("restricted", rights, mine)

    assert [name for name in PLAIN if shown(restricted, name)] == []


def test_the_same_lists_show_it_to_who_is_not_restricted(mine: Organization, theirs: dict[str, Any]) -> None:
    other = person("other", "every right", is_restricted=False)
    lists = {name for name in PLAIN if name.endswith(("_changelist", "-list", "_export", "_totals"))}
    lists |= {"console:board", "console:changes", "console:attention", "console:attention-changes"}
    lists |= {"admin:index", "admin:webhooks_webhookevent_dead"}

    silent = {name for name in lists if not shown(other, name)}

    assert silent == {"admin:axes_accessfailurelog_changelist"}  # nobody failed to sign in


def answers(client: Client, name: str, arguments: list[Any]) -> tuple[Any, ...]:
    """Return what GET and POST answer, without the number of the row."""
    if name == "admin:auth_user_password_change":
        url = f"/admin/auth/user/{arguments[0]}/password/"
    else:
        url = reverse(name, args=arguments)
    found = [client.get(url), client.post(url, {"post": "yes", "reason": "x", "token": "t", "key": uuid4()})]
    found.append(client.post(url, "{}", content_type="application/json"))
    # Django names a missing row by its number, and by nothing else.
    return tuple(
        (one.status_code, one.headers.get("Location", "").replace(str(arguments[0]), "#")) for one in found
    )


def arguments_of(needed: tuple[str, ...], rows: dict[str, Any]) -> list[Any]:
    return [one[1:] if one.startswith("=") else value_of(one, rows) for one in needed]


def value_of(label: str, rows: dict[str, Any]) -> Any:
    app, model, *column = label.split(".")
    return getattr(rows[f"{app}.{model}"], column[0] if column else "pk")


def compared(client: Client, rows: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, ...], tuple[Any, ...]]]:
    """Yield what each address answers for the other restaurant's row, and for one that is not there."""
    # What deletes comes last.
    for name, needed in sorted(addresses_of_rows().items(), key=lambda one: one[0].endswith("_delete")):
        if name.startswith(("admin:axes_", "admin:auth_group_")):
            continue  # of no restaurant
        missing = [one[1:] if one.startswith("=") else MISSING for one in needed]
        yield name, answers(client, name, arguments_of(needed, rows)), answers(client, name, missing)


def state() -> tuple[Any, ...]:
    return (
        list(OrderCommand.objects.order_by("pk").values()),
        list(LoyaltyOperation.objects.order_by("pk").values()),
        WebhookEvent.objects.count(),
        list(WebhookConfig.objects.order_by("pk").values()),
        list(Organization.objects.order_by("pk").values("name", "is_active", "api_login")),
        list(User.objects.order_by("pk").values("password", "is_active", "email")),
        list(StopListReading.objects.values("wanted_at", "organization")),
        list(Order.objects.order_by("pk").values("refusal_acknowledged_at", "seen")),
        list(AttentionItem.objects.order_by("pk").values()),
    )


@RIGHTS
def test_a_row_of_the_other_restaurant_is_not_there(
    mine: Organization, theirs: dict[str, Any], rights: str
) -> None:
    restricted = person("restricted", rights, mine)
    SeenOrder.objects.all().delete()
    before = state()

    assert [name for name, found, missing in compared(restricted, theirs) if found != missing] == []
    assert state() == before


def test_the_same_row_is_there_for_who_is_not_restricted(mine: Organization, theirs: dict[str, Any]) -> None:
    other = person("other", "every right", is_restricted=False)

    alike = {name: found for name, found, missing in compared(other, theirs) if found == missing}

    # Nobody may delete what iiko writes; a mark as seen is answered alike, whatever it marks.
    assert {name for name, found in alike.items() if {status for status, _to in found} != {403}} == {
        "console:seen"
    }


# --- rows that a form or a body names ------------------------------------------------------------------


def test_bulk_actions_pass_over_the_other_restaurant(mine: Organization, theirs: dict[str, Any]) -> None:
    restricted = person("restricted", "every right", mine)
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="restricted")
    before = state()

    for model, page in admin.site._registry.items():
        if (row := theirs.get(model._meta.label_lower)) is None:
            continue
        for action in page.get_actions(request):
            url = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")
            chosen = {"action": action, ACTION_CHECKBOX_NAME: row.pk, "post": "yes", "confirmed": "1"}
            answer = restricted.post(url, chosen, follow=True)
            assert MARKER not in body(answer), (url, action)

    assert state() == before


@pytest.mark.parametrize("slug", ["cancel", "courier", "status"])
def test_form_for_many_orders_passes_over_the_other_restaurant(
    mine: Organization, theirs: dict[str, Any], slug: str
) -> None:
    restricted = person("restricted", "Operator", mine)
    url, order = reverse("admin:orders_order_ask_many", args=[slug]), theirs["orders.order"]

    answer = restricted.post(url, {"order": [order.pk], "key": uuid4(), "status": "OnWay"}, follow=True)

    assert answer.redirect_chain == [("/admin/orders/order/", 302)]
    assert MARKER not in body(answer)
    assert OrderCommand.objects.count() == 1  # theirs


WALLET = {
    "customer_id": "qzxelsewhere-iiko_id",
    "wallet_id": "qzxelsewhere-iiko_id",
    "amount": "1.00",
    "comment": "x",
}
NAMING: dict[str, tuple[str, dict[str, Any], int]] = {
    "top-up": ("/api/v1/loyalty/topup", WALLET, 404),
    "withdrawal": ("/api/v1/loyalty/withdraw", WALLET, 404),
    "hold": ("/api/v1/loyalty/hold", WALLET, 404),
    "webhook": ("/api/v1/webhooks/configs", {"auth_token": "qwertyuiop"}, 404),
    "stop list": ("/admin/organizations/stoplistitem/refresh/?organization=qzxelsewhere-iiko_id", {}, 302),
    "guest": ("/admin/loyalty/customer/find/", {"way": "phone", "value": PHONE}, 302),
    "choice of restaurants": ("/console/preferences", {"picker": "1"}, 302),
}


@pytest.mark.parametrize("what", NAMING)
def test_body_that_names_the_other_restaurant_is_refused(
    mine: Organization, theirs: dict[str, Any], what: str
) -> None:
    url, sent, status = NAMING[what]
    restricted, other = person("restricted", "every right", mine), theirs["organizations.organization"]
    named = sent | {
        "organization_id": other.iiko_id,
        "organization": other.iiko_id,
        "restaurants": [other.pk],
    }
    before = state()

    if url.startswith("/api/"):
        del named["organization"], named["restaurants"]
        answer = restricted.post(url, named, content_type="application/json")
    else:
        answer = restricted.post(url, named)

    assert (answer.status_code, state()) == (status, before)
    assert not Preferences.restaurants.through.objects.exists()


def test_replay_of_many_finds_only_ones_own_events(mine: Organization, theirs: dict[str, Any]) -> None:
    restricted = person("restricted", "every right", mine)
    own = WebhookEvent.objects.get(organization_id=mine.iiko_id)
    since = {"since": "2020-01-01T00:00:00Z"}

    answer = restricted.post("/api/v1/webhooks/events/replay", since, content_type="application/json")

    assert answer.status_code == 202, answer.content
    assert list(WebhookEvent.objects.values_list("replay_of", flat=True)).count(own.pk) == 1
    assert not WebhookEvent.objects.filter(replay_of=theirs["webhooks.webhookevent"]).exists()


def test_number_of_a_merged_order_leads_nowhere(mine: Organization, theirs: dict[str, Any]) -> None:
    restricted, former = person("restricted", "Operator", mine), theirs["orders.mergedorder"].pk

    assert restricted.get(reverse("console:order", args=[former])).status_code == 404
    assert restricted.get(reverse("order-detail", args=[former])).status_code == 404
    assert restricted.get(reverse("admin:orders_order_change", args=[former]))["Location"] == "/admin/"


def test_pages_of_ones_own_order_do_not_show_what_is_related(
    mine: Organization, theirs: dict[str, Any]
) -> None:
    """Its guest ordered in the other restaurant, too, and it was moved there."""
    restricted, other = (
        person("restricted", "Operator", mine),
        person("other", "Operator", is_restricted=False),
    )
    order = Order.objects.get(iiko_order_id=ORDER_ID)
    pages = [
        reverse(name, args=[order.pk])
        for name in ("console:order", "admin:orders_order_change", "order-detail", "order-timeline")
    ]

    found = {url: (restricted.get(url), MARKER in body(other.get(url))) for url in pages}

    assert {answer.status_code for answer, _ in found.values()} == {200}
    assert [
        url for url, (answer, _) in found.items() if MARKER in body(answer) or NUMBER in body(answer)
    ] == []
    assert [is_shown for _, is_shown in found.values()] == [True, True, False, False]


# --- what the restriction means ------------------------------------------------------------------------

ORDERS_SEEN = "/api/v1/orders"


def numbers(client: Client) -> set[str]:
    return {row["readable_number"] for row in client.get(ORDERS_SEEN).json()["results"]}


def test_who_has_no_restaurant_left_sees_nothing(mine: Organization, theirs: dict[str, Any]) -> None:
    restricted = person("restricted", "Operator", mine)
    assert numbers(restricted) == {"142"}

    RestaurantAccess.objects.get(user__username="restricted").restaurants.clear()

    assert numbers(restricted) == set()
    assert "142" not in body(restricted.get("/console/"))
    assert "Вам не открыта ни одна организация" in restricted.get("/console/").text
    assert "Вам не открыта ни одна организация" in restricted.get("/admin/").text


def test_new_restaurant_is_not_seen(mine: Organization) -> None:
    restricted, other = (
        person("restricted", "Operator", mine),
        person("other", "Operator", is_restricted=False),
    )

    make_other_organization()
    post(
        Client(), [cloud_event(organization_id=OTHER_ORGANIZATION_ID, order_id="new", number=7)], OTHER_TOKEN
    )
    drain()

    assert numbers(restricted) == {"142"}
    assert "7" in numbers(other)


def test_superuser_is_never_restricted(mine: Organization, theirs: dict[str, Any]) -> None:
    restricted = person("restricted", "Operator", mine)
    User.objects.update(is_superuser=True)

    assert numbers(restricted) == {"142", NUMBER}


def test_remembered_choice_opens_no_restaurant(mine: Organization, theirs: dict[str, Any]) -> None:
    restricted = person("restricted", "Operator", mine)
    chosen = Preferences.objects.create(user=User.objects.get(username="restricted"))
    chosen.restaurants.set([theirs["organizations.organization"]])

    page = body(restricted.get("/console/"))

    assert MARKER not in page
    assert mine.name.lower() in page


def test_key_of_the_person_is_theirs_to_make_for_their_restaurants_alone(
    mine: Organization, theirs: dict[str, Any]
) -> None:
    restricted = person("restricted", "every right", mine)
    url = reverse("admin:organizations_apikey_add")

    for_all = restricted.post(url, {"name": "a", "sees_all": "on"}, headers={"Accept-Language": "en"})
    for_other = restricted.post(
        url, {"name": "b", "organizations": [theirs["organizations.organization"].pk]}
    )
    for_own = restricted.post(url, {"name": "c", "organizations": [mine.pk]})

    assert "You see some restaurants, and so may the key." in for_all.text
    assert (for_all.status_code, for_other.status_code, for_own.status_code) == (200, 200, 302)
    assert set(ApiKey.objects.exclude(prefix="qzxelsewhere_1").values_list("name", flat=True)) == {"c"}


@pytest.mark.parametrize("is_restricted", [False, True])
def test_restriction_costs_one_query(
    mine: Organization, is_restricted: bool, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    person("somebody", "Operator", mine, is_restricted=is_restricted)
    user = User.objects.get(username="somebody")

    with django_assert_num_queries(1):
        for _ in range(3):
            is_restricted_now = restaurants_of(user) is not None

    assert is_restricted_now == is_restricted
    with django_assert_num_queries(0):
        assert restaurants_of(User(is_superuser=True)) is None


def test_every_model_is_in_the_registry_or_of_no_restaurant() -> None:
    of_none = {
        *("auth", "admin", "sessions", "contenttypes", "procrastinate", "axes"),  # not the hub's own
    }
    named = set(PATHS) | set(OTHERWISE)
    own = {model._meta.label_lower for model in apps.get_models() if model._meta.app_label not in of_none}

    assert own - named == {
        # What the hub keeps for itself, and logins: each reaches whatever restaurants iiko gives it.
        *("organizations.apilogin", "organizations.iikotoken", "organizations.iikopause"),
        *("organizations.iikocircuit", "organizations.apiuse", "organizations.clockskew"),
        *("organizations.restaurantaccess", "orders.idempotencykey", "loyalty.loyaltykey"),
        *("webhooks.synclease", "attention.watchrun", "iikohub.addresscheck"),
        *("iikohub.secondfactor", "iikohub.twostepgroup", "iikohub.signout"),
    }
    for label, path in PATHS.items():
        assert apps.get_model(label)._default_manager.filter(**{f"{path}__in": ["x"]}).count() == 0
