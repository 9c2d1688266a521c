"""What ``make run`` begins with."""

import pytest
from django.contrib.auth.models import User
from django.core.management.base import CommandError
from pytest_django import Settings

from attention.models.channels import Channel, Notification
from core.database import db_clock
from demo.data import ensure_admin, ensure_channel, ensure_demo, ensure_operator
from demo.management.commands import demo
from iikohub.first_steps.checklist import STEPS
from organizations.models.organization import Organization

SANDBOX = "http://127.0.0.1:8001"


@pytest.mark.django_db
def test_first_steps_of_a_person_are_done_from_the_start(settings: Settings, tmp_path: object) -> None:
    settings.DATA_DIR = tmp_path
    for _start in range(2):
        ensure_demo(seed=1, webhook_token="token-of-the-demo", sandbox_url=SANDBOX)
        ensure_operator()
        ensure_channel(SANDBOX)
        password = ensure_admin()

    done = {step.key: step.look(db_clock.now()).is_done for step in STEPS}

    assert Organization.objects.count() == 4
    assert (done["zones"], done["people"]) == (True, True)
    assert password is not None
    assert User.objects.get(username="operator").check_password(password)
    # The others are up to the processes.
    assert {key for key, is_done in done.items() if not is_done} == {
        "address",
        "login",
        "registration",
        "worker",
        "events",
        "channels",
    }
    # The worker sends it, once.
    assert Notification.objects.get().kind == "test"
    assert Channel.objects.get().address == "json://127.0.0.1:8001/notifications"


def test_database_of_somebody_else_is_not_emptied(settings: Settings) -> None:
    settings.DATABASE_URL = "postgresql://hub@db.example/hub"

    with pytest.raises(CommandError, match="DATABASE_URL names one of yours"):
        demo.refuse_foreign_database()


@pytest.mark.parametrize(("empty", "is_named"), [(True, True), (False, False)])
def test_box_of_an_empty_hub_names_what_the_first_steps_need(empty: bool, is_named: bool) -> None:
    said = demo.box(8000, 8001, "secret", empty=empty)

    for words in (
        "http://127.0.0.1:8000/admin/first-steps/",
        "demo-hub, address of iiko: http://127.0.0.1:8001",
        "WEBHOOK_BASE_URL=http://127.0.0.1:8000 IIKO_API_URL=http://127.0.0.1:8001",
    ):
        assert (words in said) == is_named
    assert "http://127.0.0.1:8000/ " in said
    assert len({len(line) for line in said.splitlines() if line[0] in "┌│└"}) == 1
