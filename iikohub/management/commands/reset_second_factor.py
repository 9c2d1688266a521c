"""``manage.py reset_second_factor``."""

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from audit.commands import AuditedCommand
from iikohub.sign_in.second_factor import remove


class Command(AuditedCommand):
    help = (
        "Take the two-step sign-in off a person who lost phone and recovery codes, where no administrator "
        "can do it in the admin. The password alone lets them in then, until they set it up again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *_: object, username: str, **__: object) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username}.")
        was_on = remove(user)
        self.stdout.write(f"{username}: {'two-step sign-in is off' if was_on else 'it was not set up'}.")
