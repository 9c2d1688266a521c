"""A line of the log for each event received."""

from __future__ import annotations

from collections.abc import Iterable

from iiko_client.models.events import Envelope
from webhooks.event_log import NONE, is_enabled, write


def log_received(envelopes: Iterable[Envelope]) -> None:
    if not is_enabled():
        return
    for one in envelopes:
        write(
            {
                "event_type": one.event_type,
                "format": one.format,
                "external_id": one.order_external_id,
                "iiko_id": "" if one.entity_key.startswith("ext:") else one.entity_key,
                "organization_id": one.organization_id,
                "event": f"[WEBHOOK] Получено событие: {one.event_type or one.format}, "
                f"external_id: {one.order_external_id or NONE}",
            }
        )
