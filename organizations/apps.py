from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrganizationsConfig(AppConfig):
    name = "organizations"
    verbose_name = _("Restaurants")

    def ready(self) -> None:
        import_module("organizations.api.schema")
        import_module("organizations.receivers")
