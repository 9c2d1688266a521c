from django.db import OperationalError, migrations, transaction

BATCH = 500
DEADLOCK = "40P01"


def fill(_apps, schema_editor):
    """Write the terms of the orders that were here before the triggers, a batch at a time.

    Each batch is committed by itself, so that a hub that goes on meanwhile waits for its rows a moment at
    most. A migration that was stopped goes on where it was when it is run again.
    """
    last = 0
    while last is not None:
        try:
            last = _fill_batch(schema_editor.connection, last)
        except OperationalError as error:
            # The hub writes orders in an order of its own; the batch is repeated.
            if getattr(error.__cause__, "sqlstate", "") != DEADLOCK:
                raise


def _fill_batch(connection, last):
    """Fill the orders behind ``last``; returns the last of the batch, None at the end."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(id) FROM (SELECT id FROM orders WHERE id > %s ORDER BY id LIMIT %s) AS batch",
            [last, BATCH],
        )
        (until,) = cursor.fetchone()
        if until is not None:
            cursor.execute(
                "INSERT INTO order_terms (order_id, terms) "
                "SELECT id, order_terms(readable_number, external_order_id, soi_external_id, iiko_order_id,"
                " pos_id, courier_name, external_courier_service_name, phone, customer, address) "
                "FROM orders WHERE id > %s AND id <= %s "
                "AND NOT EXISTS (SELECT FROM order_terms WHERE order_id = orders.id) "
                "ORDER BY id FOR KEY SHARE OF orders ON CONFLICT (order_id) DO NOTHING",
                [last, until],
            )
    return until


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0024_create_order_terms")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
