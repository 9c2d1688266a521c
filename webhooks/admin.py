"""The admin of the inbox; each module registers its pages when it is read."""

from webhooks.admin_configs import WebhookConfigAdmin
from webhooks.admin_events import WebhookEventAdmin

__all__ = ["WebhookConfigAdmin", "WebhookEventAdmin"]
