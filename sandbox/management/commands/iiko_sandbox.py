"""``manage.py iiko_sandbox``: simulate restaurants of iiko; uses no database."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sandbox.__main__ import start
from sandbox.options import UsageError, add_arguments


class Command(BaseCommand):
    help = "Simulate restaurants of iiko: an HTTP API and webhooks, without an iiko account."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: object, **options: object) -> None:
        try:
            start(options)
        except UsageError as error:
            raise CommandError(str(error)) from error
