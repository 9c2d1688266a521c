"""Actions on orders and the commands they become."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NoReturn

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import IikoIdField, MomentField
from core.api.strict import StrictSerializer
from iiko_client.models.payments import PaymentKind
from iiko_client.models.statuses import DeliveryStatus, normalise_status, normaliser
from iiko_client.units import MinorUnits, NotMoney, text_to_minor, to_minor
from orders.actions.discount.calculation import AskedDiscount
from orders.commands.refusals import meaning
from orders.commands.resolve import AskedPayment
from orders.models.command import CommandKind, OrderCommand

_LARGEST_MINOR = 10**12  # 1e10 in major units (docs/iiko.md#money)


class CommandErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="iiko's code, or one of the hub's.")
    message = serializers.CharField(help_text="iiko's own words; where it said none, the cause.")
    cause = serializers.CharField(allow_null=True, help_text="What it means.")
    next_step = serializers.CharField(allow_null=True, help_text="What to do about it.")


class CommandSerializer(serializers.ModelSerializer[OrderCommand]):
    order_id = serializers.IntegerField(read_only=True)
    phase = serializers.CharField(
        required=False, help_text="Of a discount alone: the step it is at; `state` says how far that one is."
    )
    new_iiko_order_id = serializers.CharField(
        required=False,
        source="new_order_id",
        help_text="Of a discount alone: iiko's id of the order made in place of this one.",
    )
    error = serializers.SerializerMethodField(help_text="null unless something went wrong.")

    class Meta:
        model = OrderCommand
        fields = (
            "id",
            "order_id",
            "kind",
            "state",
            "phase",
            "params",
            "new_iiko_order_id",
            "correlation_id",
            "error",
            "confirmed_by",
            "requested_by",
            "created_at",
            "sent_at",
            "finished_at",
        )
        read_only_fields = fields

    def to_representation(self, instance: OrderCommand) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if instance.kind != CommandKind.APPLY_DISCOUNT:
            del shown["phase"], shown["new_iiko_order_id"]
        return shown

    @extend_schema_field(CommandErrorSerializer(allow_null=True))
    def get_error(self, command: OrderCommand) -> dict[str, Any] | None:
        if not (command.error_code or command.error):
            return None
        known = meaning(command.error_code)
        cause = str(known.cause) if known else None
        return {
            "code": command.error_code,
            "message": command.error or cause or "",
            "cause": cause,
            "next_step": str(known.next_step) if known else None,
        }


@extend_schema_field(
    {"oneOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+(\.\d{1,2})?$"}], "example": 1520.50}
)
class MoneyField(serializers.Field[MinorUnits, Any, Any, Any]):
    """Major units, a JSON number or decimal text with at most two places; more than nothing."""

    default_error_messages = {
        "not_money": _("An amount in major units with at most two places, such as 1520.50."),
        "too_small": _("The amount must be more than 0."),
        "too_large": _("The amount must not be more than 10000000000."),
    }

    def to_internal_value(self, data: Any) -> MinorUnits:
        try:
            minor = text_to_minor(data) if isinstance(data, str) else to_minor(data)
        except NotMoney:
            self.fail("not_money")
        if minor <= 0:
            self.fail("too_small")
        if minor > _LARGEST_MINOR:
            self.fail("too_large")
        return minor

    def to_representation(self, value: Any) -> Any:
        return value


class NamedChoiceField(serializers.ChoiceField):
    """Takes any spelling of its choices, and names them where it takes none."""

    default_error_messages = {"invalid_choice": _("“{input}” is none of these: {known}.")}

    def to_internal_value(self, data: Any) -> Any:
        known = normaliser(map(str, self.choices))
        return super().to_internal_value((known(data) or data) if isinstance(data, str) else data)

    def fail(self, key: str, **facts: Any) -> NoReturn:
        if "input" in facts:
            facts |= {"input": str(facts["input"])[:60], "known": ", ".join(map(str, self.choices))}
        super().fail(key, **facts)


@extend_schema_field({"type": "string", "enum": [status.value for status in DeliveryStatus]})
class StatusField(NamedChoiceField):
    """One of iiko's ten; SOI's spelling is taken too."""

    def to_internal_value(self, data: Any) -> DeliveryStatus:
        known = normalise_status(data) if isinstance(data, str) else None
        if known is None:
            self.fail("invalid_choice", input=data)
        return known


class UpdateStatusSerializer(StrictSerializer):
    status = StatusField(choices=[status.value for status in DeliveryStatus])
    delivered_at = MomentField(
        required=False,
        allow_null=True,
        default=None,
        help_text="When the guest had it; Delivered and Closed.",
    )


class AssignCourierSerializer(StrictSerializer):
    courier_id = IikoIdField(
        allow_null=True,
        help_text="iiko's id, see GET couriers; null takes the courier off (POS 8.6.6). That iiko does so "
        "is a guess until a POS has shown it: the command is confirmed once the order shows no courier.",
    )
    courier_name = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, help_text="Not needed: the dictionary knows it."
    )


class PaymentSerializer(StrictSerializer):
    paymentTypeKind = NamedChoiceField(  # noqa: N815  # the contract's name
        choices=[kind.value for kind in PaymentKind], required=False, allow_null=True
    )
    paymentTypeId = IikoIdField(required=False, allow_null=True)  # noqa: N815
    sum = MoneyField(help_text="Major units: 1520.50.")
    isProcessedExternally = serializers.BooleanField(  # noqa: N815
        default=False,
        help_text="The money was taken outside iiko, by your shop say: iiko then asks the guest for none of "
        "it. Only with payment types that iiko lets be processed outside.",
    )
    isFiscalizedExternally = serializers.BooleanField(  # noqa: N815
        default=False, help_text="The receipt was printed outside iiko (POS 7.6.3)."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("paymentTypeKind") and not attrs.get("paymentTypeId"):
            raise serializers.ValidationError(_("Each payment needs paymentTypeId or paymentTypeKind."))
        return attrs


class UpdatePaymentSerializer(StrictSerializer):
    payments = serializers.ListField(child=PaymentSerializer(), allow_empty=False, max_length=20)


def asked_payments(params: dict[str, Any]) -> list[AskedPayment]:
    return [
        AskedPayment(
            sum_minor=one["sum"],
            kind=PaymentKind(one["paymentTypeKind"]) if one.get("paymentTypeKind") else None,
            type_id=one.get("paymentTypeId"),
            is_processed_externally=one["isProcessedExternally"],
            is_fiscalized_externally=one["isFiscalizedExternally"],
        )
        for one in params["payments"]
    ]


class CancelSerializer(StrictSerializer):
    cancel_reason = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, default="", max_length=255
    )
    cancel_cause_id = IikoIdField(required=False, allow_null=True, default=None)
    removal_type_id = IikoIdField(
        required=False,
        allow_null=True,
        default=None,
        help_text="How food that is made already is removed. Left out, the one type that writes it off at "
        "the restaurant's cost is taken, and the command's `params` name it; where there is none or several: "
        "422 `removal_type_needed`.",
    )


@extend_schema_field(
    {"oneOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+(\.\d{1,2})?$"}], "example": 10}
)
class PercentField(serializers.DecimalField):
    """More than 0 and up to 100, with at most two places."""


class ApplyDiscountSerializer(StrictSerializer):
    discount_id = IikoIdField(
        required=False,
        allow_null=True,
        default=None,
        help_text="iiko's id of the discount type. Not needed where only one takes a sum.",
    )
    discount_sum = MoneyField(required=False, allow_null=True, default=None, help_text="Major units: 150.00.")
    discount_percent = PercentField(
        required=False,
        allow_null=True,
        default=None,
        max_digits=5,
        decimal_places=2,
        min_value=Decimal("0.01"),
        max_value=Decimal(100),
        help_text="Of what the dishes cost before discounts; it must come to whole 1/100 of the currency.",
    )
    reissue = serializers.BooleanField(
        required=False,
        default=False,
        help_text="The order may be reissued with the discount under another number and id, and this one "
        "cancelled: before cooking and with no processed payment. Courier, problem mark and tracking "
        "link are not carried over.",
    )


def asked_discount(params: dict[str, Any]) -> AskedDiscount:
    return AskedDiscount(
        type_id=params["discount_id"] or None,
        sum_minor=params["discount_sum"],
        percent=params["discount_percent"],
        reissue=params["reissue"],
    )
