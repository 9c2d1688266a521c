from django.db import migrations, transaction

BATCH = 5_000


def fill(_apps, schema_editor):
    """Write the terms of the orders that were here before the triggers, a batch at a time.

    Each batch is committed by itself and takes no lock that the hub waits for: it may go on meanwhile. A
    migration that was stopped goes on where it was when it is run again.
    """
    connection = schema_editor.connection
    last = 0
    while True:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(
                "SELECT max(id) FROM (SELECT id FROM orders WHERE id > %s ORDER BY id LIMIT %s) AS batch",
                [last, BATCH],
            )
            (until,) = cursor.fetchone()
            if until is None:
                return
            cursor.execute(
                "INSERT INTO order_terms (order_id, terms) "
                "SELECT id, order_terms(readable_number, external_order_id, soi_external_id, iiko_order_id,"
                " pos_id, courier_name, external_courier_service_name, phone, customer, address) "
                "FROM orders WHERE id > %s AND id <= %s "
                "AND NOT EXISTS (SELECT FROM order_terms WHERE order_id = orders.id) "
                "FOR KEY SHARE OF orders ON CONFLICT (order_id) DO NOTHING",
                [last, until],
            )
            last = until


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0024_create_order_terms")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
