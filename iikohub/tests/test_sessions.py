"""How long a session lasts: an act prolongs it, watching does not, and there is an end in any case."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client

from core.database import db_clock
from tests.builders import make_organization
from tests.pages import sign_in_superuser

pytestmark = pytest.mark.django_db

BOARD, CHANGES = "/console/", "/console/changes?since=2020-01-01T00:00:00Z"
WATCHING = {"X-Watching": "1"}


@pytest.fixture
def vera(client: Client) -> User:
    make_organization()
    return sign_in_superuser(client)


def lasts(client: Client) -> timedelta:
    return client.session.get_expiry_date() - db_clock.now()


def pass_by(client: Client, span: timedelta) -> None:
    """Let the session be as old as if so much time had passed: all that it holds is earlier by that."""
    session = client.session
    for name in ("signed_in_at", "acted_at"):
        session[name] -= span.total_seconds()
    session.set_expiry(datetime.fromisoformat(session["_session_expiry"]) - span)
    session.save()


def near(span: timedelta, wanted: timedelta) -> bool:
    return abs(span - wanted) < timedelta(seconds=20)


def test_session_lasts_so_many_hours_after_an_act(client: Client, vera: User) -> None:
    assert near(lasts(client), timedelta(hours=12))
    pass_by(client, timedelta(hours=5))
    assert near(lasts(client), timedelta(hours=7))

    answer = client.get(BOARD)

    assert near(lasts(client), timedelta(hours=12))
    assert abs(int(answer.cookies["sessionid"]["max-age"]) - 12 * 3600) < 20


@pytest.mark.parametrize("address", [CHANGES, BOARD, "/admin/orders/order/live/", "/admin/"])
def test_watching_prolongs_nothing(client: Client, vera: User, address: str) -> None:
    pass_by(client, timedelta(hours=5))

    assert client.get(address, headers=WATCHING).status_code in (200, 204, 205)
    client.cookies["watching"] = "1"
    client.get(address)

    assert near(lasts(client), timedelta(hours=7))


def test_page_that_only_watches_is_signed_out(client: Client, vera: User) -> None:
    for _ in range(11):
        assert client.get(CHANGES, headers=WATCHING).status_code != 401
        pass_by(client, timedelta(hours=1))
    pass_by(client, timedelta(hours=1))

    assert client.get(CHANGES, headers=WATCHING).status_code == 401
    assert client.get(BOARD)["Location"].startswith("/admin/login/")


def test_acts_prolong_it_up_to_so_many_days_and_no_further(client: Client, vera: User) -> None:
    for _ in range(16):
        pass_by(client, timedelta(hours=10))
        client.get(BOARD)
    assert near(lasts(client), timedelta(hours=8))
    assert client.get(BOARD).status_code == 200

    pass_by(client, timedelta(hours=9))

    assert client.get(BOARD).status_code == 302


def test_settings_say_how_long(client: Client, settings: LazySettings) -> None:
    settings.SESSION_HOURS, settings.SESSION_MAX_DAYS = 48, 1
    sign_in_superuser(client)

    assert near(lasts(client), timedelta(days=1))


def test_acts_within_a_minute_write_nothing(client: Client, vera: User) -> None:
    before = Session.objects.values("session_data", "expire_date").get()

    client.get(BOARD)
    client.get("/admin/")

    assert Session.objects.values("session_data", "expire_date").get() == before


def test_session_from_before_the_update_goes_on_and_is_limited(client: Client, vera: User) -> None:
    session = client.session
    for name in ("signed_in_at", "acted_at", "_session_expiry"):
        del session[name]
    session.save()

    assert client.get(BOARD).status_code == 200

    assert near(lasts(client), timedelta(hours=12))
    assert datetime.fromtimestamp(client.session["signed_in_at"], UTC) > db_clock.now() - timedelta(minutes=1)


def test_new_password_ends_the_other_sessions(client: Client, settings: LazySettings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    vera = User.objects.create_superuser("vera", password="harbour-lantern-27")
    client.force_login(vera)
    other = Client()
    other.force_login(vera)
    form = {
        "old_password": "harbour-lantern-27",
        "new_password1": "harbour-lantern-28",
        "new_password2": "harbour-lantern-28",
    }

    assert client.post("/admin/password_change/", form).status_code == 302

    assert client.get("/admin/").status_code == 200
    assert other.get("/admin/").status_code == 302


def test_administrator_signs_a_person_out_everywhere(client: Client, vera: User) -> None:
    oleg = User.objects.create_superuser("oleg", password="harbour-lantern-27")
    others = [Client(), Client()]
    for other in others:
        other.force_login(oleg)
        assert other.get(CHANGES).status_code != 401
    page = f"/admin/auth/user/{oleg.pk}/sign-out/"

    assert client.get(page).status_code == 200
    assert others[0].get(CHANGES).status_code != 401
    assert client.post(page)["Location"] == f"/admin/auth/user/{oleg.pk}/change/"

    for other in others:
        assert other.get(CHANGES).status_code == 401  # the board keeps who watches, and notices
        assert other.get("/admin/").status_code == 302
        assert other.get("/api/v1/orders").status_code == 401
    others[0].force_login(oleg)
    assert others[0].get("/admin/").status_code == 200
    assert client.get("/admin/").status_code == 200


def test_stored_sessions_that_are_over_can_be_cleared(client: Client, vera: User) -> None:
    pass_by(client, timedelta(hours=13))

    call_command("clearsessions")

    assert not Session.objects.exists()
