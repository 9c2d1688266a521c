"""Write down what changes, in the transaction that changes it: the triggers of outbound webhooks.

A change of what is told is a new migration that replaces the functions. Where nobody subscribed a trigger asks
one question and returns; so it does where guests are removed (``core.privacy.removal``), which is no news.
Values of personal data and of long texts are left out: a change of them is only named.
"""

from collections.abc import Sequence

from django.db import migrations

EVENTS = (
    "outbound_events (uid, event_type, organization_id, entity_type, entity_id, row_id, occurred_at, changes)"
)
# A subscription that is off may be switched on again, and be told of what happened meanwhile.
UNTOLD = "NOT EXISTS (SELECT FROM outbound_subscriptions) OR current_setting('iikohub.silent', true) IS NOT DISTINCT FROM 'on'"


def trigger_function(name: str, statement: str) -> str:
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {UNTOLD} THEN
        RETURN NULL;
    END IF;
    INSERT INTO {EVENTS}
    {statement};
    RETURN NULL;
END
$$
"""


def created(name: str, row: str, source: str, where: str = "true") -> str:
    """Make the function that writes down new rows; ``row``: type, organization, entity, id, row id."""
    statement = f"""SELECT gen_random_uuid(), {row}, clock_timestamp(), '{{}}'
    FROM new_rows AS n {source} WHERE {where} ORDER BY n.id"""  # noqa: S608  # of constants alone
    return trigger_function(name, statement)


def changed(
    name: str, row: str, source: str, with_values: Sequence[str], named: Sequence[str], where: str = "true"
) -> str:
    """Make the function that writes down rows that changed in one of these columns."""
    columns = [*with_values, *named]
    before, after = (", ".join(f"{side}.{column}" for column in columns) for side in "on")
    pairs = [
        f"('{one}', CASE WHEN o.{one} IS DISTINCT FROM n.{one} "
        f"THEN jsonb_build_object('from', o.{one}, 'to', n.{one}) END)"
        for one in with_values
    ]
    pairs += [
        f"('{one}', CASE WHEN o.{one} IS DISTINCT FROM n.{one} THEN '{{}}'::jsonb END)" for one in named
    ]
    values = ",\n        ".join(pairs)
    statement = f"""SELECT gen_random_uuid(), {row}, clock_timestamp(), (
        SELECT jsonb_object_agg(name, change) FROM (VALUES
        {values}
        ) AS each (name, change) WHERE change IS NOT NULL
    )
    FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id {source}
    WHERE ({before}) IS DISTINCT FROM ({after}) AND {where} ORDER BY n.id"""  # noqa: S608  # as above
    return trigger_function(name, statement)


def triggers(
    table: str, prefix: str, *, insert: bool = True, update: bool = True, delete: bool = False
) -> str:
    each = []
    if insert:
        each.append(f"""CREATE TRIGGER {prefix}_created AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION {prefix}_created()""")
    if update:
        each.append(f"""CREATE TRIGGER {prefix}_changed AFTER UPDATE ON {table}
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION {prefix}_changed()""")
    if delete:
        each.append(f"""CREATE TRIGGER {prefix}_deleted AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION {prefix}_deleted()""")
    return ";\n".join(each)


# --- orders ----------------------------------------------------------------------------------------

# The mirror makes a row with the ids alone and fills it in the same transaction: by that it becomes an order.
_BARE = "{0}.status IS NULL AND {0}.raw_status IS NULL AND {0}.creation_status IS NULL AND {0}.field_precedence = '{{}}'"
ORDER_ROW = "{type}, n.organization_id, 'order', n.id::text, n.id"
ORDER_TYPE = f"""CASE WHEN {_BARE.format("o")} THEN 'order.created'
        WHEN (o.status, o.raw_status, o.creation_status) IS DISTINCT FROM (n.status, n.raw_status, n.creation_status)
        THEN 'order.status_changed' ELSE 'order.updated' END"""
ORDER_TOLD = (
    *("iiko_order_id", "external_order_id", "soi_external_id", "pos_id", "readable_number"),
    *("status", "raw_status", "creation_status", "is_deleted", "is_open"),
    *("order_type", "order_type_id", "order_type_name", "amount_minor", "processed_payments_minor"),
    *("terminal_group_id", "restaurant_name", "courier_id", "courier_name"),
    *("external_courier_service_id", "external_courier_service_name"),
    *("guests_count", "delivery_zone", "source_key", "is_asap", "cancel_cause", "cancel_cause_id"),
    *("promised_time", "estimated_time", "cooking_start_time", "when_created", "when_confirmed"),
    *("when_printed", "when_cooking_completed", "when_packed", "when_sent", "when_delivered"),
    *("when_bill_printed", "when_closed", "when_cancelled", "when_received_by_api", "unknown_to_iiko_at"),
)
ORDER_NAMED = (
    *(
        "error_info",
        "courier_phone",
        "operator_name",
        "tracking_link",
        "customer",
        "phone",
        "phone_extension",
    ),
    *("address", "comment", "problem", "cancel_comment", "loyalty", "external_data", "moved"),
    *("items", "payments", "tips", "discounts"),
)
ORDERS_CREATED = created(
    "outbound_orders_created",
    ORDER_ROW.format(type="'order.created'"),
    "",
    f"NOT ({_BARE.format('n')})",
)
ORDERS_CHANGED = changed(
    "outbound_orders_changed", ORDER_ROW.format(type=ORDER_TYPE), "", ORDER_TOLD, ORDER_NAMED,
    # A row that is still without content, and was, is no order yet.
    f"NOT ({_BARE.format('n')})",
)  # fmt: skip
# Two rows that turned out to be one; whoever deletes an order otherwise tells nobody.
ORDERS_DELETED = trigger_function(
    "outbound_orders_deleted",
    """SELECT gen_random_uuid(), 'order.merged', o.organization_id, 'order', o.id::text, o.id, clock_timestamp(),
        jsonb_build_object(
            'merged_into', jsonb_build_object('from', NULL, 'to', m.order_id),
            'iiko_order_id', jsonb_build_object('from', o.iiko_order_id, 'to', NULL),
            'external_order_id', jsonb_build_object('from', o.external_order_id, 'to', NULL)
        )
    FROM old_rows AS o JOIN orders_merged AS m ON m.id = o.id ORDER BY o.id""",
)

# --- commands --------------------------------------------------------------------------------------

COMMAND_ROW = "{type}, orders.organization_id, 'command', n.id::text, n.id"
COMMAND_SOURCE = "JOIN orders ON orders.id = n.order_id"
FINISHED = """CASE WHEN n.finished_at IS NOT NULL AND n.finished_at IS DISTINCT FROM o.finished_at
        THEN '{0}.finished' ELSE '{0}.updated' END"""
COMMAND_TOLD = (
    *("order_id", "state", "phase", "error_code", "correlation_id", "new_order_id", "confirmed_by"),
    *("sent_at", "finished_at", "acknowledged_at"),
)
COMMANDS_CREATED = created(
    "outbound_commands_created", COMMAND_ROW.format(type="'command.created'"), COMMAND_SOURCE
)
COMMANDS_CHANGED = changed(
    "outbound_commands_changed",
    COMMAND_ROW.format(type=FINISHED.format("command")),
    COMMAND_SOURCE,
    COMMAND_TOLD,
    ("error",),
)

# --- loyalty ---------------------------------------------------------------------------------------

OPERATION_ROW = "{type}, n.organization_id, 'loyalty_operation', n.id::text, n.id"
OPERATION_TOLD = (
    *("state", "amount_minor", "order_id", "transaction_id", "error_code", "confirmed_by"),
    *("sent_at", "finished_at", "released_at"),
)
OPERATIONS_CREATED = created(
    "outbound_operations_created", OPERATION_ROW.format(type="'loyalty.operation.created'"), ""
)
OPERATIONS_CHANGED = changed(
    "outbound_operations_changed",
    OPERATION_ROW.format(type=FINISHED.format("loyalty.operation")),
    "",
    OPERATION_TOLD,
    ("error", "comment", "cancelled_by", "cancel_comment"),
)

# --- stop lists ------------------------------------------------------------------------------------

# The intervals of one product follow each other: they are one entity. An id may be long, an index entry not.
_STOP_KEY = "n.organization_id || '/' || n.terminal_group_id || '/' || n.product_id || '/' || n.size_id"
STOP_ROW = (
    "{type}, n.organization_id, 'stop_list_item', "
    f"CASE WHEN octet_length({_STOP_KEY}) <= 400 THEN {_STOP_KEY} ELSE md5({_STOP_KEY}) END, n.id"
)
STOP_TYPE = """CASE WHEN o.until IS NULL AND n.until IS NOT NULL THEN 'stop_list.item_removed'
        ELSE 'stop_list.item_changed' END"""
STOPS_CREATED = created(
    "outbound_stops_created", STOP_ROW.format(type="'stop_list.item_added'"), "", "n.until IS NULL"
)
STOPS_CHANGED = changed(
    "outbound_stops_changed",
    STOP_ROW.format(type=STOP_TYPE),
    "",
    ("balance", "is_out_of_stock", "sku", "until"),
    (),
)

# --- attention -------------------------------------------------------------------------------------

ITEM_ROW = "{type}, n.organization_id, 'attention_item', n.id::text, n.id"
ITEM_TYPE = """CASE WHEN n.ended_at IS NOT NULL AND o.ended_at IS NULL THEN 'attention.ended'
        ELSE 'attention.updated' END"""
ITEMS_CREATED = created("outbound_items_created", ITEM_ROW.format(type="'attention.opened'"), "")
ITEMS_CHANGED = changed(
    "outbound_items_changed",
    ITEM_ROW.format(type=ITEM_TYPE),
    "",
    ("severity", "since", "ended_at", "taken_at", "resolved_at", "snoozed_until"),
    (),
)

FUNCTIONS = {
    "outbound_orders_created": ORDERS_CREATED,
    "outbound_orders_changed": ORDERS_CHANGED,
    "outbound_orders_deleted": ORDERS_DELETED,
    "outbound_commands_created": COMMANDS_CREATED,
    "outbound_commands_changed": COMMANDS_CHANGED,
    "outbound_operations_created": OPERATIONS_CREATED,
    "outbound_operations_changed": OPERATIONS_CHANGED,
    "outbound_stops_created": STOPS_CREATED,
    "outbound_stops_changed": STOPS_CHANGED,
    "outbound_items_created": ITEMS_CREATED,
    "outbound_items_changed": ITEMS_CHANGED,
}
TRIGGERS = ";\n".join(
    (
        triggers("orders", "outbound_orders", delete=True),
        triggers("order_commands", "outbound_commands"),
        triggers("loyalty_operations", "outbound_operations"),
        triggers("stop_list_items", "outbound_stops"),
        triggers("attention_items", "outbound_items"),
    )
)
# With a function go its triggers.
DROPPED = ";\n".join(f"DROP FUNCTION {name}() CASCADE" for name in FUNCTIONS)


class Migration(migrations.Migration):
    dependencies = [
        ("outbound", "0001_create_outbound_webhooks"),
        ("orders", "0033_note_removal_of_guests"),
        ("loyalty", "0007_relabel_commands"),
        ("organizations", "0020_let_keys_expire"),
        ("attention", "0004_let_administrators_set_channels"),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE outbound_positions", "DROP SEQUENCE outbound_positions"),
        *(migrations.RunSQL(function, migrations.RunSQL.noop) for function in FUNCTIONS.values()),
        migrations.RunSQL(TRIGGERS, DROPPED),
    ]
