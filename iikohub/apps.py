from django.apps import AppConfig
from django.conf import settings

from core.apps import SelfRegistering
from iikohub.operations.otlp import start_otlp
from iikohub.operations.sentry import start_sentry


class IikohubConfig(SelfRegistering, AppConfig):
    name = "iikohub"
    registers = (
        "checks",
        "admin.audit_entries",
        "admin.organizations",
        "admin.people",
        "operations.updates",
        "receivers",
        "sign_in.sessions",
        "sign_in.noting",
        "sign_in.watched",
    )

    def ready(self) -> None:
        super().ready()
        start_sentry(settings.SENTRY_DSN, settings.SENTRY_ENVIRONMENT)
        start_otlp(
            settings.OTEL_EXPORTER_OTLP_ENDPOINT,
            service=settings.OTEL_SERVICE_NAME,
            share=settings.OTEL_TRACES_SAMPLER_ARG,
        )
