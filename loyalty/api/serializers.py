"""Guests, wallets and operations as the API shows and takes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import IikoIdField, TraceIdField
from core.api.strict import StrictSerializer
from core.database import db_clock
from loyalty.models import Customer, LoyaltyOperation, Wallet, WalletKind
from loyalty.wallets.queue import ANSWER_LOST, BEING_SENT, IN_TURN, Wait, waits_of
from loyalty.wallets.submission import LONGEST_COMMENT
from orders.api.action_serializers import MoneyField
from organizations.api.permissions import in_scope


@extend_schema_field({"oneOf": [{"type": "number"}, {"type": "string"}], "example": 1520.5})
class AmountField(MoneyField):
    pass


class WalletSerializer(serializers.ModelSerializer[Wallet]):
    wallet_id = serializers.CharField(source="iiko_id", read_only=True, help_text="iiko's id.")
    type = serializers.IntegerField(
        source="kind",
        read_only=True,
        allow_null=True,
        help_text="iiko's number: 0 deposit, 1 bonus, 2 products, 3 discount, 4 certificate.",
    )
    kind = serializers.SerializerMethodField(
        help_text="In a word: `deposit`, `bonus`, `products`, `discount`, `certificate`, else `unknown`."
    )
    balance = serializers.SerializerMethodField(
        help_text="As iiko gave it: an amount of the currency, pieces of products, or of an unknown kind a "
        "plain number. null: a discount, which has no balance."
    )
    balance_minor = serializers.IntegerField(
        source="money_minor",
        read_only=True,
        allow_null=True,
        help_text="Of money: whole 1/100; a smaller rest cannot be spent. Else null.",
    )
    currency = serializers.CharField(
        read_only=True, allow_null=True, help_text="null where the wallet holds no money."
    )
    is_movable = serializers.BooleanField(
        read_only=True, help_text="Whether top-up, withdrawal and hold are taken: for deposits and bonuses."
    )

    class Meta:
        model = Wallet
        fields = (
            "wallet_id",
            "name",
            "type",
            "kind",
            "balance",
            "balance_minor",
            "currency",
            "is_movable",
            "read_at",
        )
        read_only_fields = fields

    def get_kind(self, wallet: Wallet) -> str:
        return WalletKind(wallet.kind).name.lower() if wallet.kind in WalletKind.values else "unknown"

    def get_balance(self, wallet: Wallet) -> str | None:
        if wallet.balance is None or wallet.kind == WalletKind.DISCOUNT:
            return None
        return format(wallet.balance.normalize(), "f")


class CardSerializer(serializers.Serializer[object]):
    number = serializers.CharField(read_only=True)
    track = serializers.CharField(read_only=True)


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    customer_id = serializers.CharField(source="iiko_id", read_only=True, help_text="iiko's id.")
    organization_id = serializers.CharField(read_only=True)
    cards = CardSerializer(many=True, read_only=True)
    wallets = WalletSerializer(many=True, read_only=True)

    class Meta:
        model = Customer
        fields = (
            "customer_id",
            "organization_id",
            "name",
            "surname",
            "phone",
            "email",
            "cards",
            "is_deleted",
            "wallets",
            "read_at",
        )
        read_only_fields = fields


class OperationErrorSerializer(serializers.Serializer[object]):
    code = serializers.CharField(help_text="iiko's code, or one of the hub's.")
    message = serializers.CharField(help_text="What went wrong, in iiko's own words where it said any.")


class WaitingSerializer(serializers.Serializer[object]):
    """Operations of a wallet go one after the other: what the first that is not over waits for."""

    operation_id = serializers.IntegerField(
        source="first.pk",
        allow_null=True,
        help_text="The first operation of the wallet that is not over, this one perhaps. null: it was "
        "requested through a restaurant the caller does not see.",
    )
    ahead = serializers.IntegerField(help_text="How many operations of the wallet are before this one.")
    reason = serializers.CharField(
        help_text=f"`{ANSWER_LOST}`: iiko's answer to the first was lost, and the hub looks for its "
        f"transaction. `{BEING_SENT}`, `{IN_TURN}`, or why it could not be sent so far: `iiko_busy`, "
        "`iiko_unreachable`, …"
    )
    since = serializers.DateTimeField(help_text="When the first was sent, or requested where it was not.")
    next_step_at = serializers.DateTimeField(
        allow_null=True, help_text="When it is looked for or tried next. null: in a moment."
    )
    look_every_s = serializers.IntegerField(
        allow_null=True, help_text=f"How far apart the looks are by now; null unless `{ANSWER_LOST}`."
    )
    settled_by = serializers.DateTimeField(
        allow_null=True,
        help_text="When the outcome of the first counts as known at the latest; null where nobody can say. "
        "Until then nothing behind it is sent, and nothing expires.",
    )


class _OperationListSerializer(serializers.ListSerializer[LoyaltyOperation]):
    def to_representation(self, data: Any) -> Any:  # noqa: ANN401  # as the REST framework has it
        rows: list[LoyaltyOperation] = list(data)
        self.context["waits"] = waits_of(rows, now=db_clock.now())
        return super().to_representation(rows)


class OperationSerializer(serializers.ModelSerializer[LoyaltyOperation]):
    organization_id = serializers.CharField(read_only=True)
    customer_id = serializers.CharField(source="wallet.customer.iiko_id", read_only=True)
    wallet_id = serializers.CharField(source="wallet.iiko_id", read_only=True)
    currency = serializers.CharField(read_only=True, allow_null=True)
    order_id = serializers.IntegerField(read_only=True, allow_null=True)
    hold_transaction_id = serializers.CharField(
        source="hold.transaction_id",
        default=None,
        read_only=True,
        allow_null=True,
        help_text="Of a release: its hold. Else null.",
    )
    transaction_id = serializers.CharField(
        read_only=True, help_text="Of a hold: what it is released by. Else iiko's, once it was found."
    )
    error = serializers.SerializerMethodField(help_text="null unless something went wrong.")
    waiting = serializers.SerializerMethodField(
        help_text="What it waits for and how long that can take; null once it is over."
    )
    cancelled_by = serializers.CharField(
        read_only=True, help_text="Who cancelled it; empty unless `cancelled`."
    )
    trace_id = TraceIdField()

    class Meta:
        model = LoyaltyOperation
        list_serializer_class = _OperationListSerializer
        fields: tuple[str, ...] = (
            "id",
            "organization_id",
            "customer_id",
            "wallet_id",
            "kind",
            "state",
            "amount_minor",
            "currency",
            "comment",
            "order_id",
            "transaction_id",
            "hold_transaction_id",
            "trace_id",
            "error",
            "confirmed_by",
            "requested_by",
            "created_at",
            "sent_at",
            "finished_at",
            "released_at",
            "waiting",
            "cancelled_by",
            "cancel_comment",
        )
        read_only_fields = fields

    @extend_schema_field(WaitingSerializer(allow_null=True))
    def get_waiting(self, operation: LoyaltyOperation) -> dict[str, object] | None:
        waits: dict[int, Wait] | None = self.context.get("waits")
        if waits is None:
            waits = waits_of([operation], now=db_clock.now())
        wait = waits.get(operation.pk)
        if wait is None:
            return None
        shown: dict[str, object] = dict(WaitingSerializer(wait).data)
        if not self._sees(wait.first, operation):
            shown["operation_id"] = None
        return shown

    def _sees(self, first: LoyaltyOperation, operation: LoyaltyOperation) -> bool:
        """Whether the caller sees an operation: a chain has one wallet for all its restaurants."""
        if first.organization_id == operation.organization_id:
            return True
        rows = LoyaltyOperation.objects.filter(pk=first.pk)
        return in_scope(self.context["request"], rows).exists()

    @extend_schema_field(OperationErrorSerializer(allow_null=True))
    def get_error(self, operation: LoyaltyOperation) -> dict[str, str] | None:
        if not operation.trouble:
            return None
        return {"code": operation.error_code, "message": operation.trouble}


def _comment() -> serializers.CharField:
    return serializers.CharField(
        required=False, allow_blank=True, default="", max_length=LONGEST_COMMENT, help_text="The reason."
    )


class ReasonSerializer(StrictSerializer):
    comment = _comment()


class WalletActionSerializer(StrictSerializer):
    organization_id = IikoIdField()
    customer_id = IikoIdField(help_text="iiko's id, see GET loyalty/customers.")
    wallet_id = IikoIdField(help_text="iiko's id, see GET loyalty/customers.")
    amount = AmountField(help_text="Major units: 1520.50.")
    comment = _comment()
    order_id = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=2**63 - 1,
        help_text="The hub's id of the order it is for. A hold goes back when that order is cancelled.",
    )
