"""``manage.py changepassword``: Django's own, with an entry in the audit log."""

from django.contrib.auth.management.commands import changepassword

from audit.commands import AuditedCommand


class Command(AuditedCommand, changepassword.Command):
    pass
