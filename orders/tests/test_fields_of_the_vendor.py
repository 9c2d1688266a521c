"""Every field of the vendor's order is kept, or left out on purpose and listed in the documentation."""

from datetime import UTC
from pathlib import Path
from typing import Any

from django.conf import settings

from iiko_client.models.order import read_order_info
from iiko_client.tests.harness import document, needs_schema
from tests.builders import cloud_order

LEFT_OUT = {
    "marketingSource",
    "deliveryDuration",
    "indexInCourierRoute",
    "lockedAt",
    "whenReceivedFromFront",
    "menuId",
    "priceCategory",
    "conception",
}


class Watched(dict[str, Any]):
    """Remembers which of its keys were looked at."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.seen: set[str] = set()

    def __contains__(self, key: object) -> bool:
        self.seen.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.seen.add(key)
        return super().get(key, default)


@needs_schema
def test_fields_of_an_order_are_kept_or_left_out_on_purpose() -> None:
    schemas = document()["components"]["schemas"]
    [order] = [one for name, one in schemas.items() if name.endswith("Deliveries.Response.Order.Order")]
    offered = set(order.get("properties", {}))
    for part in order.get("allOf", []):
        offered |= set(part.get("properties", {}))
    wire = Watched(cloud_order())

    read_order_info({"id": "1", "order": wire}, lambda _group: UTC)

    assert offered - wire.seen == LEFT_OUT


def test_what_is_left_out_is_listed_in_the_documentation() -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "how-it-works.md").read_text()
    assert [name for name in sorted(LEFT_OUT) if f"`{name}`" not in page] == []
