"""Events of the inbox, as the API shows them."""

from __future__ import annotations

import base64

from rest_framework import serializers

from webhooks.models import WebhookEvent

LIST_FIELDS = (
    "id",
    "event_type",
    "format",
    "status",
    "reason",
    "error",
    "notes",
    "organization_id",
    "entity_key",
    "order_external_id",
    "correlation_id",
    "event_time",
    "revision",
    "source",
    "duplicates",
    "attempts",
    "received_at",
    "processed_at",
    "next_attempt_at",
    "order_id",
    "replay_of_id",
)


class EventSerializer(serializers.ModelSerializer[WebhookEvent]):
    next_attempt_at = serializers.DateTimeField(read_only=True, allow_null=True)
    order_id = serializers.IntegerField(read_only=True, allow_null=True, help_text="Ours, as in GET orders.")
    replay_of_id = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = WebhookEvent
        fields: tuple[str, ...] = LIST_FIELDS
        read_only_fields = fields


class EventDetailSerializer(EventSerializer):
    raw_body_base64 = serializers.SerializerMethodField(
        help_text="The bytes as they came, where they could not be kept as JSON."
    )

    class Meta(EventSerializer.Meta):
        fields = (*LIST_FIELDS, "payload", "raw_body_base64")
        read_only_fields = fields

    def get_raw_body_base64(self, event: WebhookEvent) -> str | None:
        return None if event.raw_body is None else base64.b64encode(event.raw_body).decode()
