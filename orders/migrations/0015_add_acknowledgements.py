from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("orders", "0014_add_unknown_to_iiko")]

    operations = [
        migrations.AddField(
            "order", "refusal_acknowledged_at", models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddField(
            "order",
            "refusal_acknowledged_by",
            models.CharField(blank=True, default="", editable=False, max_length=200),
            preserve_default=False,
        ),
        migrations.AddIndex(
            "order",
            models.Index(
                "updated_at",
                condition=Q(creation_status="Error", status__isnull=True),
                name="orders_refused",
            ),
        ),
        migrations.AddField(
            "ordercommand",
            "acknowledged_at",
            models.DateTimeField(editable=False, null=True, verbose_name="seen to"),
        ),
        migrations.AddField(
            "ordercommand",
            "acknowledged_by",
            models.CharField(
                blank=True, default="", editable=False, max_length=200, verbose_name="seen to by"
            ),
            preserve_default=False,
        ),
        migrations.AddIndex(
            "ordercommand",
            models.Index(
                "finished_at",
                condition=Q(acknowledged_at__isnull=True, state__in=("rejected", "expired")),
                name="order_commands_failed",
            ),
        ),
    ]
