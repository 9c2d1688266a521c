from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from core.apps import SelfRegistering


class OutboundConfig(SelfRegistering, AppConfig):
    name = "outbound"
    verbose_name = _("outbound webhooks")
    registers = ("loops", "receivers", "attention_rule", "admin.subscriptions", "admin.deliveries")
