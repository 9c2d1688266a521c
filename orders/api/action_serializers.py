"""The API's door to each action: its fields, and how it is described.

A serializer names its action, and ``asked`` makes of its valid input what the action takes. ``SERIALIZERS``
lists them; routes and OpenAPI are derived from it (``action_views``, ``action_docs``). The field names are a
public contract.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, NoReturn

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import IikoIdField, MomentField
from core.api.strict import StrictSerializer
from iiko_client.models.payments import PaymentKind
from iiko_client.models.statuses import DeliveryStatus, normalise_status, normaliser
from iiko_client.units import MinorUnits, NotMoney, text_to_minor, to_minor
from orders.actions.base import AnyAction
from orders.actions.cancel import CancelOrder, CancelParams
from orders.actions.courier import AssignCourier, CourierParams
from orders.actions.discount.action import ApplyDiscount
from orders.actions.discount.calculation import AskedDiscount
from orders.actions.payment import AskedPayment, UpdatePayment
from orders.actions.status import StatusParams, UpdateStatus

_LARGEST_MINOR = 10**12  # 1e10 in major units (docs/iiko.md#money)

Validated = dict[str, Any]


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

    def to_internal_value(self, data: object) -> MinorUnits:
        try:
            minor = text_to_minor(data) if isinstance(data, str) else to_minor(data)
        except NotMoney:
            self.fail("not_money")
        if minor <= 0:
            self.fail("too_small")
        if minor > _LARGEST_MINOR:
            self.fail("too_large")
        return minor

    def to_representation(self, value: object) -> object:
        return value


class NamedChoiceField(serializers.ChoiceField):
    """Takes any spelling of its choices, and names them where it takes none."""

    default_error_messages = {"invalid_choice": _("“{input}” is none of these: {known}.")}

    def to_internal_value(self, data: Any) -> Any:  # noqa: ANN401  # as the REST framework has it
        known = normaliser(map(str, self.choices))
        return super().to_internal_value((known(data) or data) if isinstance(data, str) else data)

    def fail(self, key: str, **facts: object) -> NoReturn:
        if "input" in facts:
            facts |= {"input": str(facts["input"])[:60], "known": ", ".join(map(str, self.choices))}
        super().fail(key, **facts)


@extend_schema_field({"type": "string", "enum": [status.value for status in DeliveryStatus]})
class StatusField(NamedChoiceField):
    """One of iiko's ten; SOI's spelling is taken too."""

    def to_internal_value(self, data: object) -> DeliveryStatus:
        known = normalise_status(data) if isinstance(data, str) else None
        if known is None:
            self.fail("invalid_choice", input=data)
        return known


# No docstrings here and below: Swagger would show them.
class ActionSerializer(StrictSerializer):
    action: ClassVar[AnyAction]
    summary: ClassVar[str]
    examples: ClassVar[Mapping[str, Mapping[str, object]]]
    """Bodies of requests, by what they ask."""

    def asked(self, given: Validated) -> Any:  # noqa: ANN401  # each action takes its own
        """Return what valid input asks, as the action takes it."""
        raise NotImplementedError


class UpdateStatusSerializer(ActionSerializer):
    action = UpdateStatus()
    summary = "Change the status"
    examples = {
        "on its way": {"status": "OnWay"},
        "handed over": {"status": "Delivered", "delivered_at": "2026-11-24T09:55:00Z"},
    }

    status = StatusField(choices=[status.value for status in DeliveryStatus])
    delivered_at = MomentField(
        required=False,
        allow_null=True,
        default=None,
        help_text="When the guest had it; Delivered and Closed.",
    )

    def asked(self, given: Validated) -> StatusParams:
        return StatusParams(given["status"], given["delivered_at"])


class AssignCourierSerializer(ActionSerializer):
    action = AssignCourier()
    summary = "Assign a courier"
    examples = {
        "a courier": {"courier_id": "7d8e9fa0-b1c2-4d3e-8f40-516273849500"},
        "nobody": {"courier_id": None},
    }

    courier_id = IikoIdField(
        allow_null=True,
        help_text="iiko's id, see GET couriers; null takes the courier off (POS 8.6.6). That iiko does so "
        "is a guess until a POS has shown it: the command is confirmed once the order shows no courier.",
    )
    courier_name = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, help_text="Not needed: the dictionary knows it."
    )

    def asked(self, given: Validated) -> CourierParams:
        return CourierParams(given["courier_id"])


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

    def validate(self, attrs: Validated) -> Validated:
        if not attrs.get("paymentTypeKind") and not attrs.get("paymentTypeId"):
            raise serializers.ValidationError(_("Each payment needs paymentTypeId or paymentTypeKind."))
        return attrs


class UpdatePaymentSerializer(ActionSerializer):
    action = UpdatePayment()
    summary = "Replace the payments"
    examples = {
        "by kind": {"payments": [{"paymentTypeKind": "Cash", "sum": 1520.50}]},
        "paid in your shop": {
            "payments": [{"paymentTypeKind": "Card", "sum": 1520.50, "isProcessedExternally": True}]
        },
        "by type, in two parts": {
            "payments": [
                {"paymentTypeId": "09322f46-578a-d210-add7-eec222a08871", "sum": "1000.00"},
                {"paymentTypeKind": "Cash", "sum": "520.50"},
            ]
        },
    }

    payments = serializers.ListField(child=PaymentSerializer(), allow_empty=False, max_length=20)

    def asked(self, given: Validated) -> list[AskedPayment]:
        return [
            AskedPayment(
                sum_minor=one["sum"],
                kind=PaymentKind(one["paymentTypeKind"]) if one.get("paymentTypeKind") else None,
                type_id=one.get("paymentTypeId"),
                is_processed_externally=one["isProcessedExternally"],
                is_fiscalized_externally=one["isFiscalizedExternally"],
            )
            for one in given["payments"]
        ]


class CancelSerializer(ActionSerializer):
    action = CancelOrder()
    summary = "Cancel the order"
    examples = {
        "a reason": {"cancel_reason": "The guest changed their mind"},
        "with what becomes of the food": {
            "cancel_reason": "The guest changed their mind",
            "removal_type_id": "3c4d5e6f-0000-4000-8000-000000000003",
        },
    }

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

    def asked(self, given: Validated) -> CancelParams:
        return CancelParams(
            reason=given["cancel_reason"] or "",
            cause_id=given["cancel_cause_id"] or None,
            removal_type_id=given["removal_type_id"] or None,
        )


@extend_schema_field(
    {"oneOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+(\.\d{1,2})?$"}], "example": 10}
)
class PercentField(serializers.DecimalField):
    """More than 0 and up to 100, with at most two places."""


class ApplyDiscountSerializer(ActionSerializer):
    action = ApplyDiscount()
    summary = "Give a discount"
    examples = {
        "ten per cent, in a new order": {"discount_percent": 10, "reissue": True},
        "a sum of a type": {
            "discount_id": "51111111-2222-4333-8444-555555555555",
            "discount_sum": "150.00",
            "reissue": True,
        },
        "a type with a size of its own": {
            "discount_id": "51111111-2222-4333-8444-555555555556",
            "reissue": True,
        },
    }

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

    def asked(self, given: Validated) -> AskedDiscount:
        return AskedDiscount(
            type_id=given["discount_id"] or None,
            sum_minor=given["discount_sum"],
            percent=given["discount_percent"],
            reissue=given["reissue"],
        )


SERIALIZERS: tuple[type[ActionSerializer], ...] = (
    UpdateStatusSerializer,
    AssignCourierSerializer,
    UpdatePaymentSerializer,
    CancelSerializer,
    ApplyDiscountSerializer,
)
