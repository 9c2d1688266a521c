from django.db import migrations, models
from django.db.models import Case, Q, When

OPEN = models.Index("id", condition=Q(is_open=True), name="table_orders_open")


def is_open(*endings):
    """A generated column cannot be altered, so it is made again; its index goes with it."""
    return models.GeneratedField(
        db_persist=True,
        expression=Case(
            When(status__in=("Closed", "Deleted"), then=False),
            *endings,
            When(creation_status="Error", raw_status__isnull=True, then=False),
            default=True,
        ),
        output_field=models.BooleanField(),
        verbose_name="open",
    )


class Migration(migrations.Migration):
    dependencies = [("hall", "0002_let_groups_see_the_hall")]

    operations = [
        migrations.AddField("tableorder", "is_deleted", models.BooleanField("deleted in iiko", null=True)),
        migrations.RemoveIndex("tableorder", "table_orders_open"),
        migrations.RemoveField("tableorder", "is_open"),
        migrations.AddField("tableorder", "is_open", is_open(When(is_deleted=True, then=False))),
        migrations.AddIndex("tableorder", OPEN),
        migrations.AddIndex(
            "tableorder", models.Index("id", condition=Q(is_deleted=True), name="table_orders_deleted")
        ),
    ]
