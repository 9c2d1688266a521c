"""Signing in: wrong passwords lock a name at an address, and few passwords are checked at once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client, RequestFactory

from iikohub.pages import sign_in
from iikohub.pages.sign_in import client_address
from tests.pages import sign_in_superuser, text

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
PASSWORD = "harbour-lantern-27"
LOCKED = {
    "en": "Too many wrong passwords for this name from this address. Try again in 15 minutes",
    "ru": "Слишком много неверных паролей для этого имени с этого адреса. Попробуйте через 15 минут",
}
BUSY = {
    "en": "Several people are signing in at this moment. Try again in a few seconds.",
    "ru": "Сейчас входят сразу несколько человек. Попробуйте ещё раз через несколько секунд.",
}


@pytest.fixture(autouse=True)
def vera(settings: LazySettings) -> User:
    # Here it is not the hashing that is looked at.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_superuser("vera", password=PASSWORD)


def enter(password: str = PASSWORD, *, name: str = "vera", address: str = "192.0.2.7", **headers: str) -> Any:
    form = {"username": name, "password": password, "next": "/admin/"}
    return Client().post(LOGIN, form, REMOTE_ADDR=address, headers=headers)


def guess_until_locked(**options: Any) -> None:
    for number in range(10):
        assert enter(f"guess-{number}", **options).status_code == (429 if number == 9 else 200)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_ten_wrong_passwords_lock_and_the_page_says_so(language: str) -> None:
    guess_until_locked()

    page = enter(**{"Accept-Language": language})

    assert page.status_code == 429
    assert page["Retry-After"] == "900"
    assert LOCKED[language] in text(page)


def test_locked_name_is_refused_before_its_password_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    guess_until_locked()

    def hashed(*_: Any) -> None:
        raise AssertionError("the password was hashed")

    monkeypatch.setattr(User, "check_password", hashed)
    monkeypatch.setattr(User, "set_password", hashed)

    assert enter().status_code == 429


def test_lock_is_of_one_name_at_one_address() -> None:
    User.objects.create_superuser("oleg", password=PASSWORD)

    guess_until_locked()

    assert enter(name="oleg").status_code == 302
    assert enter(address="192.0.2.8").status_code == 302


def test_lock_ends_by_itself_however_often_it_is_tried_meanwhile() -> None:
    guess_until_locked()
    AccessAttempt.objects.update(
        attempt_time=AccessAttempt.objects.get().attempt_time - timedelta(minutes=14)
    )
    assert enter().status_code == 429
    AccessAttempt.objects.update(attempt_time=AccessAttempt.objects.get().attempt_time - timedelta(minutes=2))

    assert enter().status_code == 302


def test_administrator_of_the_machine_unlocks() -> None:
    guess_until_locked()

    call_command("axes_reset_username", "vera")

    assert enter().status_code == 302


def test_right_password_forgets_the_wrong_ones_and_leaves_the_trace() -> None:
    for number in range(9):
        enter(f"guess-{number}")
    assert enter().status_code == 302
    assert enter("guess").status_code == 200

    assert AccessAttempt.objects.get().failures_since_start == 1
    assert AccessFailureLog.objects.filter(username="vera", ip_address="192.0.2.7").count() == 10


def test_trace_is_shown_to_a_superuser_and_holds_no_password(client: Client) -> None:
    enter("guess-that-is-nowhere")
    sign_in_superuser(client)

    page = client.get("/admin/axes/accessfailurelog/")
    row = client.get(f"/admin/axes/accessfailurelog/{AccessFailureLog.objects.get().pk}/change/")

    assert page.status_code == row.status_code == 200
    for shown in ("vera", "192.0.2.7"):
        assert shown in text(page)
    assert "guess-that-is-nowhere" not in row.content.decode() + AccessAttempt.objects.get().post_data
    assert client.post("/admin/axes/accessfailurelog/add/").status_code == 403


@pytest.fixture
def two_checks_under_way() -> Iterator[None]:
    for _ in range(2):
        assert sign_in.PASSWORD_CHECKS.acquire(blocking=False)
    yield
    for _ in range(2):
        sign_in.PASSWORD_CHECKS.release()


@pytest.mark.usefixtures("two_checks_under_way")
@pytest.mark.parametrize("language", ["ru", "en"])
def test_third_check_at_once_is_put_off_and_not_counted(language: str) -> None:
    page = enter(**{"Accept-Language": language})

    assert page.status_code == 200
    assert BUSY[language] in text(page)
    assert not AccessAttempt.objects.exists()


def test_check_gives_its_place_back() -> None:
    for _ in range(3):
        assert enter("guess").status_code == 200
        assert enter().status_code == 302


# --- whose address it is -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "10.0.0.1"),
        (0, "198.51.100.9", "10.0.0.1"),  # nobody stands in front: the header is the client's own word
        (1, "198.51.100.9", "198.51.100.9"),
        (1, "203.0.113.1, 198.51.100.9", "198.51.100.9"),
        (2, "203.0.113.1, 198.51.100.9, 10.0.0.2", "198.51.100.9"),
        (2, "198.51.100.9", "198.51.100.9"),
        (1, "2001:db8::7", "2001:db8::7"),
        (1, None, "10.0.0.1"),
        (1, "unknown", "10.0.0.1"),
    ],
)
def test_address_is_the_one_that_our_proxies_saw(
    settings: LazySettings, proxies: int, forwarded: str | None, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    more: dict[str, Any] = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}

    assert client_address(RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", **more)) == address


def test_guesser_behind_the_proxy_locks_nobody_else_out(settings: LazySettings) -> None:
    settings.TRUSTED_PROXIES = 1
    for number in range(10):
        enter(
            f"guess-{number}", address="127.0.0.1", **{"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.9"}
        )

    assert enter(address="127.0.0.1", **{"X-Forwarded-For": "198.51.100.9"}).status_code == 429
    assert enter(address="127.0.0.1", **{"X-Forwarded-For": "198.51.100.10"}).status_code == 302


def test_old_traces_are_forgotten() -> None:
    enter("guess")
    AccessFailureLog.objects.update(
        attempt_time=AccessFailureLog.objects.get().attempt_time - timedelta(days=91)
    )
    enter("guess")

    call_command("prune", table=["axes_accessfailurelog"])

    assert AccessFailureLog.objects.count() == 1
