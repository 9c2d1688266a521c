from django.db import migrations, models
from django.db.models import Case, Q, When

OPEN = [
    models.Index("id", condition=Q(is_open=True), name="orders_open"),
    models.Index("promised_time", condition=Q(is_open=True), name="orders_open_promised"),
]


def is_open(*endings):
    """A generated column cannot be altered, so it is made again; its indexes go with it."""
    return models.GeneratedField(
        db_persist=True,
        expression=Case(
            When(status__in=("Cancelled", "Closed"), then=False),
            When(creation_status="Error", raw_status__isnull=True, then=False),
            *endings,
            default=True,
        ),
        output_field=models.BooleanField(),
        verbose_name="open",
    )


class Migration(migrations.Migration):
    dependencies = [("orders", "0007_let_groups_give_discounts")]

    operations = [
        migrations.AddField("order", "not_listed_since", models.DateTimeField(editable=False, null=True)),
        migrations.AddField(
            "order",
            "unknown_to_iiko_at",
            models.DateTimeField(editable=False, null=True, verbose_name="unknown to iiko since"),
        ),
        *[migrations.RemoveIndex("order", index.name) for index in OPEN],
        migrations.RemoveField("order", "is_open"),
        migrations.AddField("order", "is_open", is_open(When(unknown_to_iiko_at__isnull=False, then=False))),
        *[migrations.AddIndex("order", index) for index in OPEN],
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
