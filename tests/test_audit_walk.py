"""Every address of the hub, by every method that may change something: an entry, or a reason for none."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import get_commands, load_command_class
from django.db.models import Field, Model
from django.db.models.signals import ModelSignal, post_delete, post_save, pre_save
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from audit.acts import ACTS, ADDRESSES, NOT_RECORDED, OTHER
from audit.commands import AuditedCommand
from audit.coverage import NOT_FOLLOWED
from audit.models import AuditEntry
from audit.values import is_personal, is_secret

pytestmark = pytest.mark.django_db

Patterns = list[URLPattern | URLResolver]

ONLY_READS = {
    *("home", "docs", "schema", "unknown-address", "healthz", "readyz", "metrics"),
    *("trace", "first_steps:steps", "admin:index", "admin:search", "admin:autocomplete", "admin:jsi18n"),
    *("admin:view_on_site", "admin:app_list", "admin:password_change_done", "admin:"),
    *("admin:organizations_stoplistitem_totals", "admin:orders_order_asked", "admin:orders_order_live"),
    *("admin:orders_ordercommand_live", "admin:webhooks_webhookevent_live"),
    *("admin:webhooks_webhookevent_dead", "admin:webhooks_webhookevent_payload"),
    *("console:board", "console:changes", "console:attention", "console:attention-changes"),
    *("console:dispatch", "console:dispatch-changes", "console:dispatch-couriers", "console:order"),
    *("console:analytics", "console:analytics-file", "console:search"),
}
"""Pages that look the same whatever the method. One that is sent a POST leaves an entry all the same."""


def _only_reads(name: str) -> bool:
    return name in ONLY_READS or name.endswith("_history")


ENDS_THE_SESSION = {"admin:logout", "sign_in:leave"}

STRANGERS = {"docs", "schema", "unknown-address"}
"""Nobody is asked who they are here, and so nobody is known."""

PARTS = {
    "slug": "cancel",
    "verb": "topup",
    "run": str(UUID(int=1)),
    "app_label": "orders",
    "url": "nowhere",
    "format": "json",
}


def _addresses(patterns: Patterns, before: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            inside = f"{space}{one.namespace}:" if one.namespace else space
            yield from _addresses(one.url_patterns, route, inside)
        else:
            yield f"{space}{one.name or ''}", _path(route, f"{space}{one.name or ''}")


def _path(route: str, name: str) -> str:
    parts = PARTS | {"what": {"console:command": "retry"}.get(name, "take")}
    path = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", lambda found: parts.get(found[1], "1"), route)
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: parts.get(found[1], "1"), path)
    return "/" + re.sub(r"\(\?:/\|\$\)|/\?\$|[\^$]", "", path)


def _methods(name: str) -> tuple[str, ...]:
    """Return what an address is sent: to the pages that each list of the admin has alike, a POST alone."""
    is_alike = re.fullmatch(r"admin:(?!orders_order_).*_(add|change|delete|changelist|history)|admin:", name)
    return ("POST",) if is_alike else ("POST", "PUT", "PATCH", "DELETE")


ALL = sorted(set(_addresses(get_resolver().url_patterns)))


@pytest.fixture
def boss(client: Client) -> User:
    user = User.objects.create_superuser("boss")
    client.force_login(user)
    client.raise_request_exception = False
    return user


@pytest.mark.long
def test_every_address_and_method_leaves_an_entry_or_is_named(client: Client, boss: User) -> None:
    silent, unnamed, met = [], [], set()
    for name, path in ALL:
        if name in ENDS_THE_SESSION:
            continue
        for method in _methods(name):
            client.force_login(boss)  # the page before may have signed them out everywhere
            AuditEntry.objects.all().delete()

            answer = client.generic(method, path, b"{}", content_type="application/json")

            if answer.streaming:
                list(answer.streaming_content)  # type: ignore[attr-defined]  # closes its file
            left = AuditEntry.objects.values_list("act", flat=True)
            if name in NOT_RECORDED:
                met.add(name)
                assert not left, (method, path)
            elif not left and not (name in STRANGERS and answer.status_code in {404, 405}):
                silent.append((method, path, answer.status_code))
            elif OTHER in left and not _only_reads(name) and answer.status_code != 405:
                unnamed.append((method, path, name, answer.status_code))

    assert not silent, silent
    assert not unnamed, unnamed
    assert met == set(NOT_RECORDED) - ENDS_THE_SESSION


def test_what_is_said_of_addresses_is_said_of_addresses_there_are() -> None:
    names = {name for name, _path_ in ALL}
    words = {address.act for address in ADDRESSES.values() if "{" not in address.act}

    assert set(ADDRESSES) - names == set()
    assert set(NOT_RECORDED) - names == set()
    assert ONLY_READS - names == set()
    assert words - set(ACTS) == set()
    assert {one.model for one in ADDRESSES.values() if one.model} <= {
        model._meta.label_lower for model in apps.get_models()
    }


def test_exceptions_are_models_there_are() -> None:
    assert set(NOT_FOLLOWED) - {model._meta.label_lower for model in apps.get_models()} == set()


@pytest.mark.parametrize("signal", [pre_save, post_save, post_delete])
@pytest.mark.parametrize("label", ["orders.Order", "orders.TimelineEntry", "webhooks.WebhookEvent"])
def test_what_machines_write_in_bulk_is_written_as_before(signal: ModelSignal, label: str) -> None:
    """A receiver would be called for each row, and a delete would read all rows first."""
    assert not signal.has_listeners(apps.get_model(label))


def followed() -> Iterator[tuple[type[Model], Field]]:  # type: ignore[type-arg]
    for model in apps.get_models():
        if model._meta.label_lower not in NOT_FOLLOWED:
            for field in model._meta.concrete_fields:
                yield model, field


def test_columns_that_hide_their_values_are_these() -> None:
    hidden = {
        f"{model._meta.label_lower}.{field.name}"
        for model, field in followed()
        if is_secret(field) or is_personal(field)
    }

    assert hidden == {
        *("attention.channel.address", "attention.channel.shown_address"),
        *("auth.user.email", "auth.user.first_name", "auth.user.last_name", "auth.user.password"),
        *("loyalty.loyaltyoperation.cancel_comment", "loyalty.loyaltyoperation.comment"),
        *("loyalty.loyaltyoperation.error", "orders.ordercommand.error"),
        *("orders.ordercommand.params", "orders.ordercommand.state_data"),
        *("outbound.subscription.secret", "outbound.subscription.previous_secret"),
        "outbound.subscription.url",
        *("organizations.apikey.digest", "organizations.apikey.last_used_address"),
        *("organizations.apilogin.api_key", "organizations.apilogin.api_login"),
        "organizations.apilogin.client_secret",
        *("iikohub.secondfactor.secret", "iikohub.secondfactor.recovery_digests"),
        *("webhooks.webhookconfig.auth_token", "webhooks.webhookconfig.previous_auth_token"),
    }


MACHINES = {
    "worker": "runs for ever, by the clock",
    "demo": "development",
    "iiko_sandbox": "development",
}


def test_every_command_of_a_person_is_audited() -> None:
    ours = {app.label for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR}
    own = {name: app for name, app in get_commands().items() if app in ours}
    plain = {
        name for name, app in own.items() if not isinstance(load_command_class(app, name), AuditedCommand)
    }

    assert plain == set(MACHINES)
