"""A key for an integrator."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import HubError
from organizations.provisioning import create_api_key


class Command(BaseCommand):
    help = "Create an API key and print it, alone, on stdout. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="whose key it is")
        parser.add_argument(
            "--organization",
            action="append",
            default=[],
            metavar="ID",
            help="iiko id of an organization the key may see; repeat for more (default: all)",
        )

        parser.add_argument("--read-only", action="store_true", help="a key that may not act on orders")

    def handle(self, *_: object, name: str, organization: list[str], read_only: bool, **__: object) -> None:
        try:
            _row, key = create_api_key(name=name, organization_ids=organization, may_act=not read_only)
        except HubError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(key)
