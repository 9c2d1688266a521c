"""Two-step sign-in: set up by a code, asked for after the password, and got round by no address."""

import re
from base64 import b32decode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessFailureLog
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db.models import TextField
from django.db.models.functions import Cast
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django_otp.oath import TOTP

from core.database import db_clock
from iikohub.models.sign_in import SecondFactor, TwoStepGroup
from iikohub.sign_in import second_factor
from tests.pages import markup, sign_in_superuser, text

pytestmark = pytest.mark.django_db

PASSWORD = "harbour-lantern-27"
OWN, CODE, LOGIN = "/admin/two-steps/", "/admin/two-steps/code/", "/admin/login/"
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def quick_passwords(settings: LazySettings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def vera(db: None) -> User:
    return User.objects.create_superuser("vera", password=PASSWORD)


def with_password(name: str = "vera") -> Client:
    client = Client(headers=ENGLISH)
    answer = client.post(LOGIN, {"username": name, "password": PASSWORD, "next": "/admin/"})
    assert answer.status_code == 302
    return client


def app_code(user: User, *, steps: int = 0) -> str:
    """Return what the app shows, or showed so many steps of half a minute ago."""
    totp = TOTP(b32decode(SecondFactor.objects.get(user=user).secret))
    totp.time = db_clock.now().timestamp() + 30 * steps
    return f"{totp.token():06d}"


def switch_on(client: Client, user: User) -> list[str]:
    """Set it up as a person does; return the recovery codes."""
    client.post(OWN, {"act": "begin"})
    page = client.post(OWN, {"act": "confirm", "code": app_code(user, steps=-1)})
    assert page.status_code == 200
    return re.findall(r"<li><code>([a-z2-7-]{19})</code>", page.content.decode())


def enter(client: Client, code: str, **more: str) -> Any:
    return client.post(CODE, {"code": code, **more})


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


# --- setting it up -----------------------------------------------------------------------------------


def test_key_is_shown_as_picture_and_text_and_kept_encrypted(vera: User) -> None:
    client = with_password()
    assert client.get(OWN).status_code == 200
    assert not SecondFactor.objects.exists()

    page = client.post(OWN, {"act": "begin"}, follow=True)

    secret = SecondFactor.objects.get().secret
    assert "<svg" in markup(page)
    assert secret in text(page).replace(" ", "")
    stored = SecondFactor.objects.values_list(Cast("secret", TextField()), flat=True).get()
    assert secret not in stored
    assert "no-store" in page["Cache-Control"]


def test_wrong_code_switches_nothing_on(vera: User) -> None:
    client = with_password()
    client.post(OWN, {"act": "begin"})

    page = client.post(OWN, {"act": "confirm", "code": "000000"})

    assert "The code is wrong or was used before." in text(page)
    assert SecondFactor.objects.get().confirmed_at is None
    assert is_in(with_password())


def test_right_code_switches_it_on_and_shows_ten_recovery_codes_once(vera: User) -> None:
    client = with_password()

    codes = switch_on(client, vera)

    assert len(set(codes)) == 10
    assert is_in(client)
    page = client.get(OWN).content.decode()
    assert not any(code in page for code in codes)
    assert not any(code in str(SecondFactor.objects.values()) for code in codes)


def test_other_sessions_are_asked_for_the_code_from_then_on(vera: User) -> None:
    other = with_password()
    assert is_in(other)

    switch_on(with_password(), vera)

    assert other.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    assert other.get(LOGIN)["Location"].startswith(CODE)


def test_new_key_takes_the_place_of_one_that_was_never_confirmed(vera: User) -> None:
    client = with_password()
    client.post(OWN, {"act": "begin"})
    first = SecondFactor.objects.get().secret

    client.post(OWN, {"act": "begin"})

    assert SecondFactor.objects.get().secret != first


# --- signing in --------------------------------------------------------------------------------------


def test_password_leads_to_the_code_and_the_code_to_where_one_was_going(vera: User) -> None:
    switch_on(with_password(), vera)
    client = Client(headers=ENGLISH)
    form = {"username": "vera", "password": PASSWORD, "next": "/console/?x=1"}

    asked = client.post(LOGIN, form, follow=True)

    assert asked.redirect_chain[-1][0] == f"{CODE}?next=%2Fconsole%2F%3Fx%3D1"
    assert "Signing in as vera." in text(asked)
    assert enter(client, app_code(vera), next="/console/?x=1")["Location"] == "/console/?x=1"
    assert client.get("/console/").status_code == 200


def test_code_leads_to_no_foreign_page(vera: User) -> None:
    switch_on(with_password(), vera)

    answer = enter(with_password(), app_code(vera), next="https://elsewhere.example/")

    assert answer["Location"] == "/"


def test_session_gets_a_new_key_with_the_code(vera: User) -> None:
    switch_on(with_password(), vera)
    client = with_password()
    before = client.session.session_key

    enter(client, app_code(vera))

    assert client.session.session_key != before


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_phone_may_be_wrong_by_half_a_minute(vera: User, steps: int) -> None:
    switch_on(with_password(), vera)
    SecondFactor.objects.update(last_step=0)
    client = with_password()

    enter(client, app_code(vera, steps=steps))

    assert is_in(client)


@pytest.mark.parametrize("steps", [-3, 3])
def test_phone_may_not_be_wrong_by_more(vera: User, steps: int) -> None:
    switch_on(with_password(), vera)
    SecondFactor.objects.update(last_step=0)
    client = with_password()

    page = enter(client, app_code(vera, steps=steps))

    assert "see that the phone's clock is right" in text(page)
    assert not is_in(client)


def test_same_code_is_not_taken_twice(vera: User) -> None:
    switch_on(with_password(), vera)
    code = app_code(vera)
    assert enter(with_password(), code).status_code == 302

    second = with_password()
    assert enter(second, code).status_code == 200
    assert not is_in(second)


def test_recovery_code_works_once_however_it_is_typed(vera: User) -> None:
    codes = switch_on(with_password(), vera)
    client = with_password()

    enter(client, f" {codes[3].upper().replace('-', ' ')}")

    assert is_in(client)
    again = with_password()
    assert enter(again, codes[3]).status_code == 200
    assert not is_in(again)
    enter(again, codes[4])
    assert "8 recovery codes are left." in text(again.get(OWN))


def test_password_again_asks_for_the_code_again(vera: User) -> None:
    client = with_password()
    switch_on(client, vera)

    client.post(LOGIN, {"username": "vera", "password": PASSWORD, "next": "/admin/"})

    assert not is_in(client)


@pytest.mark.parametrize("code", ["", "12345", "½23456", "٠٠٠٠٠٠", "x" * 40, "-1", "1e5 "])
def test_odd_codes_are_wrong(vera: User, code: str) -> None:
    switch_on(with_password(), vera)
    client = with_password()

    assert enter(client, code).status_code == 200
    assert not is_in(client)


# --- guessing ----------------------------------------------------------------------------------------


def guess(client: Client, times: int) -> list[int]:
    return [enter(client, "000000").status_code for _ in range(times)]


def test_fifth_wrong_code_makes_one_wait_and_right_ones_are_not_looked_at(vera: User) -> None:
    switch_on(with_password(), vera)
    client = with_password()

    assert guess(client, 5) == [200, 200, 200, 200, 429]

    page = enter(client, app_code(vera))
    assert "Too many wrong codes. Try again in 1 minute." in text(page)
    assert not is_in(client)
    assert SecondFactor.objects.get().wrong_codes == 5


def test_wait_doubles_up_to_an_hour_and_ends(vera: User) -> None:
    switch_on(with_password(), vera)
    now = db_clock.now()
    waits = []
    for wrong in range(1, 13):
        second_factor.check_code(vera, "000000", now=now)
        factor = SecondFactor.objects.get()
        assert factor.wrong_codes == wrong
        waits.append((factor.waits_until - now).total_seconds() / 60 if factor.waits_until else 0)
        now = factor.waits_until or now

    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    SecondFactor.objects.update(wrong_code_at=db_clock.now() - timedelta(minutes=61))
    client = with_password()
    enter(client, app_code(vera))
    assert is_in(client)
    assert SecondFactor.objects.get().wrong_codes == 0


def test_password_does_not_start_the_count_anew(vera: User) -> None:
    switch_on(with_password(), vera)
    guess(with_password(), 4)

    assert guess(with_password(), 1) == [429]


def test_wrong_codes_stand_among_the_access_failures(vera: User) -> None:
    switch_on(with_password(), vera)

    guess(with_password(), 2)

    assert AccessFailureLog.objects.filter(username="vera").count() == 2


# --- changing it -------------------------------------------------------------------------------------


def test_new_recovery_codes_replace_the_old_ones(vera: User) -> None:
    client = with_password()
    old = switch_on(client, vera)

    page = client.post(OWN, {"act": "codes", "code": app_code(vera)})

    new = re.findall(r"<li><code>([a-z2-7-]{19})</code>", page.content.decode())
    assert len(new) == 10
    assert not set(new) & set(old)
    assert enter(with_password(), old[0]).status_code == 200
    assert enter(with_password(), new[0]).status_code == 302


def codes_on(page: Any) -> list[str]:
    return re.findall(r"<li><code>([a-z2-7-]{19})</code>", page.content.decode())


@pytest.mark.parametrize("act", ["confirm", "codes"])
def test_page_of_codes_that_is_loaded_again_costs_no_try_and_offers_others(vera: User, act: str) -> None:
    client = with_password()
    lost = switch_on(client, vera)
    again = {"act": "confirm", "code": app_code(vera, steps=-1)}
    if act == "codes":
        again = {"act": "codes", "code": app_code(vera)}
        lost = codes_on(client.post(OWN, again))

    page = client.post(OWN, again, follow=True)

    assert "The recovery codes are not shown again." in text(page)
    assert SecondFactor.objects.get().wrong_codes == 0
    codes = codes_on(client.post(OWN, {"act": "lost"}))
    assert (len(codes), set(codes) & set(lost)) == (10, set())
    assert enter(with_password(), codes[0]).status_code == 302


def test_others_are_made_without_a_code_by_the_same_session_for_ten_minutes(
    vera: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = with_password(), with_password()
    codes = switch_on(client, vera)
    enter(other, codes[0])
    at = db_clock.now() + timedelta(minutes=9)

    assert codes_on(other.post(OWN, {"act": "lost"})) == []
    monkeypatch.setattr("iikohub.sign_in.pages.db_clock.now", lambda: at)
    assert len(codes_on(client.post(OWN, {"act": "lost"}))) == 10
    at += timedelta(minutes=2)
    assert codes_on(client.post(OWN, {"act": "lost"})) == []


def test_codes_that_were_kept_are_not_replaced_without_a_code(vera: User) -> None:
    client = with_password()
    codes = switch_on(client, vera)

    assert (
        client.post(OWN, {"act": "kept", "next": "/admin/orders/order/"})["Location"]
        == "/admin/orders/order/"
    )

    assert "not shown again" not in text(client.get(OWN))
    assert codes_on(client.post(OWN, {"act": "lost"})) == []
    assert enter(with_password(), codes[0]).status_code == 302


@pytest.mark.parametrize("act", ["codes", "off"])
def test_session_alone_changes_nothing(vera: User, act: str) -> None:
    client = with_password()
    switch_on(client, vera)
    before = SecondFactor.objects.values().get()

    client.post(OWN, {"act": act, "code": "000000"})
    client.post(OWN, {"act": act})
    client.post(OWN, {"act": "begin"})

    after = SecondFactor.objects.values().get()
    assert {**after, "wrong_codes": 0, "wrong_code_at": None} == before


def test_it_is_switched_off_by_a_code(vera: User) -> None:
    client = with_password()
    switch_on(client, vera)

    client.post(OWN, {"act": "off", "code": app_code(vera)})

    assert not SecondFactor.objects.exists()
    assert is_in(client)
    assert is_in(with_password())


# --- asked for by a group ----------------------------------------------------------------------------


@pytest.fixture
def nina() -> User:
    """Somebody with every right, in a group that asks for two steps, who has not set them up."""
    group = Group.objects.create(name="Cashiers")
    TwoStepGroup.objects.create(group=group)
    user = User.objects.create_user("nina", password=PASSWORD, is_staff=True)
    user.groups.add(group)
    user.user_permissions.set(Permission.objects.all())
    return user


def addresses() -> Iterator[str]:
    """Every address of the hub, with something in place of its parts."""
    yield from _below(get_resolver().url_patterns, "/")


def _below(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for one in patterns:
        part = re.sub(r"<(?:\w+:)?\w+>", "1", str(one.pattern))
        part = re.sub(r"\(\?P<format>[^)]*\)|\(\?P<\w+>[^)]*\)+", "1", part)
        part = re.sub(r"\\\.|[\^$?]|\\Z|\(|\)", lambda found: "." if found[0] == "\\." else "", part)
        here = prefix + part
        if isinstance(one, URLResolver):
            yield from _below(one.url_patterns, here)
        else:
            yield here


def told(client: Client, address: str) -> tuple[int, str]:
    answer = client.get(address)
    return answer.status_code, answer.get("Location", "").split("?")[0]


OWN_STEPS = {OWN, CODE, "/admin/two-steps/leave/", LOGIN}


def opened_differently(client: Client) -> list[tuple[str, tuple[int, str], tuple[int, str]]]:
    """List the addresses that answer somebody otherwise than a stranger."""
    stranger = Client(headers=ENGLISH)
    client.raise_request_exception = stranger.raise_request_exception = False
    answers = [
        (address, told(client, address), told(stranger, address))
        for address in dict.fromkeys(addresses())
        if address not in OWN_STEPS
    ]
    return [one for one in answers if one[1] != one[2]]


def test_addresses_are_many() -> None:
    every = set(addresses())

    assert len(every) > 200
    assert {"/console/", "/admin/", "/api/v1/orders", "/console/changes", OWN, CODE} <= {
        one.rstrip("/") if one.startswith("/api") else one for one in every
    }


def test_who_has_to_set_it_up_is_a_stranger_at_every_address(nina: User) -> None:
    assert opened_differently(with_password("nina")) == []


def test_who_owes_the_code_is_a_stranger_at_every_address(vera: User) -> None:
    switch_on(with_password(), vera)

    assert opened_differently(with_password()) == []


def test_with_the_code_they_are_no_strangers(vera: User) -> None:
    client = with_password()
    switch_on(client, vera)

    for address in ("/admin/", "/admin/auth/user/", "/console/", "/console/attention", "/api/v1/orders"):
        assert (told(client, address)[0], told(Client(), address)[0] == 200) == (200, False)


def test_group_leads_to_the_set_up_first(nina: User) -> None:
    client = with_password("nina")

    page = client.get("/console/", follow=True)

    assert page.redirect_chain[-1][0] == f"{OWN}?next=%2Fconsole%2F"
    assert "Your account has to be signed in to by two steps." in text(page)
    assert client.get("/api/v1/orders").status_code == 401
    assert len(switch_on(client, nina)) == 10
    assert client.get("/console/").status_code == 200
    assert client.get("/api/v1/orders").status_code == 200


def test_session_from_before_the_group_asked_is_led_there_too(nina: User) -> None:
    TwoStepGroup.objects.all().delete()
    client = with_password("nina")
    assert client.get("/console/changes?since=0&state=x").status_code != 401

    TwoStepGroup.objects.create(group=nina.groups.get())

    assert client.get("/console/changes?since=0&state=x").status_code == 401
    assert client.get("/console/").status_code == 302


def test_who_owes_a_step_can_leave(nina: User) -> None:
    client = with_password("nina")

    client.post("/admin/two-steps/leave/")

    assert client.get(OWN)["Location"].startswith(LOGIN)


def test_setting_asks_superusers(vera: User, settings: LazySettings) -> None:
    client = with_password()
    assert is_in(client)

    settings.SECOND_FACTOR_FOR_SUPERUSERS = True

    assert not is_in(client)
    switch_on(client, vera)
    assert is_in(client)


def test_group_is_marked_in_the_admin(client: Client) -> None:
    sign_in_superuser(client)
    group = Group.objects.create(name="Cashiers")
    page = f"/admin/auth/group/{group.pk}/change/"

    client.post(page, {"name": "Cashiers", "asks_two_steps": "on"})
    assert TwoStepGroup.objects.filter(group=group).exists()
    assert 'name="asks_two_steps" class' in client.get(page).text or "checked" in client.get(page).text

    client.post(page, {"name": "Cashiers"})
    assert not TwoStepGroup.objects.exists()


# --- a lost phone ------------------------------------------------------------------------------------


def test_administrator_takes_it_off_after_a_question(vera: User, client: Client) -> None:
    sign_in_superuser(client)
    switch_on(with_password(), vera)
    page = f"/admin/auth/user/{vera.pk}/two-steps-off/"

    assert client.get(page).status_code == 200
    assert SecondFactor.objects.exists()
    client.post(page)

    assert is_in(with_password())
    history = text(client.get(f"/admin/auth/user/{vera.pk}/history/", follow=True))
    assert "Сброс второго фактора" in history
    # What she did on her own page before, too.
    assert "Настройка своего входа в два шага" in history


def test_ones_own_is_not_taken_off_without_a_code(vera: User) -> None:
    client = with_password()
    switch_on(client, vera)

    assert client.post(f"/admin/auth/user/{vera.pk}/two-steps-off/")["Location"] == OWN
    assert SecondFactor.objects.exists()


def test_weaker_account_takes_it_off_nobody_stronger(vera: User, client: Client) -> None:
    switch_on(with_password(), vera)
    weak = User.objects.create_user("oleg", is_staff=True)
    weak.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client.force_login(weak)

    for what in ("two-steps-off", "sign-out"):
        assert client.post(f"/admin/auth/user/{vera.pk}/{what}/").status_code == 403
    assert SecondFactor.objects.exists()


def test_command_takes_it_off(vera: User, capsys: pytest.CaptureFixture[str]) -> None:
    switch_on(with_password(), vera)

    call_command("reset_second_factor", "vera")
    call_command("reset_second_factor", "vera")

    assert capsys.readouterr().out == "vera: two-step sign-in is off.\nvera: it was not set up.\n"
    assert is_in(with_password())
    with pytest.raises(CommandError, match="There is no user nobody"):
        call_command("reset_second_factor", "nobody")
