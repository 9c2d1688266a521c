"""A restaurant by hand."""

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.template.defaultfilters import pluralize

from audit.commands import AuditedCommand
from core.errors import HubError
from organizations.provisioning import add_organization
from webhooks.models.inbox import EventStatus, Reason, WebhookEvent
from webhooks.receiving.configs import RECEIVE_PATH, new_token, receive_url, set_webhook_token


class Command(AuditedCommand):
    help = "Add a restaurant: its id in iiko, a name, its time zone, and the token iiko shows us."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("iiko_id", metavar="IIKO_ID", help="the organization's id in iiko")
        parser.add_argument("--name", required=True)
        parser.add_argument("--timezone", required=True, help="e.g. Europe/Moscow or +05:00")
        parser.add_argument("--currency", default="RUB", help="three letters (default: %(default)s)")
        parser.add_argument("--webhook-token", help="made for you if left out")

    def handle(
        self,
        *_: object,
        iiko_id: str,
        name: str,
        timezone: str,
        currency: str,
        webhook_token: str | None,
        **__: object,
    ) -> None:
        try:
            with transaction.atomic():
                organization = add_organization(
                    iiko_id=iiko_id, name=name, timezone=timezone, currency=currency.upper()
                )
                token = new_token() if webhook_token is None else webhook_token
                config = set_webhook_token(organization=organization, token=token)
        except HubError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"Added {organization.name} ({organization.iiko_id})."))
        self.stdout.write(f"Webhook address: {_address_text()}")
        if webhook_token is None:
            self.stdout.write(f"Webhook token:   {config.auth_token}")
        self._mention_kept(organization.iiko_id)

    def _mention_kept(self, iiko_id: str) -> None:
        kept = WebhookEvent.objects.filter(
            organization_id=iiko_id, status=EventStatus.IGNORED, reason=Reason.UNKNOWN_ORGANIZATION
        ).count()
        if kept:
            self.stdout.write(
                f"{kept} event{pluralize(kept)} came before it was here. Apply them: "
                f"manage.py replay_webhooks --status ignored --organization {iiko_id}"
            )


def _address_text() -> str:
    if settings.WEBHOOK_BASE_URL:
        return receive_url()
    return (
        f"not known yet, only its path: {RECEIVE_PATH}. Set WEBHOOK_BASE_URL (in the environment or .env) "
        f"to the https:// address by which iiko reaches the hub: WEBHOOK_BASE_URL=https://hub.example.com"
    )
