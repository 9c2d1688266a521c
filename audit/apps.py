from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from core.apps import SelfRegistering


class AuditConfig(SelfRegistering, AppConfig):
    name = "audit"
    verbose_name = _("audit log")
    registers = ("receivers",)

    def ready(self) -> None:
        super().ready()
        from audit.coverage import follow_models  # models are loaded by now

        follow_models()
