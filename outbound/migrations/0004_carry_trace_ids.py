"""Write down with each change the trace that made it.

A row that has a trace tells it: a command and an operation that of their request, an order that of what changed
it last. Of other tables the transaction may tell it (``core.trace.tell_database``). Two orders that turned out
to be one are reported without any.
"""

from importlib import import_module

from django.db import migrations, models

FUNCTIONS = import_module("outbound.migrations.0002_capture_changes").FUNCTIONS

OF_ROW = "n.trace_id"
OF_TRANSACTION = "NULLIF(current_setting('iikohub.trace_id', true), '')::uuid"
TRACES = {
    "outbound_orders_created": OF_ROW,
    "outbound_orders_changed": OF_ROW,
    "outbound_orders_deleted": "NULL::uuid",
    "outbound_commands_created": OF_ROW,
    "outbound_commands_changed": OF_ROW,
    "outbound_operations_created": OF_ROW,
    "outbound_operations_changed": OF_ROW,
    "outbound_stops_created": OF_TRANSACTION,
    "outbound_stops_changed": OF_TRANSACTION,
    "outbound_items_created": OF_TRANSACTION,
    "outbound_items_changed": OF_TRANSACTION,
}


def replaced(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)


def with_trace(name: str) -> str:
    """Have a function write one column more, before the others."""
    function = replaced(FUNCTIONS[name]).replace(
        "outbound_events (uid,", "outbound_events (trace_id, uid,", 1
    )
    return function.replace("SELECT gen_random_uuid(),", f"SELECT {TRACES[name]}, gen_random_uuid(),", 1)


class Migration(migrations.Migration):
    dependencies = [
        ("outbound", "0003_let_administrators_subscribe"),
        ("orders", "0035_add_trace_ids"),
        ("loyalty", "0009_add_trace_id"),
    ]

    operations = [
        migrations.AddField(
            "outboundevent",
            "trace_id",
            models.UUIDField(editable=False, null=True, verbose_name="trace"),
        ),
        *(migrations.RunSQL(with_trace(name), replaced(FUNCTIONS[name])) for name in FUNCTIONS),
    ]
