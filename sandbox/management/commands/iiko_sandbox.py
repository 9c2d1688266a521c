"""``manage.py iiko_sandbox``: play restaurants of iiko; touches no database."""

from __future__ import annotations

import os
import sys

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sandbox.options import UsageError, add_arguments, read_options
from sandbox.start import start


class Command(BaseCommand):
    help = "Play restaurants of iiko: an HTTP API and webhooks, without an iiko account."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: object, **options: object) -> None:
        try:
            start(read_options(options, os.environ), sys.stdout)
        except UsageError as error:
            raise CommandError(str(error)) from error
