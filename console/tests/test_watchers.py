"""An open page at its next poll: signed out, without a right, without a restaurant, and nothing new."""

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.crypto import get_random_string

from console.models import Preferences
from console.pages import frame, live, shared_answers, watchers
from console.pages.shared_answers import answers
from core.database import db_clock
from organizations.models.access import RestaurantAccess
from organizations.models.organization import Organization
from tests.builders import make_organization, make_other_organization

pytestmark = pytest.mark.django_db

PAGES = {"/console/": "/console/changes", "/console/dispatch": "/console/dispatch/changes"}


@pytest.fixture
def cafe() -> Organization:
    return make_organization()


@pytest.fixture
def bar() -> Organization:
    return make_other_organization()


@pytest.fixture
def user(client: Client, cafe: Organization, bar: Organization) -> User:
    """Sign in one who sees orders by a group, and may assign couriers by a right of their own."""
    user = User.objects.create_user("operator", is_staff=True)
    group = Group.objects.create(name="who see orders")
    group.permissions.add(Permission.objects.get(codename="view_order"))
    user.groups.add(group)
    user.user_permissions.add(Permission.objects.get(codename="assign_order_courier"))
    RestaurantAccess.objects.create(user=user, is_restricted=True).restaurants.set([cafe, bar])
    client.force_login(user)
    return user


@pytest.fixture
def next_tick(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Stop the ticks; they go on when it is called."""
    ticks = count(1)

    def go_on() -> None:
        number = next(ticks)
        for module in (shared_answers, watchers, frame, live):
            monkeypatch.setattr(module, "tick_number", lambda _of=1: number)

    answers.forget()
    go_on()
    return go_on


def since(answer: Any) -> dict[str, str]:
    page = answer.content.decode()
    found = re.search(r'data-next="([^"]+)" .*?data-state="([^"]+)"', page)
    assert found is not None
    return {"since": found[1], "state": found[2]}


def sign_out(_user: User) -> None:
    Session.objects.all().delete()


def end_session(_user: User) -> None:
    Session.objects.update(expire_date=db_clock.now() - timedelta(seconds=1))


def dismiss(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User) -> None:
    user.set_password(get_random_string(20))
    user.save()


def leave_the_group(user: User) -> None:
    user.groups.clear()


def narrow_the_group(_user: User) -> None:
    Group.objects.get(name="who see orders").permissions.clear()


def take_a_right(user: User) -> None:
    user.user_permissions.clear()


def give_a_right(user: User) -> None:
    user.user_permissions.add(Permission.objects.get(codename="cancel_order"))


def restrict(user: User) -> None:
    user.restaurant_access.restaurants.set(Organization.objects.all()[:1])


def restrict_to_none(user: User) -> None:
    user.restaurant_access.restaurants.clear()


def lift_the_restriction(user: User) -> None:
    make_organization(iiko_id="7b3c2f60-0d55-4c59-9a39-3f1d6a4be0ff", name="Третье")
    RestaurantAccess.objects.filter(user=user).update(is_restricted=False)


def choose(user: User) -> None:
    Preferences.objects.create(user=user).restaurants.set(Organization.objects.all()[:1])


def close_a_restaurant(_user: User) -> None:
    Organization.objects.filter(pk=Organization.objects.all()[0].pk).update(is_active=False)


def sign_out_everywhere(user: User) -> None:
    apps.get_model("iikohub.SignOut").objects.create(user=user, at=db_clock.now())


def let_the_group_ask_for_two_steps(user: User) -> None:
    apps.get_model("iikohub.TwoStepGroup").objects.create(group=user.groups.get())


def set_the_second_step_up_elsewhere(user: User) -> None:
    model = apps.get_model("iikohub.SecondFactor")
    model.objects.create(user=user, secret="x", confirmed_at=db_clock.now())


ANSWERS: list[tuple[Callable[[User], None], int]] = [
    (sign_out, 401),
    (end_session, 401),
    (dismiss, 401),
    (change_password, 401),
    (sign_out_everywhere, 401),
    (let_the_group_ask_for_two_steps, 401),
    (set_the_second_step_up_elsewhere, 401),
    (leave_the_group, 403),
    (narrow_the_group, 403),
    (take_a_right, 205),
    (give_a_right, 205),
    (restrict, 205),
    (restrict_to_none, 205),
    (lift_the_restriction, 205),
    (choose, 205),
    (close_a_restaurant, 205),
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("change", "status"), ANSWERS, ids=lambda value: getattr(value, "__name__", None))
def test_change_is_answered_at_the_next_poll(
    client: Client, user: User, page: str, change: Callable[[User], None], status: int
) -> None:
    last = since(client.get(page))
    # The second is answered by what was kept of the first.
    assert [client.get(PAGES[page], last).status_code for _poll in range(2)] == [204, 204]

    change(user)

    assert client.get(PAGES[page], last).status_code == status


@pytest.mark.parametrize(("change", "status"), ANSWERS, ids=lambda value: getattr(value, "__name__", None))
def test_change_is_answered_after_the_tick_in_which_it_was_made(
    client: Client,
    user: User,
    change: Callable[[User], None],
    status: int,
    settings: LazySettings,
    next_tick: Callable[[], None],
) -> None:
    settings.BOARD_TICK_S = 0.5
    last = since(client.get("/console/"))
    assert client.get("/console/changes", last).status_code == 204
    next_tick()  # from here on it is known that nothing changed
    assert client.get("/console/changes", last).status_code == 204
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/console/changes", last).status_code == 204
    assert captured.captured_queries == []

    change(user)
    next_tick()

    assert client.get("/console/changes", last).status_code == status


def test_change_for_somebody_else_is_no_change(
    client: Client, user: User, settings: LazySettings, next_tick: Callable[[], None]
) -> None:
    settings.BOARD_TICK_S = 0.5
    last = since(client.get("/console/"))
    client.get("/console/changes", last)
    next_tick()
    client.get("/console/changes", last)
    User.objects.create_user("other", is_staff=True).groups.add(user.groups.get())

    questions = []
    for _tick in range(2):
        next_tick()
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/console/changes", last).status_code == 204
        questions.append(sum("auth_user" in one["sql"] for one in captured.captured_queries))

    # Of all and of this person; then of all alone.
    assert questions == [2, 1]


@pytest.mark.usefixtures("user")
def test_poll_asks_once_who_it_is(client: Client) -> None:
    last = since(client.get("/console/"))
    client.get("/console/changes", last)

    with CaptureQueriesContext(connection) as captured:
        assert client.get("/console/changes", last).status_code == 204

    asked = [one["sql"] for one in captured.captured_queries]
    assert len([sql for sql in asked if "auth_" in sql or "django_session" in sql]) == 1
    assert len(asked) == QUERIES


QUERIES = 6
"""Who it is, up to which moment, what changed, and three of the restaurants' states."""


def test_pages_of_two_people_are_kept_apart(client: Client, user: User, cafe: Organization) -> None:
    last = since(client.get("/console/"))
    client.get("/console/changes", last)
    other = User.objects.create_user("other", is_staff=True)
    stranger = Client()
    stranger.force_login(other)

    assert stranger.get("/console/changes", last).status_code == 403
    other.user_permissions.add(Permission.objects.get(codename="view_order"))
    RestaurantAccess.objects.create(user=other, is_restricted=True).restaurants.set([cafe])
    # A page that shows what this person may not see.
    assert stranger.get("/console/changes", last).status_code == 205
    assert client.get("/console/changes", last).status_code == 204
