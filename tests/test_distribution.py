"""Where each table would lie on several database servers (docs/scaling.md); its unique rules allow it.

The rule is Citus': rows of one restaurant lie together by ``organization_id``, and a server can watch over a
unique rule only where the rule holds that column. A new model is placed here when it is made.
"""

from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model

SCALING = (Path(__file__).resolve().parents[1] / "docs" / "scaling.md").read_text()
KEY = "organization_id"

FOLLOWS = {
    "orders.OrderCommand": "orders.Order",
    "orders.OrderTerms": "orders.Order",
    "orders.MergedOrder": "orders.Order",
    "orders.TimelineEntry": "orders.Order",
    "loyalty.Wallet": "loyalty.Customer",
    "loyalty.OperationStep": "loyalty.LoyaltyOperation",
    "loyalty.BalanceDifference": "loyalty.Wallet",
    "attention.AttentionEntry": "attention.AttentionItem",
    "console.SeenOrder": "orders.Order",
    "outbound.DeliveryAttempt": "outbound.Delivery",
}
"""Large, and without the column so far: it is that of the row they belong to, and is to be added first."""

EVERYWHERE = {
    "organizations.Organization": "a row for each restaurant; everything refers to it",
    "organizations.TerminalGroup": "some rows for each restaurant, joined with all of them",
    "organizations.Courier": "a dictionary",
    "organizations.DictionaryEntry": "a dictionary",
    "organizations.ApiKey": "few, asked for by prefix before the restaurant is known",
    "organizations.ApiKey_organizations": "belongs to the keys",
    "organizations.RestaurantAccess": "belongs to the people",
    "organizations.RestaurantAccess_restaurants": "belongs to the people",
    "webhooks.WebhookConfig": "few, asked for by token before the restaurant is known",
    "attention.RuleSetting": "few, and some are for all restaurants",
    "attention.Channel": "few, for several restaurants",
    "attention.Channel_restaurants": "belongs to the channels",
    "outbound.Subscription": "few, for several restaurants",
    "outbound.Subscription_organizations": "belongs to the subscriptions",
    "console.Preferences": "a row for each person",
    "console.Preferences_restaurants": "belongs to the people",
}
"""Small and read with every restaurant: a copy on each server (a reference table)."""

AT_ONE_PLACE = {
    "admin.LogEntry": "what people did, of any restaurant",
    "auth": "people",
    "contenttypes": "Django's own",
    "sessions": "of people",
    "axes": "wrong passwords",
    "procrastinate": "one queue, short-lived rows",
    "organizations.ApiUse": "a counter of each caller, rewritten each minute",
    "organizations.ClockSkew": "of machines",
    "organizations.ApiLogin": "few",
    "organizations.IikoToken": "a row for each login",
    "organizations.IikoPause": "a row for each login",
    "organizations.IikoCircuit": "of logins, asked for by name",
    "orders.IdempotencyKey": "of callers, kept for a day",
    "loyalty.LoyaltyKey": "of callers",
    "webhooks.SyncLease": "a row for each login",
    "attention.WatchRun": "one row",
    "attention.AttentionItem": "open items are few; those of the hub itself have no restaurant",
    "attention.Notification": "of channels, kept for a month",
    "iikohub.AddressCheck": "one row",
    "iikohub.SecondFactor": "of people",
    "iikohub.TwoStepGroup": "of people",
    "iikohub.SignOut": "of people",
    "audit.AuditEntry": "what people did, of any restaurant, kept for a year",
}
"""Asked for without a restaurant, and small: on the first server alone."""

HOLDS_THE_KEY_OTHERWISE = {
    "loyalty.LoyaltyOperation.marker": "made at random by the hub",
    "outbound.Delivery.outbound_deliveries_once": "an event has one restaurant",
    "outbound.OutboundEvent.outbound_events_one_position": "of one sequence; a server may have its own",
    "analytics.OrderHour.order_id": "an order has one restaurant, and its number is given once",
}
"""Unique rules without the column that hold all the same: the rule may take the column in."""


OF_THE_HUB_ITSELF = {
    "outbound.OutboundEvent": "what is wrong with the hub itself is reported, too",
    "outbound.Delivery": "of such an event",
}
"""Some rows have no restaurant; where rows are spread they need a value of their own in its place."""


