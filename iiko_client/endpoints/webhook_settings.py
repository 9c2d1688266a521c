"""Where iiko sends webhooks. Strictly rate-limited: read first, and change only what differs."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from iiko_client.endpoints import registry
from iiko_client.endpoints.base import Body, OperationGroup
from iiko_client.json_reader import Reader
from iiko_client.models.commands import Accepted
from iiko_client.models.webhook_settings import WebhookFilter, WebhookSettings


class WebhookRegistration(OperationGroup):
    """One address for each organization and login; there is no deletion (docs/iiko.md#webhook-settings)."""

    def webhook_settings(self, *, organization_id: str) -> WebhookSettings:
        reading = self._call(Body(registry.WEBHOOK_SETTINGS).ident("organizationId", organization_id))
        wire = reading.reader
        if not {"webHooksUri", "apiLoginName", "webHooksFilter"} & wire.wire.keys():
            reading.fail("no webhook settings in the answer")
        webhooks_filter = wire.wire.get("webHooksFilter")
        return reading.done(
            WebhookSettings(
                api_login_name=wire.read("apiLoginName", Reader.label),
                uri=wire.read("webHooksUri", Reader.label),
                auth_token=wire.read("authToken", Reader.text),
                filter=webhooks_filter if isinstance(webhooks_filter, Mapping) else None,
            )
        )

    def update_webhook_settings(
        self,
        *,
        organization_id: str,
        uri: str,
        auth_token: str | None,
        webhooks_filter: WebhookFilter | None = None,
    ) -> Accepted:
        """Replace address, token and filter; another receiver of this login gets nothing any more."""
        body = Body(registry.UPDATE_WEBHOOK_SETTINGS).ident("organizationId", organization_id)
        if urlsplit(uri).scheme not in ("http", "https") or not urlsplit(uri).hostname:
            body.refuse("webHooksUri must be an http(s) address")
        body.text("webHooksUri", uri).text("authToken", auth_token)
        reading = self._call(body.put("webHooksFilter", (webhooks_filter or WebhookFilter()).wire()))
        return Accepted(reading.correlation_id())
