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
            *endings,
            When(creation_status="Error", raw_status__isnull=True, then=False),
            default=True,
        ),
        output_field=models.BooleanField(),
        verbose_name="open",
    )


class Migration(migrations.Migration):
    """Rows that are here are null: not told. A replay of their last event fills them."""

    dependencies = [("orders", "0007_let_groups_give_discounts")]

    operations = [
        migrations.AddField("order", "is_deleted", models.BooleanField("deleted in iiko", null=True)),
        *[migrations.RemoveIndex("order", index.name) for index in OPEN],
        migrations.RemoveField("order", "is_open"),
        migrations.AddField("order", "is_open", is_open(When(is_deleted=True, then=False))),
        *[migrations.AddIndex("order", index) for index in OPEN],
        migrations.AddIndex("order", models.Index("id", condition=Q(is_deleted=True), name="orders_deleted")),
    ]
