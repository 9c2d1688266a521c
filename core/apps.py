"""Loading of modules that register themselves: pages, receivers, schema extensions."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class SelfRegistering:
    """Imports the modules named in ``registers`` once the app is ready; each registers itself.

    Admin pages are among them, and not in the package ``admin`` itself: template tags read its
    ``display`` while Unfold is still loading.
    """

    name: str
    registers: tuple[str, ...] = ()

    def ready(self) -> None:
        for module in self.registers:
            import_module(f"{self.name}.{module}")


class CoreConfig(SelfRegistering, AppConfig):
    name = "core"
    registers = ("api.schema",)

    def ready(self) -> None:
        super().ready()
        autodiscover_modules("personal_data")
        autodiscover_modules("retention")  # guests are removed as the former say
