from django.db import migrations, models


class Migration(migrations.Migration):
    """A command belongs to the trace of its request, an order to that of what changed it last."""

    dependencies = [("orders", "0034_index_orders_with_guests")]

    operations = [
        migrations.AddField(
            "order", "trace_id", models.UUIDField(editable=False, null=True, verbose_name="trace")
        ),
        migrations.AddField(
            "ordercommand", "trace_id", models.UUIDField(editable=False, null=True, verbose_name="trace")
        ),
    ]
