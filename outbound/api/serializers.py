"""Subscriptions, deliveries and attempts, as the API shows and takes them."""

import json

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import IikoIdField, MomentField, TraceIdField
from core.api.strict import StrictSerializer
from core.database import db_clock
from iiko_client.json_reader import JsonObject
from outbound.access import Viewer
from outbound.acts import check_url
from outbound.errors import BadAddress
from outbound.events.catalogue import SUBSCRIBABLE, unknown_types
from outbound.models.deliveries import Delivery, DeliveryAttempt
from outbound.models.events import EventType
from outbound.models.subscriptions import Subscription
from outbound.states import MOST_COUNTED, Health, health_of
from outbound.subscribing import LONGEST_URL

_TYPES = ", ".join(f"`{one.name.value}`" for one in SUBSCRIBABLE)


class EventTypeSerializer(serializers.Serializer[object]):
    name = serializers.CharField()
    title = serializers.CharField(help_text="In the language of `Accept-Language`.")
    when = serializers.CharField(help_text="When it is sent.")
    example = serializers.JSONField(help_text="A whole body.")


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """A subscription annotated ``with_waiting``, its restaurants read."""

    host = serializers.CharField(
        source="shown_host", read_only=True, help_text="The server of the address, which is not shown whole."
    )
    organization_ids = serializers.SerializerMethodField(
        help_text="iiko's ids. Empty: all that its maker may see, and what is about the hub itself."
    )
    state = serializers.SerializerMethodField(
        help_text="`not_answering`: nothing is sent but probes until it answers again. `paused`: it asked "
        "to wait. `key_off`: the key that made it is switched off or has expired; nothing is sent. "
        "`disabled`: nothing is sent until it is enabled."
    )
    waiting = serializers.IntegerField(
        read_only=True,
        help_text=f"How many deliveries are still to be sent; {MOST_COUNTED}: so many or more.",
    )
    event_types = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Empty: all of them."
    )
    previous_secret_until = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="Until then the former secret signs too.",
    )
    not_answering_since = serializers.DateTimeField(source="failing_since", read_only=True, allow_null=True)
    last_error = serializers.CharField(
        read_only=True,
        help_text="A code (docs/outbound-webhooks.md); empty since something arrived.",
    )

    class Meta:
        model = Subscription
        fields: tuple[str, ...] = (
            *("id", "name", "description", "host", "is_active", "state", "event_types", "organization_ids"),
            *("includes_personal_data", "waiting", "last_success_at", "not_answering_since", "last_error"),
            *("disabled_reason", "disabled_at", "previous_secret_until", "created_at", "changed_at"),
        )
        read_only_fields = fields

    def get_organization_ids(self, subscription: Subscription) -> list[str]:
        return sorted(one.iiko_id for one in subscription.organizations.all())

    @extend_schema_field(serializers.ChoiceField(choices=Health.choices))
    def get_state(self, subscription: Subscription) -> str:
        return health_of(subscription, db_clock.now()).value


class SubscriptionWithSecretSerializer(SubscriptionSerializer):
    secret = serializers.CharField(
        read_only=True, help_text="`whsec_…`: what signatures are verified with. Shown this once."
    )

    class Meta(SubscriptionSerializer.Meta):
        fields = ("secret", *SubscriptionSerializer.Meta.fields)
        read_only_fields = fields


