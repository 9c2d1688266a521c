"""Table orders and reserves, as the API shows them."""

from rest_framework import serializers

from hall.models import H, Reserve, TableOrder

_WRAPPER = (
    "external_number",
    "status",
    "raw_status",
    "is_open",
    "creation_status",
    "error_info",
    "is_deleted",
)
_BILL = ("number", "amount_minor", "currency", "terminal_group_id")
_CHANGES = ("revision", "created_at", "updated_at")
_DETAIL = (
    *("customer", "phone", "items", "payments", "tips", "discounts", "processed_payments_minor"),
    *("order_type_id", "order_type_name", "source_key", "loyalty", "external_data"),
    *("when_bill_printed", "when_closed"),
)

TABLE_ORDER_FIELDS = (
    *("id", "organization_id", "iiko_order_id", *_WRAPPER, *_BILL),
    *("table_ids", "guests_count", "waiter_id", "waiter_name", "when_created", *_CHANGES),
)
TABLE_ORDER_DETAIL = (*_DETAIL, "pos_id", "tab_name", "split_between_registers")
RESERVE_FIELDS = (
    *("id", "organization_id", "iiko_reserve_id", *_WRAPPER, "cancel_reason"),
    *("estimated_start_time", "guests_coming_time", "duration_minutes", "guests_count", "table_ids"),
    *("occasion", *_BILL, *_CHANGES),
)
RESERVE_DETAIL = (*_DETAIL, "comment", "should_remind")


class HallSerializer(serializers.ModelSerializer[H]):
    organization_id = serializers.CharField(read_only=True, help_text="iiko's organization id.")
    currency = serializers.CharField(read_only=True, source="organization.currency")
    table_ids = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="iiko's ids; no event names the tables."
    )


class TableOrderSerializer(HallSerializer[TableOrder]):
    iiko_order_id = serializers.CharField(source="iiko_id", read_only=True, help_text="iiko's id.")

    class Meta:
        model = TableOrder
        fields: tuple[str, ...] = TABLE_ORDER_FIELDS
        read_only_fields = fields


class ReserveSerializer(HallSerializer[Reserve]):
    iiko_reserve_id = serializers.CharField(source="iiko_id", read_only=True, help_text="iiko's id.")

    class Meta:
        model = Reserve
        fields: tuple[str, ...] = RESERVE_FIELDS
        read_only_fields = fields


class TableOrderDetailSerializer(TableOrderSerializer):
    class Meta(TableOrderSerializer.Meta):
        fields = (*TABLE_ORDER_FIELDS, *TABLE_ORDER_DETAIL)
        read_only_fields = fields


class ReserveDetailSerializer(ReserveSerializer):
    class Meta(ReserveSerializer.Meta):
        fields = (*RESERVE_FIELDS, *RESERVE_DETAIL)
        read_only_fields = fields
