from django.apps import AppConfig


class IikohubConfig(AppConfig):
    """The composition root: health, metrics, dashboard and the commands of the whole hub."""

    name = "iikohub"
