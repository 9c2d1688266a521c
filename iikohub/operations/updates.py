"""What an update needs that is more than usual: ``manage.py migrate`` says so before it changes anything.

Migrations only widen: web and worker of the version before run beside them (``tests/test_two_versions.py``).
One that cannot keep to that says why, in a sentence for the administrator, in its attribute ``needs_stop``.
"""

from collections.abc import Sequence

from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.signals import pre_migrate
from django.dispatch import receiver

_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user "
    "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


def reasons_to_stop(plan: Sequence[tuple[Migration, bool]]) -> list[str]:
    """Return why the version before cannot run beside these migrations."""
    return [
        f"{migration.app_label}.{migration.name}: {reason}"
        for migration, backwards in plan
        if not backwards and (reason := getattr(migration, "needs_stop", ""))
    ]


@receiver(pre_migrate)
def refuse_beside_running_processes(using: str, plan: Sequence[tuple[Migration, bool]], **_: object) -> None:
    """Refuse what would break processes of the version before, while they run.

    Raises:
        CommandError
    """
    reasons = reasons_to_stop(plan)
    if not reasons or not MigrationRecorder(connections[using]).applied_migrations():
        return
    with connections[using].cursor() as cursor:
        cursor.execute(_OTHERS)
        [others] = cursor.fetchone()
    if others:
        raise CommandError(
            f"This update needs a stop: {' '.join(reasons)} The database is in use ({others} other "
            "connections). Stop the web server and all workers first, then run this again. Nothing was "
            "changed."
        )
