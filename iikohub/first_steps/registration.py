"""Step: iiko was told to send the webhooks of every restaurant here."""

from datetime import datetime

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from iikohub.first_steps.step import Finding, Link, Row
from iikohub.first_steps.zones import no_restaurants
from organizations.models.organization import Organization
from webhooks.admin.display import notices
from webhooks.models.inbox import RegistrationStatus, WebhookConfig
from webhooks.receiving.configs import receive_url


class RegistrationStep:
    key = "registration"
    title = gettext_lazy("Registration of the webhooks")

    def look(self, now: datetime) -> Finding:
        if not settings.WEBHOOK_BASE_URL:
            return Finding(
                is_done=False,
                sentence=_("The hub has no address yet that it could tell iiko: see the first step."),
            )
        restaurants = list(with_login())
        if not restaurants:
            return _nothing_to_register()
        open_ones = [one for one in restaurants if not is_registered(one)]
        if open_ones:
            return _open(open_ones, now)
        words = ngettext(
            "iiko sends the webhooks of %(count)d restaurant here.",
            "iiko sends the webhooks of %(count)d restaurants here.",
            len(restaurants),
        )
        return Finding(is_done=True, sentence=words % {"count": len(restaurants)})


def with_login() -> QuerySet[Organization]:
    """Select the active restaurants that have a login, with their webhook settings (``configs``)."""
    has_login = Q(api_login__is_active=True)
    if settings.IIKO_API_KEY:
        has_login |= Q(api_login=None)
    configs = Prefetch("webhook_configs", queryset=WebhookConfig.objects.order_by("id"), to_attr="configs")
    return Organization.objects.filter(has_login, is_active=True).prefetch_related(configs)


def config_of(restaurant: Organization) -> WebhookConfig | None:
    """Return the settings that ``with_login`` has read."""
    configs: list[WebhookConfig] = getattr(restaurant, "configs", [])
    return configs[0] if configs else None


def is_registered(restaurant: Organization) -> bool:
    """Whether iiko has the present address and token; one that is switched off here is left alone."""
    config = config_of(restaurant)
    if config is None:
        return False
    is_told = config.registration_status == RegistrationStatus.REGISTERED
    return not config.is_active or (is_told and config.webhook_url == receive_url())


def _nothing_to_register() -> Finding:
    if not Organization.objects.filter(is_active=True).exists():
        return no_restaurants()
    return Finding(
        is_done=False,
        sentence=_("No restaurant has an API login, so the hub cannot register a webhook."),
        advice=_(
            "Add an API login, or set address and token in iikoWeb by hand: each webhook's page has both."
        ),
        link=Link(reverse("admin:webhooks_webhookconfig_changelist"), _("Webhook settings")),
    )


def _open(restaurants: list[Organization], now: datetime) -> Finding:
    words = ngettext(
        "%(count)d restaurant is not registered: iiko sends none of its events here.",
        "%(count)d restaurants are not registered: iiko sends none of their events here.",
        len(restaurants),
    )
    return Finding(
        is_done=False,
        sentence=words % {"count": len(restaurants)},
        advice=_(
            "Look first at what would change in iiko; nothing is written until you say so. In the shell:"
        ),
        command=".venv/bin/python manage.py register_webhooks --dry-run",
        link=Link(reverse("first_steps:register"), _("Show what would change")),
        rows=[_row(one, now) for one in restaurants],
    )


def _row(restaurant: Organization, now: datetime) -> Row:
    config = config_of(restaurant)
    if config is None:
        url = reverse("admin:organizations_organization_change", args=[restaurant.pk])
        return Row(restaurant.name, url, _("never registered"))
    words = next(
        (title for _severity, title, _text in notices(config, now)), _("registered at another address")
    )
    url = reverse("admin:webhooks_webhookconfig_change", args=[config.pk])
    return Row(restaurant.name, url, words)
