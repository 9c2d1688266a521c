"""The upgrade ends discounts that stand in a draft, which the hub changes no more."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from core.database import db_clock
from orders.models.command import OrderCommand
from orders.models.order import Order, TimelineEntry
from tests.builders import make_organization

pytestmark = pytest.mark.django_db

UPGRADE = import_module("orders.migrations.0018_end_discounts_on_drafts")


def discount(phase: str, state: str, *, reissue: bool = True, **state_data: Any) -> OrderCommand:
    return OrderCommand.objects.create(
        order=Order.objects.create(organization=make_organization(), updated_at=db_clock.now()),
        kind="apply_discount",
        state=state,
        phase=phase,
        params={"reissue": reissue},
        state_data=state_data,
        requested_by="chief",
        created_at=db_clock.now(),
    )


def upgrade(command: OrderCommand) -> tuple[str, str]:
    UPGRADE.end(apps, connection.schema_editor())
    command.refresh_from_db()
    return command.state, command.error_code


@pytest.mark.parametrize(
    ("phase", "state", "state_data", "outcome"),
    [
        ("save_draft", "pending", {}, ("rejected", "no_draft")),
        ("save_draft", "unknown", {}, ("attention", "draft_left")),
        ("commit_draft", "pending", {}, ("attention", "draft_left")),
        ("commit_draft", "sent", {"sends_commit_draft": 1}, ("attention", "draft_unproved")),
        ("restore_draft", "pending", {}, ("attention", "draft_left")),
    ],
)
def test_discount_that_stands_in_a_draft_ends(
    phase: str, state: str, state_data: dict[str, Any], outcome: tuple[str, str]
) -> None:
    command = discount(phase, state, draft="{}", draft_before="{}", **state_data)

    assert upgrade(command) == outcome
    assert command.finished_at is not None
    assert command.state_data == state_data
    entry = TimelineEntry.objects.get(order=command.order, what="command")
    values = [entry.from_value or {}, entry.to_value or {}]
    assert [value["state"] for value in values] == [state, outcome[0]]


def test_discount_that_may_not_reissue_ends() -> None:
    assert upgrade(discount("read", "pending", reissue=False)) == ("rejected", "no_draft")


@pytest.mark.parametrize(
    ("phase", "state"), [("read", "pending"), ("create", "sent"), ("commit_draft", "confirmed")]
)
def test_other_discounts_stay(phase: str, state: str) -> None:
    assert upgrade(discount(phase, state)) == (state, "")
    assert not TimelineEntry.objects.exists()
