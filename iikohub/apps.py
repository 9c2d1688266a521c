from django.apps import AppConfig

from core.apps import SelfRegistering


class IikohubConfig(SelfRegistering, AppConfig):
    name = "iikohub"
    registers = (
        "checks",
        "admin.audit_entries",
        "admin.organizations",
        "admin.people",
        "receivers",
        "sign_in.sessions",
        "sign_in.noting",
    )
