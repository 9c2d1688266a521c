from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from core.apps import SelfRegistering


class OrdersConfig(SelfRegistering, AppConfig):
    name = "orders"
    verbose_name = _("Orders")
    registers = (
        "receivers",
        "admin.orders",
        "admin.commands",
    )
