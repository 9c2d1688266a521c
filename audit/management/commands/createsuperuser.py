"""``manage.py createsuperuser``: Django's own, with an entry in the audit log."""

from django.contrib.auth.management.commands import createsuperuser

from audit.commands import AuditedCommand


class Command(AuditedCommand, createsuperuser.Command):
    pass
