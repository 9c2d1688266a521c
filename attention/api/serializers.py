"""Items of the attention list, as the API shows them."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from attention.acts import LONGEST_NOTE
from attention.api.filters import SEVERITIES
from attention.models.items import AttentionEntry, AttentionItem, Severity
from attention.words import next_step_of, sentence_of
from core.api.fields import MomentField
from core.api.strict import StrictSerializer
from core.database import db_clock

FIELDS = (
    *("id", "rule", "severity", "sentence", "organization_id", "order_id", "command_id"),
    *("since", "opened_at", "ended_at", "taken_by", "taken_at", "resolved_at", "snoozed_until", "next_step"),
)


class NextStepSerializer(serializers.Serializer[object]):
    title = serializers.CharField()
    url = serializers.CharField(help_text="A page of the hub.")


class AttentionItemSerializer(serializers.ModelSerializer[AttentionItem]):
    """An item annotated with ``holder``."""

    severity = serializers.SerializerMethodField()
    sentence = serializers.SerializerMethodField(
        help_text="What is wrong, in the language of `Accept-Language`, on the restaurant's clock. "
        "No personal data."
    )
    organization_id = serializers.CharField(
        read_only=True, allow_null=True, help_text="iiko's organization id; null: it is about the hub itself."
    )
    order_id = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The hub's id of the order."
    )
    command_id = serializers.IntegerField(read_only=True, allow_null=True)
    since = serializers.DateTimeField(read_only=True, help_text="When the condition began.")
    opened_at = serializers.DateTimeField(read_only=True, help_text="When the hub found it.")
    taken_by = serializers.SerializerMethodField(
        help_text="The account of the person, or `API:`, the name of the key and its beginning."
    )
    next_step = serializers.SerializerMethodField()

    class Meta:
        model = AttentionItem
        fields: tuple[str, ...] = FIELDS
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=list(SEVERITIES.values())))
    def get_severity(self, item: AttentionItem) -> str:
        return SEVERITIES[Severity(item.severity)]

    def get_sentence(self, item: AttentionItem) -> str:
        return sentence_of(item, db_clock.now())

    def get_taken_by(self, item: AttentionItem) -> str | None:
        holder: str | None = getattr(item, "holder", None)
        return holder if item.taken_at is not None else None

    @extend_schema_field(NextStepSerializer(allow_null=True))
    def get_next_step(self, item: AttentionItem) -> dict[str, str] | None:
        step = next_step_of(item, self.context["request"].user)
        return None if step is None else {"title": str(step.title), "url": step.url}


class AttentionEntrySerializer(serializers.ModelSerializer[AttentionEntry]):
    actor = serializers.CharField(read_only=True, help_text="Empty: the hub itself.")

    class Meta:
        model = AttentionEntry
        fields = ("act", "at", "actor", "note")
        read_only_fields = fields


class AttentionDetailSerializer(AttentionItemSerializer):
    history = AttentionEntrySerializer(many=True, read_only=True, help_text="Oldest first.")

    class Meta(AttentionItemSerializer.Meta):
        fields = (*FIELDS, "history")
        read_only_fields = fields


class AttentionActSerializer(StrictSerializer):
    pass


class AttentionResolveSerializer(StrictSerializer):
    note = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=LONGEST_NOTE,
        help_text="What was done; colleagues see it.",
    )


class AttentionSnoozeSerializer(StrictSerializer):
    until = MomentField(help_text="ISO 8601; a moment of the next 7 days.")
