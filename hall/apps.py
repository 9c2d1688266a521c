from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from core.apps import SelfRegistering


class HallConfig(SelfRegistering, AppConfig):
    name = "hall"
    verbose_name = _("Hall")
    registers = ("admin.pages",)
