"""Webhook settings, as the API takes and shows them. Tokens go in and never come out."""

from __future__ import annotations

from rest_framework import serializers

from core.api.fields import IikoIdField
from core.api.strict import StrictSerializer
from webhooks.models.inbox import Drift, WebhookConfig


class ConfigSerializer(serializers.ModelSerializer[WebhookConfig]):
    organization_id = serializers.CharField(read_only=True, help_text="iiko's id.")
    has_previous_token = serializers.SerializerMethodField(
        help_text="The token before is accepted too, until an event comes with the new one."
    )

    drift = serializers.ListField(
        child=serializers.ChoiceField(choices=Drift.values),
        read_only=True,
        help_text="In what iiko's settings differed from the hub's when they were last read.",
    )

    class Meta:
        model = WebhookConfig
        fields = (
            "id",
            "organization_id",
            "webhook_url",
            "is_active",
            "has_previous_token",
            "registration_status",
            "registration_error",
            "last_registration",
            "drift",
            "seen_url",
            "checked_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_has_previous_token(self, config: WebhookConfig) -> bool:
        return bool(config.previous_auth_token)


class _TokenField(serializers.CharField):
    def __init__(self) -> None:
        super().__init__(
            write_only=True,
            required=False,
            max_length=500,
            help_text="What iiko shows us; a new one is made where it is left out. Never shown.",
        )


class NewConfigSerializer(StrictSerializer):
    organization_id = IikoIdField(help_text="iiko's id.")
    auth_token = _TokenField()
    is_active = serializers.BooleanField(default=True)


class ConfigChangeSerializer(StrictSerializer):
    auth_token = _TokenField()
    is_active = serializers.BooleanField(required=False)


class RegisterSerializer(StrictSerializer):
    force = serializers.BooleanField(
        default=False, help_text="Take over where iiko sends to another address now."
    )
    dry_run = serializers.BooleanField(default=False, help_text="Only tell what would change.")


class RegistrationSerializer(serializers.Serializer[WebhookConfig]):
    outcome = serializers.ChoiceField(choices=["unchanged", "updated", "would_update"])
    changes = serializers.ListField(child=serializers.CharField(), help_text="For people; without tokens.")
    config = ConfigSerializer()
