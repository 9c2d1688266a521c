from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from core.apps import SelfRegistering


class WebhooksConfig(SelfRegistering, AppConfig):
    name = "webhooks"
    verbose_name = _("Webhooks")
    registers = (
        "receivers",
        "admin.configs",
        "admin.events",
    )
