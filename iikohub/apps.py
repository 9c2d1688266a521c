from django.apps import AppConfig

from core.apps import SelfRegistering


class IikohubConfig(SelfRegistering, AppConfig):
    name = "iikohub"
    registers = (
        "admin.audit_entries",
        "admin.organizations",
        "admin.people",
        "receivers",
        "sign_in.sessions",
        "sign_in.noting",
        "sign_in.watched",
    )
