"""Where each table would lie on several database servers (docs/scaling.md); its unique rules allow it.

The rule is Citus': rows of one restaurant lie together by ``organization_id``, and a server can watch over a
unique rule only where the rule holds that column. A new model is placed here when it is made.
"""

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model

KEY = "organization_id"

KEYS_OF_EVENTS = "webhook_event_keys"
"""Holds the rule of ``dedup_key`` (docs/adr/0015); triggers alone write it, so it has no model."""

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
    "attention.AttentionEntry": "the history of items, deleted with them; has their restaurant all the same",
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
    "orders.OrderTerms.order_id": "so here",
    "console.SeenOrder.order_id": "so here",
    "loyalty.Wallet.loyalty_wallets_one_per_iiko_id": "a guest's row has one restaurant",
    f"{KEYS_OF_EVENTS}.key": "a digest over the restaurant among others",
}
"""Unique rules without the column that hold all the same: the rule may take the column in."""


OF_THE_HUB_ITSELF = {
    "outbound.OutboundEvent": "what is wrong with the hub itself is reported, too",
    "outbound.Delivery": "of such an event",
    "outbound.DeliveryAttempt": "of such a delivery",
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


_MAY_LACK_KEY = """
SELECT NOT a.attnotnull AND NOT EXISTS (
    SELECT FROM pg_constraint c WHERE c.conrelid = a.attrelid AND c.contype = 'c' AND c.convalidated
    AND pg_get_constraintdef(c.oid) = 'CHECK ((organization_id IS NOT NULL))'
) FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attname = 'organization_id'
"""


def distributed_tables() -> dict[str, str]:
    """Name each table whose rows lie by the key, with the label of its model."""
    named = {model._meta.db_table: model._meta.label for model in models() if is_distributed(model)}
    return named | {KEYS_OF_EVENTS: KEYS_OF_EVENTS}


def unique_rules() -> dict[str, set[str]]:
    """Name each unique rule that the database watches over in rows of a restaurant, with its columns.

    Left out are primary keys of the automatic number, which one sequence gives (``orders_merged`` has numbers
    of orders).
    """
    distributed = distributed_tables()
    names = {rule.name for model in models() for rule in model._meta.constraints}
    with connection.cursor() as cursor:
        cursor.execute(_UNIQUE_INDEXES)
        indexes = cursor.fetchall()
    return {
        f"{distributed[table]}.{index if index in names else '+'.join(columns)}": set(columns)
        for table, index, is_primary, columns in indexes
        if table in distributed and not (is_primary and "id" in columns)
    }


@pytest.mark.django_db
def test_every_table_of_the_database_is_a_models() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = {name for (name,) in cursor.fetchall()}

    assert tables - {model._meta.db_table for model in models()} == {"django_migrations", KEYS_OF_EVENTS}


@pytest.mark.parametrize("model", models(), ids=lambda model: str(model._meta.label))
def test_each_table_has_one_place(model: type[Model]) -> None:
    places = [
        is_distributed(model),
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


@pytest.mark.django_db
def test_rows_always_have_the_key_but_those_of_the_hub_itself() -> None:
    may_lack_it = set()
    with connection.cursor() as cursor:
        for table, label in distributed_tables().items():
            cursor.execute(_MAY_LACK_KEY, [table])
            [may_be_empty] = cursor.fetchone()
            if may_be_empty:
                may_lack_it.add(label)

    # A key of an event that went with its month has none, and goes next (webhooks.processing.months).
    assert may_lack_it == {*OF_THE_HUB_ITSELF, KEYS_OF_EVENTS}


def test_registries_name_models_that_there_are() -> None:
    known = {model._meta.label for model in models()} | {model._meta.app_label for model in models()}

    assert {*EVERYWHERE, *AT_ONE_PLACE} - known == set()
