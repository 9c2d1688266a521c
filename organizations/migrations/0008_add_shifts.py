import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("organizations", "0007_add_stop_lists")]

    operations = [
        migrations.CreateModel(
            name="Shift",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("terminal_group_id", models.CharField(max_length=200, verbose_name="terminal group")),
                ("employee_id", models.CharField(max_length=200, verbose_name="employee")),
                (
                    "opening_role_id",
                    models.CharField(blank=True, max_length=200, verbose_name="role at the opening"),
                ),
                (
                    "closing_role_id",
                    models.CharField(blank=True, max_length=200, verbose_name="role at the closing"),
                ),
                ("opened_at", models.DateTimeField(null=True, verbose_name="opened at")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed at")),
                ("is_open", models.BooleanField(verbose_name="on shift")),
                (
                    "began_at",
                    models.DateTimeField(
                        help_text="The first that is known of it: its opening, else its closing.",
                        verbose_name="began",
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated")),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shifts",
                        to="organizations.organization",
                        to_field="iiko_id",
                        verbose_name="organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "shift",
                "verbose_name_plural": "shifts",
                "db_table": "shifts",
                "ordering": ("-began_at", "-id"),
                "indexes": [
                    models.Index(
                        models.F("organization"),
                        models.F("employee_id"),
                        condition=models.Q(("is_open", True)),
                        name="shifts_open",
                    ),
                    models.Index(models.F("began_at"), models.F("id"), name="shifts_began"),
                    models.Index(
                        models.F("organization"),
                        models.F("began_at"),
                        models.F("id"),
                        name="shifts_organization",
                    ),
                    models.Index(models.F("employee_id"), models.F("began_at"), name="shifts_employee"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "employee_id", "terminal_group_id", "began_at"),
                        name="shifts_one_at_a_time",
                    )
                ],
            },
        ),
    ]
