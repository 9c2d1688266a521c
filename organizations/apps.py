from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from core.apps import SelfRegistering


class OrganizationsConfig(SelfRegistering, AppConfig):
    name = "organizations"
    verbose_name = _("Restaurants")
    registers = (
        "access",
        "admin.api_keys",
        "admin.calls",
        "admin.dictionaries",
        "admin.logins",
        "admin.organizations",
        "admin.shifts",
        "admin.stop_lists",
    )
