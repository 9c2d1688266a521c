"""Items of the attention list, as the watch would have made them."""

from datetime import datetime, timedelta
from typing import Any

from attention.models.items import Act, AttentionEntry, AttentionItem
from attention.models.watch_run import WatchRun
from attention.rules.registry import rule_of
from core.database import db_clock
from organizations.models.organization import Organization

LATE, PROBLEM, LOGIN = "late", "problem", "login_stopped"
"""Of orders, critical and not, and of the hub itself."""


def make_item(organization: Organization | None, rule: str = PROBLEM, **changes: Any) -> AttentionItem:
    """Make an item that was found ten minutes ago; ``changes`` name what matters."""
    now = db_clock.now()
    since = now - timedelta(minutes=10)
    number = AttentionItem.objects.count() + 1
    row: dict[str, Any] = {
        "subject": f"subject:{number}",
        "severity": rule_of(rule).severity,
        "organization": organization,
        "facts": _facts(rule, f"№{number}", since),
        "since": since,
        "opened_at": since,
        "updated_at": since,
    }
    item = AttentionItem.objects.create(rule=rule, **row | changes)
    AttentionEntry.objects.create(item=item, act=Act.FOUND, at=item.opened_at)
    return item


def _facts(rule: str, order: str, since: datetime) -> dict[str, Any]:
    if rule == LOGIN:
        return {"login": 1, "name": "main", "is_refused": True}
    return {"order": order, "promised": since.isoformat(), "since": since.isoformat(), "is_on_board": True}


def looked(at: datetime, *failed: str) -> None:
    """Say when the watch last looked."""
    WatchRun.objects.update_or_create(pk=1, defaults={"at": at, "failed": list(failed)})


def history(item: AttentionItem) -> list[tuple[str, str, str]]:
    """Return the lines of its history after it was found: act, actor, note."""
    return list(item.history.exclude(act=Act.FOUND).values_list("act", "actor", "note"))
