"""Who is told of what, what happened, and what became of each message."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import organizations.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organizations", "0020_let_keys_expire"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OutboundEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False)),
                (
                    "event_type",
                    models.CharField(
                        choices=[
                            ("order.created", "order: new"),
                            ("order.status_changed", "order: other status"),
                            ("order.updated", "order: changed"),
                            ("order.merged", "order: turned out to be another"),
                            ("command.created", "command: requested"),
                            ("command.updated", "command: went on"),
                            ("command.finished", "command: ended"),
                            ("loyalty.operation.created", "loyalty operation: requested"),
                            ("loyalty.operation.updated", "loyalty operation: went on"),
                            ("loyalty.operation.finished", "loyalty operation: ended"),
                            ("stop_list.item_added", "stop list: product put on"),
                            ("stop_list.item_changed", "stop list: other rest"),
                            ("stop_list.item_removed", "stop list: product taken off"),
                            ("attention.opened", "attention: found"),
                            ("attention.updated", "attention: changed"),
                            ("attention.ended", "attention: ended"),
                            ("subscription.test", "test"),
                        ],
                        max_length=40,
                        verbose_name="what",
                    ),
                ),
                (
                    "entity_type",
                    models.CharField(
                        choices=[
                            ("order", "order"),
                            ("command", "command"),
                            ("loyalty_operation", "loyalty operation"),
                            ("stop_list_item", "product on a stop list"),
                            ("attention_item", "attention item"),
                            ("test", "test"),
                        ],
                        max_length=20,
                        verbose_name="about",
                    ),
                ),
                ("entity_id", models.TextField(verbose_name="id")),
                ("row_id", models.BigIntegerField(null=True)),
                ("occurred_at", models.DateTimeField(verbose_name="when")),
                ("changes", models.JSONField(default=dict, verbose_name="changes")),
                ("position", models.BigIntegerField(editable=False, null=True, verbose_name="position")),
                ("body", models.TextField(editable=False, null=True, verbose_name="body")),
                (
                    "personal_body",
                    models.TextField(editable=False, null=True, verbose_name="body with personal data"),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="organizations.organization",
                        to_field="iiko_id",
                        verbose_name="organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "outbound event",
                "verbose_name_plural": "outbound events",
                "db_table": "outbound_events",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("description", models.TextField(blank=True, verbose_name="description")),
                ("url", organizations.fields.EncryptedTextField(verbose_name="address")),
                ("shown_host", models.CharField(editable=False, max_length=300, verbose_name="server")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("event_types", models.JSONField(blank=True, default=list, verbose_name="events")),
                (
                    "includes_personal_data",
                    models.BooleanField(default=False, verbose_name="with personal data of guests"),
                ),
                ("secret", organizations.fields.EncryptedTextField(editable=False, verbose_name="secret")),
                (
                    "previous_secret",
                    organizations.fields.EncryptedTextField(blank=True, default="", editable=False),
                ),
                (
                    "previous_secret_until",
                    models.DateTimeField(editable=False, null=True, verbose_name="former secret signs until"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("changed_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
                (
                    "failures",
                    models.PositiveIntegerField(default=0, editable=False, verbose_name="failures in a row"),
                ),
                (
                    "failing_since",
                    models.DateTimeField(editable=False, null=True, verbose_name="nothing arrived since"),
                ),
                (
                    "opened_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="circuit open since"),
                ),
                ("probes", models.PositiveIntegerField(default=0, editable=False, verbose_name="probes")),
                ("next_probe_at", models.DateTimeField(editable=False, null=True, verbose_name="next probe")),
                (
                    "paused_until",
                    models.DateTimeField(editable=False, null=True, verbose_name="asked to wait until"),
                ),
                (
                    "last_success_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="last arrived"),
                ),
                (
                    "last_error",
                    models.CharField(blank=True, editable=False, max_length=40, verbose_name="last error"),
                ),
                (
                    "disabled_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("gone", "the receiver answered 410: it wants no more"),
                            ("failing", "nothing arrived for days"),
                            ("person", "switched off by a person"),
                        ],
                        editable=False,
                        max_length=10,
                        verbose_name="why it is off",
                    ),
                ),
                ("disabled_at", models.DateTimeField(editable=False, null=True, verbose_name="off since")),
                (
                    "api_key",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subscriptions",
                        to="organizations.apikey",
                        verbose_name="API key",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="made by",
                    ),
                ),
                (
                    "organizations",
                    models.ManyToManyField(
                        blank=True,
                        db_table="outbound_subscriptions_organizations",
                        related_name="outbound_subscriptions",
                        to="organizations.organization",
                        verbose_name="restaurants",
                    ),
                ),
            ],
            options={
                "verbose_name": "subscription",
                "verbose_name_plural": "subscriptions",
                "db_table": "outbound_subscriptions",
                "ordering": ("name", "id"),
                "permissions": [("act_on_subscription", "Can send tests and send events again")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "event_type",
                    models.CharField(
                        choices=[
                            ("order.created", "order: new"),
                            ("order.status_changed", "order: other status"),
                            ("order.updated", "order: changed"),
                            ("order.merged", "order: turned out to be another"),
                            ("command.created", "command: requested"),
                            ("command.updated", "command: went on"),
                            ("command.finished", "command: ended"),
                            ("loyalty.operation.created", "loyalty operation: requested"),
                            ("loyalty.operation.updated", "loyalty operation: went on"),
                            ("loyalty.operation.finished", "loyalty operation: ended"),
                            ("stop_list.item_added", "stop list: product put on"),
                            ("stop_list.item_changed", "stop list: other rest"),
                            ("stop_list.item_removed", "stop list: product taken off"),
                            ("attention.opened", "attention: found"),
                            ("attention.updated", "attention: changed"),
                            ("attention.ended", "attention: ended"),
                            ("subscription.test", "test"),
                        ],
                        max_length=40,
                        verbose_name="what",
                    ),
                ),
                ("entity", models.TextField(verbose_name="about")),
                ("position", models.BigIntegerField(verbose_name="position")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "waiting to be sent"),
                            ("delivered", "arrived"),
                            ("failed", "not arrived, no more attempts"),
                        ],
                        default="pending",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("next_attempt_at", models.DateTimeField(null=True, verbose_name="next attempt")),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("last_status", models.PositiveSmallIntegerField(null=True, verbose_name="answer")),
                ("last_error", models.CharField(blank=True, max_length=40, verbose_name="error")),
                ("last_attempt_at", models.DateTimeField(null=True, verbose_name="last attempt")),
                ("redelivered_at", models.DateTimeField(null=True, verbose_name="asked for again")),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="outbound.outboundevent",
                        verbose_name="event",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="organizations.organization",
                        to_field="iiko_id",
                        verbose_name="organization",
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="deliveries",
                        to="outbound.subscription",
                        verbose_name="subscription",
                    ),
                ),
            ],
            options={
                "verbose_name": "delivery of a webhook",
                "verbose_name_plural": "deliveries of webhooks",
                "db_table": "outbound_deliveries",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("began_at", models.DateTimeField(verbose_name="when")),
                ("duration_ms", models.PositiveIntegerField(verbose_name="took, ms")),
                ("status", models.PositiveSmallIntegerField(null=True, verbose_name="answer")),
                ("error", models.CharField(blank=True, max_length=40, verbose_name="error")),
                ("answer", models.TextField(blank=True, verbose_name="answered")),
                ("is_probe", models.BooleanField(default=False, verbose_name="probe")),
                (
                    "delivery",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="log",
                        to="outbound.delivery",
                        verbose_name="delivery",
                    ),
                ),
            ],
            options={
                "verbose_name": "attempt",
                "verbose_name_plural": "attempts",
                "db_table": "outbound_attempts",
                "ordering": ("id",),
                "indexes": [
                    models.Index(models.F("delivery"), models.F("id"), name="outbound_attempts_delivery"),
                    models.Index(models.F("began_at"), name="outbound_attempts_began"),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="outboundevent",
            index=models.Index(
                models.F("id"), condition=models.Q(("position__isnull", True)), name="outbound_events_new"
            ),
        ),
        migrations.AddIndex(
            model_name="outboundevent",
            index=models.Index(models.F("occurred_at"), name="outbound_events_occurred"),
        ),
        migrations.AddIndex(
            model_name="outboundevent",
            index=models.Index(models.F("entity_type"), models.F("row_id"), name="outbound_events_about"),
        ),
        migrations.AddConstraint(
            model_name="outboundevent",
            constraint=models.UniqueConstraint(fields=("position",), name="outbound_events_one_position"),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("previous_secret", ""), ("previous_secret_until__isnull", False), _connector="OR"
                ),
                name="outbound_subscriptions_former_secret_ends",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(models.F("subscription"), models.F("id"), name="outbound_deliveries_subscr"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(models.F("state"), models.F("id"), name="outbound_deliveries_state"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(models.F("event_type"), models.F("id"), name="outbound_deliveries_type"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(models.F("organization"), models.F("id"), name="outbound_deliveries_place"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(models.F("created_at"), name="outbound_deliveries_created"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                models.F("subscription"),
                models.F("position"),
                condition=models.Q(("state", "pending")),
                name="outbound_deliveries_due",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                models.F("subscription"),
                models.F("entity"),
                models.F("position"),
                condition=models.Q(("state", "pending")),
                name="outbound_deliveries_entity",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("subscription", "event"), name="outbound_deliveries_once"
            ),
        ),
    ]
