import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0005_remember_merged_rows"),
        ("organizations", "0005_keep_old_keys_reading"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DraftUse",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="organizations.organization",
                        to_field="iiko_id",
                    ),
                ),
                ("is_on", models.BooleanField()),
                ("learned_at", models.DateTimeField()),
            ],
            options={
                "db_table": "draft_uses",
            },
        ),
        migrations.AlterModelOptions(
            name="ordercommand",
            options={
                "ordering": ("-id",),
                "permissions": [
                    ("change_order_status", "Can change the status of orders in iiko"),
                    ("assign_order_courier", "Can assign couriers in iiko"),
                    ("change_order_payment", "Can change payments in iiko"),
                    ("cancel_order", "Can cancel orders in iiko"),
                    ("apply_order_discount", "Can give discounts in iiko"),
                ],
                "verbose_name": "command",
                "verbose_name_plural": "commands",
            },
        ),
        migrations.AddField(
            model_name="ordercommand",
            name="new_order_id",
            field=models.CharField(blank=True, max_length=200, verbose_name="iiko id of the new order"),
        ),
        migrations.AddField(
            model_name="ordercommand",
            name="phase",
            field=models.CharField(
                blank=True,
                choices=[
                    ("read", "reading the order"),
                    ("save_draft", "changing the draft"),
                    ("commit_draft", "sending the draft to the till"),
                    ("restore_draft", "putting the draft back as it was"),
                    ("create", "making the new order"),
                    ("cancel_old", "cancelling the old order"),
                    ("cancel_new", "taking the new order back"),
                ],
                max_length=20,
                verbose_name="phase",
            ),
        ),
        migrations.AddField(
            model_name="ordercommand",
            name="phase_at",
            field=models.DateTimeField(null=True, verbose_name="in this phase since"),
        ),
        migrations.AddField(
            model_name="ordercommand",
            name="saga",
            field=models.JSONField(default=dict, editable=False),
        ),
        migrations.AlterField(
            model_name="ordercommand",
            name="kind",
            field=models.CharField(
                choices=[
                    ("update_status", "change the status"),
                    ("assign_courier", "assign a courier"),
                    ("update_payment", "change the payment"),
                    ("cancel", "cancel the order"),
                    ("apply_discount", "give a discount"),
                ],
                max_length=20,
                verbose_name="what",
            ),
        ),
        migrations.AlterField(
            model_name="ordercommand",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "waiting to be sent"),
                    ("sent", "sent, not confirmed yet"),
                    ("unknown", "no answer, being looked into"),
                    ("confirmed", "done"),
                    ("rejected", "refused"),
                    ("expired", "given up"),
                    ("attention", "a person has to look"),
                ],
                default="pending",
                max_length=12,
                verbose_name="state",
            ),
        ),
        migrations.AddIndex(
            model_name="ordercommand",
            index=models.Index(
                models.F("new_order_id"),
                condition=models.Q(("new_order_id", ""), _negated=True),
                name="order_commands_new_order",
            ),
        ),
        migrations.AddIndex(
            model_name="ordercommand",
            index=models.Index(
                models.F("order"), condition=models.Q(("state", "attention")), name="order_commands_attention"
            ),
        ),
    ]
