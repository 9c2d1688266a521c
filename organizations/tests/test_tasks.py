"""What is done by the clock: logins read in time, and not at the cost of the key; old rows forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.utils import timezone

from organizations import tasks
from organizations.models.connection import ApiCall, ApiLogin
from tests.simulated_iiko import CORRELATION, IIKO, SimulatedIiko, make_login, refusal

pytestmark = pytest.mark.django_db

NOTHING: dict[str, Any] = {"correlationId": CORRELATION, "organizations": []}


def test_new_login_is_read_once(iiko: SimulatedIiko) -> None:
    login = make_login()
    iiko.answers("organizations", NOTHING)

    tasks.sync_new_logins()
    tasks.sync_new_logins()

    assert len(iiko.bodies("organizations")) == 1
    login.refresh_from_db()
    assert (login.synced_at is not None, login.sync_error) == (True, "")


def test_login_of_the_environment_is_found(iiko: SimulatedIiko, settings: LazySettings) -> None:
    settings.IIKO_API_KEY, settings.IIKO_API_URL = "from-the-environment", IIKO
    iiko.answers("organizations", NOTHING)

    tasks.sync_new_logins()

    assert ApiLogin.objects.get().synced_at is not None


def test_login_that_got_no_answer_is_tried_again(iiko: SimulatedIiko) -> None:
    login = make_login()
    iiko.answers("organizations", refusal("Boom"), status=503)

    tasks.sync_new_logins()

    login.refresh_from_db()
    assert (login.synced_at, "HTTP 503" in login.sync_error) == (None, True)

    iiko.forget("organizations")
    iiko.answers("organizations", NOTHING)
    tasks.sync_new_logins()

    login.refresh_from_db()
    assert (login.synced_at is not None, login.sync_error) == (True, "")


def test_login_that_iiko_refused_is_not_tried_again_and_again(iiko: SimulatedIiko) -> None:
    make_login(last_error="access_token: HTTP 401, login_refused")

    tasks.sync_new_logins()

    assert iiko.operations() == []


def test_one_login_is_read_when_a_person_asks(iiko: SimulatedIiko) -> None:
    wanted, other = make_login(), make_login(name="other")
    iiko.answers("organizations", NOTHING)

    tasks.sync_one_login(login_pk=wanted.pk)

    wanted.refresh_from_db()
    other.refresh_from_db()
    assert (wanted.synced_at is not None, other.synced_at) == (True, None)


def test_inactive_login_is_read_by_nobody(iiko: SimulatedIiko) -> None:
    login = make_login(is_active=False)

    tasks.sync_dictionaries()
    tasks.sync_one_login(login_pk=login.pk)

    assert iiko.operations() == []


def test_calls_are_kept_as_long_as_the_setting_says(settings: LazySettings) -> None:
    settings.IIKO_CALL_LOG_DAYS = 7
    for days in (6, 8):
        ApiCall.objects.create(
            operation=f"{days}", url=IIKO, duration_ms=1, started_at=timezone.now() - timedelta(days=days)
        )

    call_command("prune", table=["iiko_api_calls"])

    assert list(ApiCall.objects.values_list("operation", flat=True)) == ["6"]
