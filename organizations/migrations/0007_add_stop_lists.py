import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("organizations", "0006_name_products_of_the_menu")]

    operations = [
        migrations.CreateModel(
            name="StopListReading",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="stop_list_reading",
                        serialize=False,
                        to="organizations.organization",
                        to_field="iiko_id",
                        verbose_name="organization",
                    ),
                ),
                ("wanted_at", models.DateTimeField(null=True, verbose_name="wanted")),
                ("read_at", models.DateTimeField(null=True, verbose_name="read")),
                ("holder", models.CharField(blank=True, max_length=32)),
                ("held_until", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0, verbose_name="failures in a row")),
                ("failing_since", models.DateTimeField(null=True, verbose_name="could not be read since")),
                ("retry_at", models.DateTimeField(null=True, verbose_name="next attempt")),
                ("error_code", models.CharField(blank=True, max_length=40, verbose_name="reason")),
                ("error", models.TextField(blank=True, verbose_name="error")),
            ],
            options={
                "verbose_name": "reading of stop lists",
                "verbose_name_plural": "readings of stop lists",
                "db_table": "stop_list_readings",
            },
        ),
        migrations.CreateModel(
            name="StopListGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("terminal_group_id", models.CharField(max_length=200, verbose_name="terminal group")),
                ("changes", models.PositiveBigIntegerField(default=0, verbose_name="messages")),
                ("changed_since", models.DateTimeField(null=True, verbose_name="changed since")),
                ("changed_at", models.DateTimeField(null=True, verbose_name="last change")),
                ("is_full", models.BooleanField(default=False, verbose_name="made anew")),
                ("read_at", models.DateTimeField(null=True, verbose_name="read")),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="stop_list_groups",
                        to="organizations.organization",
                        to_field="iiko_id",
                        verbose_name="organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "stop list",
                "verbose_name_plural": "stop lists",
                "db_table": "stop_list_groups",
                "indexes": [
                    models.Index(
                        models.F("organization"),
                        condition=models.Q(("changed_since__isnull", False)),
                        name="stop_list_groups_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "terminal_group_id"), name="stop_list_groups_one_per_group"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StopListItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("terminal_group_id", models.CharField(max_length=200, verbose_name="terminal group")),
                ("product_id", models.CharField(max_length=200, verbose_name="product")),
                ("size_id", models.CharField(blank=True, max_length=200, verbose_name="size")),
                ("sku", models.CharField(blank=True, max_length=200, verbose_name="SKU")),
                (
                    "balance",
                    models.DecimalField(
                        decimal_places=6,
                        help_text="How much is left, as iiko said last. Empty: iiko did not say it readably.",
                        max_digits=18,
                        null=True,
                        verbose_name="left",
                    ),
                ),
                (
                    "is_out_of_stock",
                    models.BooleanField(help_text="The balance is 0 or less.", verbose_name="out of stock"),
                ),
                ("added_at", models.DateTimeField(null=True, verbose_name="put on the list, says iiko")),
                ("since", models.DateTimeField(verbose_name="since")),
                (
                    "is_since_told",
                    models.BooleanField(
                        default=False,
                        help_text="Else: when the hub saw it first.",
                        verbose_name="iiko said since when",
                    ),
                ),
                (
                    "until",
                    models.DateTimeField(
                        help_text="When the hub read that it was over.", null=True, verbose_name="until"
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated")),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="stop_list_items",
                        to="organizations.organization",
                        to_field="iiko_id",
                        verbose_name="organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "product on a stop list",
                "verbose_name_plural": "stop lists",
                "db_table": "stop_list_items",
                "ordering": ("-since", "-id"),
                "permissions": [("refresh_stoplistitem", "Can have stop lists read again")],
                "indexes": [
                    models.Index(models.F("since"), models.F("id"), name="stop_list_items_since"),
                    models.Index(
                        models.F("organization"),
                        models.F("since"),
                        models.F("id"),
                        name="stop_list_items_organization",
                    ),
                    models.Index(models.F("product_id"), models.F("since"), name="stop_list_items_product"),
                    models.Index(
                        models.F("until"),
                        condition=models.Q(("until__isnull", False)),
                        name="stop_list_items_until",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until__isnull", True)),
                        fields=("organization", "terminal_group_id", "product_id", "size_id"),
                        name="stop_list_items_one_current",
                    )
                ],
            },
        ),
    ]
