from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from core.apps import SelfRegistering


class AttentionConfig(SelfRegistering, AppConfig):
    name = "attention"
    verbose_name = _("attention")
    registers = ("receivers", "admin.items", "admin.rules", "admin.channels")
