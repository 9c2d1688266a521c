"""Events of the inbox, as the API shows them."""

import base64
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from core.api.fields import IikoIdField, MomentField, TraceIdField
from core.api.strict import StrictSerializer
from core.redaction import mask
from webhooks.masking import caller_sees_people, masked_words
from webhooks.models.inbox import Drift, EventSource, EventStatus, Reason, WebhookConfig, WebhookEvent

LIST_FIELDS = (
    "id",
    "event_type",
    "format",
    "status",
    "reason",
    "processing_error",
    "notes",
    "organization_id",
    "entity_key",
    "order_external_id",
    "correlation_id",
    "trace_id",
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
    "is_masked",
)


class EventSerializer(serializers.ModelSerializer[WebhookEvent]):
    next_attempt_at = serializers.DateTimeField(read_only=True, allow_null=True)
    is_masked = serializers.SerializerMethodField(
        help_text="true: the caller may not see personal data. In the payload, errors and remarks what may "
        "hold any is `***`; the raw body is left out."
    )
    order_id = serializers.IntegerField(read_only=True, allow_null=True, help_text="Ours, as in GET orders.")
    replay_of_id = serializers.IntegerField(read_only=True, allow_null=True)
    trace_id = TraceIdField()

    class Meta:
        model = WebhookEvent
        fields: tuple[str, ...] = LIST_FIELDS
        read_only_fields = fields

    def get_is_masked(self, event: WebhookEvent) -> bool:
        return not caller_sees_people(self.context["request"], event)

    def to_representation(self, event: WebhookEvent) -> dict[str, Any]:
        shown = super().to_representation(event)
        if shown["is_masked"]:
            shown["processing_error"] = masked_words(event.processing_error)
            shown["notes"] = [masked_words(str(note)) for note in event.notes]
        return shown


class EventDetailSerializer(EventSerializer):
    raw_body_base64 = serializers.SerializerMethodField(
        help_text="The bytes as they came, where they could not be kept as JSON."
    )

    class Meta(EventSerializer.Meta):
        fields = (*LIST_FIELDS, "payload", "raw_body_base64")
        read_only_fields = fields

    def to_representation(self, event: WebhookEvent) -> dict[str, Any]:
        shown = super().to_representation(event)
        if shown["is_masked"]:
            shown |= {"payload": mask(event.payload), "raw_body_base64": None}
        return shown

    def get_raw_body_base64(self, event: WebhookEvent) -> str | None:
        return None if event.raw_body is None else base64.b64encode(event.raw_body).decode()


def valid(serializer: serializers.Serializer[object]) -> dict[str, Any]:
    """Return what was given, checked.

    Raises:
        ValidationError: 400.
    """
    serializer.is_valid(raise_exception=True)
    given: dict[str, Any] = serializer.validated_data
    return given


class DryRunSerializer(StrictSerializer):
    dry_run = serializers.BooleanField(
        default=False, help_text="Only tell what would change; answered with 200."
    )


class ManyReplaysSerializer(DryRunSerializer):
    """At least one filter, of those of ``GET webhooks/events``."""

    event_type = serializers.CharField(required=False)
    status = serializers.ChoiceField(EventStatus.choices, required=False)
    reason = serializers.ChoiceField(Reason.choices, required=False)
    processing_error = serializers.CharField(required=False, help_text="A part of the error's text.")
    organization_id = IikoIdField(required=False)
    order_external_id = serializers.CharField(required=False)
    correlation_id = IikoIdField(required=False)
    source = serializers.ChoiceField(EventSource.choices, required=False)  # type: ignore[assignment]  # a declared field, no attribute
    since = MomentField(required=False, help_text="Received at or after.")
    until = MomentField(required=False, help_text="Received before.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not set(attrs) - {"dry_run"}:
            raise serializers.ValidationError(_("Say which events: give at least one filter, `since` say."))
        return attrs


class ReplayCountSerializer(serializers.Serializer[object]):
    queued = serializers.IntegerField(help_text="New events of the inbox (`source: replay`).")
    waiting = serializers.IntegerField(help_text="Were waiting to be applied already.")
    impossible = serializers.IntegerField(
        help_text="Could not be read when they came, or came with another restaurant's token."
    )


class ReplayResultSerializer(serializers.Serializer[object]):
    status = serializers.ChoiceField(EventStatus.choices)
    reason = serializers.CharField(help_text="Empty where it would be applied.")
    count = serializers.IntegerField()


class ReplayFailureSerializer(serializers.Serializer[object]):
    event_id = serializers.IntegerField()
    error = serializers.CharField()


class ReplayFieldChangeSerializer(serializers.Serializer[object]):
    name = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        # ``from`` is a word of the language
        changed = {"from": serializers.JSONField(), "to": serializers.JSONField()}
        return super().get_fields() | changed


class _RowChange(serializers.Serializer[object]):
    kind = serializers.CharField(help_text="order, ordercommand, …")
    id = serializers.IntegerField(allow_null=True, help_text="Ours; null where the row would be new.")
    name = serializers.CharField()
    organization_id = serializers.CharField(allow_null=True)
    change = serializers.ChoiceField(["new", "changed", "gone"])


class ReplayRowChangeSerializer(_RowChange):
    def get_fields(self) -> dict[str, Any]:
        # The name ``fields`` is taken by the serializer itself.
        return super().get_fields() | {"fields": ReplayFieldChangeSerializer(many=True)}


class DryRunResultSerializer(serializers.Serializer[object]):
    """What a replay would do."""

    events = serializers.IntegerField(help_text="Those that would be replayed.")
    impossible = serializers.IntegerField(help_text="Those that cannot be.")
    untried = serializers.IntegerField(help_text="Too large to be tried here; a worker tries them.")
    results = ReplayResultSerializer(many=True)
    failures = ReplayFailureSerializer(many=True)
    changes = ReplayRowChangeSerializer(many=True)


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


class RegistrationSerializer(serializers.Serializer[object]):
    outcome = serializers.ChoiceField(choices=["unchanged", "updated", "would_update"])
    changes = serializers.ListField(child=serializers.CharField(), help_text="For people; without tokens.")
    config = ConfigSerializer()
