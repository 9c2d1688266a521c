"""End the open discounts that stand in a draft: the hub changes drafts no more (docs/adr/0007)."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Q
from django.db.models.functions import Now

_OPEN = ("pending", "sent", "unknown")
_ON_DRAFTS = ("save_draft", "commit_draft", "restore_draft")
_ONLY_ON_THE_WAY = ("body", "draft", "draft_before")


def end(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    OrderCommand = apps.get_model("orders", "OrderCommand")
    without_reissue = Q(phase="read") & ~Q(params__reissue=True)
    open_ones = OrderCommand.objects.filter(state__in=_OPEN, kind="apply_discount")
    for command in open_ones.filter(Q(phase__in=_ON_DRAFTS) | without_reissue).order_by("id").iterator():
        _end(apps, command)


def _end(apps: Apps, command: Any) -> None:
    state, code = _outcome(command)
    about = {
        "command_id": command.pk,
        "kind": command.kind,
        "params": command.params,
        "phase": command.phase,
        "new_iiko_order_id": None,
    }
    apps.get_model("orders", "TimelineEntry").objects.create(
        order_id=command.order_id,
        what="command",
        from_value=about | {"state": command.state},
        to_value=about | {"state": state, "code": code, "error": command.error or None},
        recorded_at=Now(),
        actor="hub",
    )
    command.state, command.error_code = state, code
    command.finished_at, command.next_attempt_at = Now(), None
    command.state_data = {
        key: value for key, value in command.state_data.items() if key not in _ONLY_ON_THE_WAY
    }
    command.save()


def _outcome(command: Any) -> tuple[str, str]:
    """Tell what surely did not change anything from what a person must look at."""
    if command.phase == "read" or (command.phase == "save_draft" and command.state == "pending"):
        return "rejected", "no_draft"
    if command.phase == "commit_draft" and command.state_data.get("sends_commit_draft"):
        return "attention", "draft_unproved"
    return "attention", "draft_left"


class Migration(migrations.Migration):
    dependencies = [("orders", "0017_rename_labels")]

    operations = [
        # What ended stays ended.
        migrations.RunPython(end, migrations.RunPython.noop),
    ]
