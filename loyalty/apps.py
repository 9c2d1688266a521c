from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from core.apps import SelfRegistering


class LoyaltyConfig(SelfRegistering, AppConfig):
    name = "loyalty"
    verbose_name = _("Loyalty")
    registers = (
        "receivers",
        "admin.pages",
    )