class SubscriptionChangeSerializer(StrictSerializer):
    name = serializers.CharField(required=False, max_length=200, help_text="For people.")
    description = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    url = serializers.CharField(
        required=False,
        max_length=LONGEST_URL,
        help_text="Where events are posted to: https, a public server. Stored encrypted, not shown again.",
    )
    is_active = serializers.BooleanField(required=False, help_text="false: nothing is sent.")
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        max_length=100,
        help_text=f"Empty: all of them. There are {_TYPES}.",
    )
    organization_ids = serializers.ListField(
        child=IikoIdField(),
        required=False,
        max_length=1000,
        help_text="iiko's ids. Empty: all that the caller may see.",
    )
    includes_personal_data = serializers.BooleanField(
        required=False,
        help_text="Names, phones and words of guests are in the bodies. 403 unless the caller may see "
        "them: a key that may act.",
    )

    def validate_url(self, url: str) -> str:
        try:
            check_url(url)
        except BadAddress as error:
            raise serializers.ValidationError(error.detail, code=error.code) from error
        return url

    def validate_event_types(self, names: list[str]) -> list[str]:
        if unknown := unknown_types(names):
            words = _("No such event: %(unknown)s. There are: %(known)s.")
            known = ", ".join(one.name.value for one in SUBSCRIBABLE)
            raise serializers.ValidationError(
                words % {"unknown": ", ".join(unknown)[:500], "known": known}, code="unknown_event_type"
            )
        return names


class NewSubscriptionSerializer(SubscriptionChangeSerializer):
    is_active = None  # type: ignore[assignment]  # how the framework leaves a field of the base out

    def get_fields(self) -> dict[str, serializers.Field[object, object, object, object]]:
        fields = super().get_fields()
        fields["name"].required = fields["url"].required = True
        return fields


class EmptySerializer(StrictSerializer):
    pass


class SinceSerializer(StrictSerializer):
    since = MomentField(help_text="ISO 8601: what happened at or after.")
    only_failed = serializers.BooleanField(default=False, help_text="Those alone that did not arrive.")


class RedeliveredSerializer(serializers.Serializer[object]):
    count = serializers.IntegerField(help_text="How many deliveries are to be sent again at once.")
    goes_on = serializers.BooleanField(help_text="Whether more follow: the hub works through the others.")


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    subscription_id = serializers.IntegerField(read_only=True)
    message_id = serializers.CharField(
        read_only=True, help_text="`webhook-id`, the same at every attempt and every redelivery."
    )
    event_type = serializers.ChoiceField(choices=EventType.choices, read_only=True)
    organization_id = serializers.CharField(read_only=True, allow_null=True)
    entity = serializers.CharField(
        read_only=True, help_text="What it is about, `order/4711`: its deliveries stay in order."
    )
    trace_id = TraceIdField("event.trace_id")
    occurred_at = serializers.DateTimeField(source="event.occurred_at", read_only=True)
    last_status = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The HTTP status of the last answer; null: none came."
    )

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = (
            *("id", "subscription_id", "message_id", "event_type", "organization_id", "entity", "state"),
            *("trace_id", "attempts", "last_status", "last_error", "last_attempt_at", "next_attempt_at"),
            *("occurred_at", "created_at", "finished_at", "redelivered_at"),
        )
        read_only_fields = fields


class AttemptSerializer(serializers.ModelSerializer[DeliveryAttempt]):
    answer = serializers.SerializerMethodField(
        help_text="The beginning of what the receiver said; `***`: the caller may not see what it was sent."
    )

    class Meta:
        model = DeliveryAttempt
        fields = ("began_at", "duration_ms", "status", "error", "answer", "is_probe")
        read_only_fields = fields

    def get_answer(self, attempt: DeliveryAttempt) -> str:
        viewer: Viewer = self.context["viewer"]
        return viewer.answer_of(attempt)


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery as the ``viewer`` in the context may see it."""

    body = serializers.SerializerMethodField(
        help_text="What is sent. Guests are masked for those who may not see them. null: the caller may not "
        "see what it is about."
    )
    attempt_log = AttemptSerializer(source="log", many=True, read_only=True, help_text="Oldest first.")

    class Meta(DeliverySerializer.Meta):
        fields = (*DeliverySerializer.Meta.fields, "body", "attempt_log")
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_body(self, delivery: Delivery) -> JsonObject | None:
        viewer: Viewer = self.context["viewer"]
        text = viewer.body_of(delivery)
        return None if text is None else json.loads(text)
