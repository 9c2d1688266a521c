from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """Listed as an app only for its management command; it has no models."""

    name = "sandbox"
