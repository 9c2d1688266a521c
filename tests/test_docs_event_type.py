"""The worked example of docs/adding-an-event-type.md works as it stands there."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from django.test import Client

from organizations.models.organization import TerminalGroup
from tests.builders import (
    ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    drain,
    inbox,
    make_organization,
    make_terminal_group,
    post,
)
from webhooks.models.inbox import WebhookEvent
from webhooks.processing.handlers import HANDLERS
from webhooks.replay.dry_run import dry_run_of

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).resolve().parents[1] / "docs" / "adding-an-event-type.md"


def renamed(name: object) -> dict[str, object]:
    return {
        "eventType": "TerminalGroupRenamed",
        "eventTime": "2026-03-14 13:54:53.100",
        "organizationId": ORGANIZATION_ID,
        "eventInfo": {"id": TERMINAL_GROUP_ID, "name": name},
    }


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the page's file and the page's line."""
    file, line = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    module = ModuleType("renamed_groups")
    exec(compile(file, str(PAGE), "exec"), module.__dict__)  # our own page
    table = eval(f"{{{line}}}", module.__dict__)
    for event_type, handler in table.items():
        monkeypatch.setitem(HANDLERS, event_type, handler)


def test_type_is_unknown_before_and_replayed_after(request: pytest.FixtureRequest) -> None:
    make_terminal_group(make_organization())
    post(Client(), renamed("Сирень, вокзал"))
    drain()
    (unknown,) = inbox()
    assert (unknown.status, unknown.reason) == ("ignored", "unknown_type")

    request.getfixturevalue("handled")
    (change,) = dry_run_of(WebhookEvent.objects.all()).changes
    assert [(one.name, one.before, one.after) for one in change.fields] == [
        ("name", "Сирень, центр", "Сирень, вокзал")
    ]
    assert TerminalGroup.objects.get().name == "Сирень, центр"


@pytest.mark.usefixtures("handled")
def test_events_are_applied_or_refused_with_a_reason() -> None:
    make_terminal_group(make_organization())

    post(Client(), [renamed("Сирень, вокзал"), renamed(None)])
    drain()

    assert [(event.status, event.reason) for event in inbox()] == [
        ("processed", ""),
        ("ignored", "no_content"),
    ]
    assert TerminalGroup.objects.get().name == "Сирень, вокзал"
