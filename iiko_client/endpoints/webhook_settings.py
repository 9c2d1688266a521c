"""Where iiko sends webhooks. Strictly rate-limited: read first, and change only what differs."""

from urllib.parse import urlsplit

from iiko_client.endpoints import registry
from iiko_client.endpoints.base import AnswerReader, Body, OperationGroup
from iiko_client.models.commands import Accepted
from iiko_client.models.webhook_settings import WebhookFilter, WebhookSettings
from iiko_client.records import read


class WebhookRegistration(OperationGroup):
    """One address for each organization and login; there is no deletion (docs/iiko.md#webhook-settings)."""

    def webhook_settings(self, *, organization_id: str) -> WebhookSettings:
        return self._ask(
            Body(registry.WEBHOOK_SETTINGS).ident("organizationId", organization_id), _webhook_settings
        )

    def update_webhook_settings(self, *, organization_id: str, uri: str, auth_token: str | None) -> Accepted:
        """Replace address, token and filter; another receiver of this login gets nothing any more."""
        body = Body(registry.UPDATE_WEBHOOK_SETTINGS).ident("organizationId", organization_id)
        if urlsplit(uri).scheme not in ("http", "https") or not urlsplit(uri).hostname:
            body.refuse("webHooksUri must be an http(s) address")
        body.text("webHooksUri", uri).text("authToken", auth_token)
        return self._ask(body.put("webHooksFilter", WebhookFilter().wire()), AnswerReader.accepted)


def _webhook_settings(answer: AnswerReader) -> WebhookSettings:
    if not {"webHooksUri", "apiLoginName", "webHooksFilter"} & answer.reader.wire.keys():
        answer.fail("no webhook settings in the answer")
    return read(WebhookSettings, answer.reader)
