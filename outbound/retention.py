"""How long outbound webhooks keep what they told."""

from core.privacy.retention import delete_after, stays
from outbound.models.events import OutboundEvent

stays("outbound_deliveries outbound_attempts", "deleted with their event")
stays("outbound_subscriptions outbound_subscriptions_organizations", "set up by an administrator or a key")

delete_after(
    "outbound_events",
    "what was told, and what never arrived, so long ago",
    age="OUTBOUND_RETENTION_DAYS",
    due=lambda before: OutboundEvent.objects.filter(occurred_at__lt=before),
    moment="occurred_at",
)
