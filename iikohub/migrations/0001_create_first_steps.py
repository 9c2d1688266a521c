from django.db import migrations, models


class Migration(migrations.Migration):
    """Keep how the hub's own address answered, and who looked at which time zone."""

    initial = True
    dependencies = [("organizations", "0019_index_calls_by_command")]

    operations = [
        migrations.CreateModel(
            name="AddressCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("base_url", models.CharField(max_length=500)),
                (
                    "outcome",
                    models.CharField(
                        max_length=20,
                        choices=[
                            ("ok", "Ok"),
                            ("no_https", "No Https"),
                            ("private", "Private"),
                            ("no_name", "No Name"),
                            ("no_answer", "No Answer"),
                            ("bad_certificate", "Bad Certificate"),
                            ("redirects", "Redirects"),
                            ("bad_status", "Bad Status"),
                            ("other", "Other"),
                        ],
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=500)),
                ("asked_at", models.DateTimeField()),
            ],
            options={"db_table": "address_checks"},
        ),
        migrations.CreateModel(
            name="ZoneConfirmation",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=models.CASCADE,
                        primary_key=True,
                        related_name="zone_confirmation",
                        serialize=False,
                        to="organizations.organization",
                        to_field="iiko_id",
                    ),
                ),
                ("timezone", models.CharField(max_length=64)),
                ("confirmed_by", models.CharField(max_length=200)),
                ("confirmed_at", models.DateTimeField()),
            ],
            options={"db_table": "zone_confirmations"},
        ),
    ]
