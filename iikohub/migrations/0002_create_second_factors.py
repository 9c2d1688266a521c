from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

import organizations.fields


class Migration(migrations.Migration):
    """Keep the second step of signing in, the groups that have to take it, and who was signed out."""

    dependencies = [
        ("iikohub", "0001_create_first_steps"),
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SecondFactor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("secret", organizations.fields.EncryptedTextField(verbose_name="secret")),
                ("confirmed_at", models.DateTimeField(null=True, verbose_name="on since")),
                ("last_step", models.BigIntegerField(default=0)),
                (
                    "recovery_digests",
                    ArrayField(
                        models.CharField(max_length=64),
                        default=list,
                        size=None,
                        verbose_name="recovery codes",
                    ),
                ),
                ("wrong_codes", models.PositiveIntegerField(default=0)),
                ("wrong_code_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=models.CASCADE,
                        related_name="second_factor",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "db_table": "second_factors",
                "verbose_name": "two-step sign-in",
                "verbose_name_plural": "two-step sign-in",
            },
        ),
        migrations.CreateModel(
            name="TwoStepGroup",
            fields=[
                (
                    "group",
                    models.OneToOneField(
                        on_delete=models.CASCADE,
                        primary_key=True,
                        related_name="two_steps",
                        serialize=False,
                        to="auth.group",
                        verbose_name="group",
                    ),
                ),
            ],
            options={
                "db_table": "two_step_groups",
                "verbose_name": "two-step sign-in",
                "verbose_name_plural": "two-step sign-in",
            },
        ),
        migrations.CreateModel(
            name="SignOut",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=models.CASCADE,
                        primary_key=True,
                        related_name="sign_out",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="when")),
            ],
            options={
                "db_table": "sign_outs",
                "verbose_name": "sign-out everywhere",
                "verbose_name_plural": "sign-outs",
            },
        ),
    ]
