from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Listed as an app only for its management command, where the folder is; it has no models."""

    name = "demo"
