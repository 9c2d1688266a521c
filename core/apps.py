from django.apps import AppConfig

from core.registering import SelfRegistering


class CoreConfig(SelfRegistering, AppConfig):
    name = "core"
    registers = ("api.schema",)
