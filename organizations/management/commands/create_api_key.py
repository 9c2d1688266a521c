"""A key for an integrator."""

from argparse import ArgumentTypeError
from datetime import datetime

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from audit.commands import AuditedCommand
from core.database import db_clock
from core.errors import HubError
from organizations.models.api_keys import KeyRight
from organizations.provisioning import create_api_key

RIGHTS = {right.name.lower(): right for right in KeyRight}


def _moment(text: str) -> datetime:
    """Read a moment to come.

    Raises:
        ArgumentTypeError: it is none, names no zone or is past.
    """
    moment = parse_datetime(text)
    if moment is None or moment.tzinfo is None:
        raise ArgumentTypeError(f"{text} is no moment with its zone, such as 2027-01-31T00:00+03:00")
    if moment <= db_clock.now():
        raise ArgumentTypeError(f"{text} is past: the key would open nothing")
    return moment


class Command(AuditedCommand):
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
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--read-only", action="store_true", help="a key that may change nothing")
        group.add_argument(
            "--right",
            action="append",
            choices=sorted(RIGHTS),
            help="what the key may do besides reading; repeat for more (default: all of them)",
        )
        parser.add_argument(
            "--expires", type=_moment, metavar="MOMENT", help="ISO 8601 with its zone: 2027-01-31T00:00+03:00"
        )

    def handle(
        self,
        *_: object,
        name: str,
        organization: list[str],
        read_only: bool,
        right: list[str] | None,
        expires: datetime | None,
        **__: object,
    ) -> None:
        named = [] if read_only else right or RIGHTS
        try:
            _row, key = create_api_key(
                name=name,
                organization_ids=organization,
                rights=[RIGHTS[one] for one in named],
                expires_at=expires,
            )
        except HubError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(key)
