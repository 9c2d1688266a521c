"""What is out of stock, as the API shows it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from core.database import db_clock
from organizations.models.stop_lists import StopListItem

NULL_NAME = "null where the dictionaries do not know it."


class StopListItemSerializer(serializers.ModelSerializer[StopListItem]):
    organization_id = serializers.CharField(read_only=True)
    terminal_group_name = serializers.CharField(read_only=True, allow_null=True, help_text=NULL_NAME)
    product_name = serializers.CharField(read_only=True, allow_null=True, help_text=NULL_NAME)
    size_id = serializers.SerializerMethodField(help_text="null: the product has no sizes.")
    size_name = serializers.CharField(read_only=True, allow_null=True, help_text=NULL_NAME)
    balance = serializers.SerializerMethodField(
        help_text="How much is left, decimal text; null where iiko's value could not be read."
    )
    since = serializers.DateTimeField(
        read_only=True, help_text="As iiko says (`is_since_told`), else when the hub saw it first."
    )
    until = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="null: it is on the list now."
    )
    out_of_stock_s = serializers.SerializerMethodField(
        help_text="Seconds of this interval, until now where it lasts; 0 while something is left."
    )

    class Meta:
        model = StopListItem
        fields = (
            "id",
            "organization_id",
            "terminal_group_id",
            "terminal_group_name",
            "product_id",
            "product_name",
            "size_id",
            "size_name",
            "sku",
            "balance",
            "is_out_of_stock",
            "since",
            "is_since_told",
            "until",
            "out_of_stock_s",
        )
        read_only_fields = fields

    def get_size_id(self, item: StopListItem) -> str | None:
        return item.size_id or None

    def get_balance(self, item: StopListItem) -> str | None:
        return None if item.balance is None else f"{item.balance.normalize():f}"

    def get_out_of_stock_s(self, item: StopListItem) -> int:
        return int(item.span(db_clock.now()).total_seconds()) if item.is_out_of_stock else 0


class TimeOutOfStockSerializer(serializers.Serializer[dict[str, Any]]):
    organization_id = serializers.CharField()
    terminal_group_id = serializers.CharField()
    terminal_group_name = serializers.CharField(allow_null=True, help_text=NULL_NAME)
    product_id = serializers.CharField()
    product_name = serializers.CharField(allow_null=True, help_text=NULL_NAME)
    size_id = serializers.SerializerMethodField(help_text="null: the product has no sizes.")
    size_name = serializers.CharField(allow_null=True, help_text=NULL_NAME)
    times = serializers.IntegerField(help_text="How often it ran out, as far as it touches the period.")
    out_of_stock_s = serializers.SerializerMethodField(help_text="Seconds of the period with nothing left.")
    is_out_of_stock = serializers.SerializerMethodField(help_text="It is out of stock now.")

    def get_size_id(self, row: dict[str, Any]) -> str | None:
        return row["size_id"] or None

    def get_out_of_stock_s(self, row: dict[str, Any]) -> int:
        spent: timedelta = row["out_for"]
        return int(spent.total_seconds())

    def get_is_out_of_stock(self, row: dict[str, Any]) -> bool:
        return bool(row["now"])
