from django.db import migrations, models
from django.db.models import Case, Q, When

# A generated column cannot be altered, so it is made again; its index goes with it.
OPEN = models.Index("id", condition=Q(is_open=True), name="orders_open")
IS_OPEN = models.GeneratedField(
    db_persist=True,
    expression=Case(
        When(status__in=("Cancelled", "Closed"), then=False),
        When(is_deleted=True, then=False),
        When(creation_status="Error", raw_status__isnull=True, then=False),
        When(unknown_to_iiko_at__isnull=False, then=False),
        default=True,
    ),
    output_field=models.BooleanField(),
    verbose_name="open",
)


class Migration(migrations.Migration):
    dependencies = [("orders", "0013_add_indexes_by_external_id_of_any_case")]

    operations = [
        migrations.AddField("order", "not_listed_since", models.DateTimeField(editable=False, null=True)),
        migrations.AddField(
            "order",
            "unknown_to_iiko_at",
            models.DateTimeField(editable=False, null=True, verbose_name="unknown to iiko since"),
        ),
        migrations.RemoveIndex("order", OPEN.name),
        migrations.RemoveField("order", "is_open"),
        migrations.AddField("order", "is_open", IS_OPEN),
        migrations.AddIndex("order", OPEN),
        migrations.AddIndex(
            "order",
            models.Index(
                "organization",
                "id",
                condition=Q(not_listed_since__isnull=False) | Q(unknown_to_iiko_at__isnull=False),
                name="orders_listed_nowhere",
            ),
        ),
    ]