def placed(model: type[Model], registry: dict[str, str]) -> bool:
    return model._meta.label in registry or model._meta.app_label in registry


def is_distributed(model: type[Model]) -> bool:
    has_key = any(field.column == KEY for field in model._meta.local_fields)
    return has_key and not placed(model, EVERYWHERE) and not placed(model, AT_ONE_PLACE)


def models() -> list[type[Model]]:
    found = apps.get_models(include_auto_created=True)
    return [
        model for model in found if model._meta.app_config.name not in {"sandbox", "demo", "bench", "chaos"}
    ]


_UNIQUE_INDEXES = """
SELECT t.relname, i.relname, x.indisprimary, array_agg(coalesce(a.attname, '(expression)') ORDER BY k.at)
FROM pg_index x
JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
CROSS JOIN unnest(x.indkey) WITH ORDINALITY k(number, at)
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
WHERE x.indisunique AND NOT t.relispartition AND t.relnamespace = 'public'::regnamespace
GROUP BY t.relname, i.relname, x.indisprimary
"""
_TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
"""


def unique_rules() -> dict[str, set[str]]:
    """Name each unique rule that the database watches over in rows of a restaurant, with its columns.

    Left out are primary keys of the automatic number, which one sequence gives.
    """
    distributed = {model._meta.db_table: model._meta for model in models() if is_distributed(model)}
    with connection.cursor() as cursor:
        cursor.execute(_UNIQUE_INDEXES)
        indexes = cursor.fetchall()
    found = {}
    for table, index, is_primary, columns in indexes:
        if table in distributed and not (is_primary and "id" in columns):
            named = {rule.name for rule in distributed[table].constraints}
            found[f"{distributed[table].label}.{index if index in named else '+'.join(columns)}"] = set(
                columns
            )
    return found


@pytest.mark.django_db
def test_every_table_of_the_database_is_a_models() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = {name for (name,) in cursor.fetchall()}

    # The keys of events hold the rule of ``dedup_key`` (docs/adr/0015) and would carry the column, too.
    others = {"django_migrations", "webhook_event_keys"}
    assert tables - {model._meta.db_table for model in models()} == others


@pytest.mark.parametrize("model", models(), ids=lambda model: str(model._meta.label))
def test_each_table_has_one_place(model: type[Model]) -> None:
    places = [
        is_distributed(model),
        model._meta.label in FOLLOWS,
        placed(model, EVERYWHERE),
        placed(model, AT_ONE_PLACE),
    ]

    assert sum(places) == 1, f"{model._meta.label}: say in this file where its rows would lie"


@pytest.mark.django_db
def test_unique_rules_of_a_restaurants_rows_hold_its_key_or_are_shown_not_to_need_it() -> None:
    rules = unique_rules()

    without = {name for name, columns in rules.items() if KEY not in columns}

    assert len(rules) > 15
    assert without == set(HOLDS_THE_KEY_OTHERWISE)


def test_rows_always_have_the_key_but_those_of_the_hub_itself() -> None:
    may_lack_it = {
        model._meta.label
        for model in models()
        if is_distributed(model)
        for field in model._meta.local_fields
        if field.column == KEY and field.null
    }

    assert may_lack_it == set(OF_THE_HUB_ITSELF)


def test_what_follows_a_row_leads_to_it_and_the_row_has_the_key() -> None:
    by_label = {model._meta.label: model for model in models()}

    for label, parent in FOLLOWS.items():
        followed = [field.related_model for field in by_label[label]._meta.local_fields if field.is_relation]
        assert by_label[parent] in followed, label
        has_key = any(field.column == KEY for field in by_label[parent]._meta.local_fields)
        assert has_key or parent in FOLLOWS, parent


def test_registries_name_models_that_there_are_and_the_page_names_what_is_to_be_done() -> None:
    known = {model._meta.label for model in models()} | {model._meta.app_label for model in models()}
    by_label = {model._meta.label: model for model in models()}

    assert {*FOLLOWS, *EVERYWHERE, *AT_ONE_PLACE} - known == set()
    assert [label for label in FOLLOWS if f"`{by_label[label]._meta.db_table}`" not in SCALING] == []
