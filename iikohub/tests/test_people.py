"""Users and groups in the admin: who may sign in, and that nobody gives what they do not have."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import get_resolver, reverse

from attention.rules.registry import RULES
from organizations.admin.api_keys import KEY_READS, key_acts
from organizations.models.access import RestaurantAccess
from organizations.models.api_keys import ApiKey, KeyRight
from organizations.models.organization import Organization
from organizations.provisioning import create_api_key
from tests.builders import make_organization, make_other_organization
from tests.pages import markup, sign_in, sign_in_superuser, text

pytestmark = pytest.mark.django_db

USERS = "/admin/auth/user/"
GROUPS = "/admin/auth/group/"
PASSWORD = "harbour-lantern-27"
ENGLISH, RUSSIAN = {"Accept-Language": "en"}, {"Accept-Language": "ru"}


def group(name: str) -> Group:
    return Group.objects.get(name=name)


def right(name: str) -> Permission:
    app, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


@pytest.fixture
def administrator(client: Client) -> User:
    user = User.objects.create_user("evening", is_staff=True)
    user.groups.add(group("Administrator"))
    client.force_login(user)
    return user


def add(client: Client, name: str, **fields: Any) -> Any:
    form = {"username": name, "usable_password": "true", "sees": "all"}
    form |= {"password1": PASSWORD, "password2": PASSWORD}
    return client.post(f"{USERS}add/", form | fields, follow=True, headers=ENGLISH)


def save(client: Client, user: User, **fields: Any) -> Any:
    form = {"username": user.username, "is_active": "on", "sees": "all"}
    return client.post(f"{USERS}{user.pk}/change/", form | fields, follow=True, headers=ENGLISH)


# --- signing in --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("administrator")
def test_user_made_with_a_group_can_sign_in(client: Client) -> None:
    add(client, "vera", groups=[group("Operator").pk])

    form = {"username": "vera", "password": PASSWORD, "next": "/admin/"}
    entered = Client().post("/admin/login/", form, follow=True)
    assert (entered.redirect_chain, entered.status_code) == ([("/admin/", 302)], 200)
    assert User.objects.get(username="vera").has_perm("orders.cancel_order")


@pytest.mark.usefixtures("administrator")
def test_user_put_in_a_group_later_can_sign_in(client: Client) -> None:
    page = text(add(client, "vera"))
    vera = User.objects.get(username="vera")
    assert not vera.is_staff
    assert "vera cannot sign in: choose a group." in page

    save(client, vera, groups=[group("Dispatcher").pk])

    vera.refresh_from_db()
    assert vera.is_staff


@pytest.mark.usefixtures("administrator")
def test_user_taken_out_of_all_groups_cannot_sign_in(client: Client) -> None:
    add(client, "vera", groups=[group("Operator").pk])
    vera = User.objects.get(username="vera")

    page = text(save(client, vera, groups=[]))

    vera.refresh_from_db()
    assert not vera.is_staff
    assert "vera cannot sign in: choose a group." in page


@pytest.mark.usefixtures("administrator")
def test_right_of_ones_own_is_enough_to_sign_in(client: Client) -> None:
    add(client, "vera")
    vera = User.objects.get(username="vera")

    save(client, vera, user_permissions=[right("orders.view_order").pk])

    vera.refresh_from_db()
    assert vera.is_staff


def test_deleted_group_leaves_nobody_who_signs_in_for_nothing(client: Client) -> None:
    sign_in_superuser(client)
    night = Group.objects.create(name="Night")
    alone, other = User.objects.create_user("alone"), User.objects.create_user("other")
    alone.groups.add(night)
    other.groups.add(night, group("Operator"))
    User.objects.filter(pk__in=[alone.pk, other.pk]).update(is_staff=True)

    client.post(f"{GROUPS}{night.pk}/delete/", {"post": "yes"})

    assert not Group.objects.filter(name="Night").exists()
    assert set(User.objects.filter(is_staff=True).values_list("username", flat=True)) == {"chief", "other"}


@pytest.mark.usefixtures("administrator")
def test_form_says_who_may_sign_in(client: Client) -> None:
    page = text(client.get(f"{USERS}add/", headers=ENGLISH))

    assert "Whoever is in a group, or has rights of their own, may sign in here." in page


# --- nobody gives what they do not have --------------------------------------------------------------


@pytest.mark.usefixtures("administrator")
def test_administrator_makes_no_superuser(client: Client) -> None:
    add(client, "vera", is_superuser="on", groups=[group("Operator").pk])
    vera = User.objects.get(username="vera")

    save(client, vera, is_superuser="on", is_staff="on", groups=[group("Operator").pk])

    vera.refresh_from_db()
    assert not vera.is_superuser
    assert "is_superuser" not in markup(client.get(f"{USERS}{vera.pk}/change/"))


def test_administrator_makes_no_superuser_of_themselves(client: Client, administrator: User) -> None:
    save(client, administrator, is_superuser="on", groups=[group("Administrator").pk])

    administrator.refresh_from_db()
    assert not administrator.is_superuser


def test_superuser_makes_a_superuser(client: Client) -> None:
    sign_in_superuser(client)
    vera = User.objects.create_user("vera")

    save(client, vera, is_superuser="on")

    vera.refresh_from_db()
    assert (vera.is_superuser, vera.is_staff) == (True, True)


def test_right_that_one_lacks_is_neither_offered_nor_taken(client: Client) -> None:
    sign_in(client, "auth.change_user", "auth.view_user", "orders.view_order")
    vera, lacking = User.objects.create_user("vera"), right("orders.cancel_order")

    page = markup(client.get(f"{USERS}{vera.pk}/change/"))
    answer = save(client, vera, user_permissions=[lacking.pk])

    assert f'<option value="{right("orders.view_order").pk}"' in page
    assert f'<option value="{lacking.pk}"' not in page
    assert f"Select a valid choice. {lacking.pk} is not one of the available choices." in text(answer)
    assert not vera.user_permissions.exists()


def test_group_that_may_more_is_neither_offered_nor_taken(client: Client) -> None:
    user = sign_in(client, "auth.change_user", "auth.view_user")
    user.groups.add(group("Dispatcher"))

    page = markup(client.get(f"{USERS}{user.pk}/change/", headers=ENGLISH))
    save(client, user, groups=[group("Dispatcher").pk, group("Operator").pk])

    assert ">Dispatcher</option>" in page
    assert ">Operator</option>" not in page
    assert [one.name for one in user.groups.all()] == ["Dispatcher"]


def test_group_takes_only_rights_of_who_gives_them(client: Client) -> None:
    user = sign_in(client, "auth.change_group", "auth.view_group", "auth.add_group", "orders.view_order")
    mine = Group.objects.create(name="Mine")
    user.groups.add(mine)
    form = {"name": "Mine", "permissions": [right("orders.cancel_order").pk, right("orders.view_order").pk]}

    client.post(f"{GROUPS}{mine.pk}/change/", form)
    assert not mine.permissions.exists()
    client.post(f"{GROUPS}{mine.pk}/change/", form | {"permissions": [right("orders.view_order").pk]})

    assert [one.codename for one in mine.permissions.all()] == ["view_order"]
    client.post(f"{GROUPS}add/", form | {"name": "Other"})
    assert not Group.objects.filter(name="Other").exists()


def test_group_that_may_more_is_not_changed_or_deleted(client: Client) -> None:
    sign_in(client, "auth.change_group", "auth.delete_group", "auth.view_group", "orders.view_order")
    operators = group("Operator")
    count = operators.permissions.count()

    changed = client.post(f"{GROUPS}{operators.pk}/change/", {"name": "Operator", "permissions": []})
    deleted = client.post(f"{GROUPS}{operators.pk}/delete/", {"post": "yes"})

    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert group("Operator").permissions.count() == count


# --- nobody touches a stronger account ---------------------------------------------------------------


def strong(kind: str) -> User:
    """Make an account that an operator's helper must not reach."""
    user = User.objects.create_user("strong", password=PASSWORD, is_staff=True)
    if kind == "superuser":
        User.objects.filter(pk=user.pk).update(is_superuser=True)
    elif kind == "sleeping superuser":
        User.objects.filter(pk=user.pk).update(is_superuser=True, is_active=False)
    elif kind == "operator":
        user.groups.add(group("Operator"))
    else:
        user.user_permissions.add(right("orders.cancel_order"))
    user.refresh_from_db()
    return user


@pytest.mark.parametrize("kind", ["superuser", "sleeping superuser", "operator", "right"])
def test_stronger_account_is_not_touched(client: Client, kind: str) -> None:
    user = strong(kind)
    sign_in(client, "auth.change_user", "auth.delete_user", "auth.view_user")

    answers = [
        client.post(
            f"{USERS}{user.pk}/change/", {"username": "strong", "is_active": "on", "email": "x@x.ru"}
        ),
        client.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}),
        client.get(f"{USERS}{user.pk}/password/"),
        client.post(
            f"{USERS}{user.pk}/password/",
            {"usable_password": "true", "password1": "another-one-31", "password2": "another-one-31"},
        ),
        client.post(USERS, {"action": "delete_selected", "_selected_action": user.pk, "post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403] * 5
    kept = User.objects.get(pk=user.pk)
    assert (kept.check_password(PASSWORD), kept.email, kept.is_active) == (True, "", user.is_active)
    page = client.get(f"{USERS}{user.pk}/change/", headers=ENGLISH)
    assert "This account may do more than yours, so that you cannot change it." in text(page)
    assert f"{USERS}{user.pk}/password/" not in markup(page)
    assert "../password/" not in markup(page)


@pytest.mark.usefixtures("administrator")
def test_administrator_does_not_touch_a_superuser(client: Client) -> None:
    user = strong("superuser")

    assert client.post(f"{USERS}{user.pk}/password/", {}).status_code == 403
    assert client.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.usefixtures("administrator")
def test_administrator_looks_after_operators(client: Client) -> None:
    user = strong("operator")
    new = {"usable_password": "true", "password1": "another-one-31", "password2": "another-one-31"}

    client.post(f"{USERS}{user.pk}/password/", new)
    assert User.objects.get(pk=user.pk).check_password("another-one-31")
    client.post(f"{USERS}{user.pk}/delete/", {"post": "yes"})

    assert not User.objects.filter(pk=user.pk).exists()


# --- in Russian --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("administrator")
def test_groups_and_rights_are_shown_in_russian_and_stored_as_they_were(client: Client) -> None:
    listed = text(client.get(GROUPS, headers=RUSSIAN))
    form = markup(client.get(f"{GROUPS}{group('Operator').pk}/change/", headers=RUSSIAN))
    offered = re.findall(r"<option value=\"\d+\"[^>]*>([^<]+)</option>", form)

    assert all(name in listed for name in ("Администратор", "Диспетчер", "Оператор"))
    assert "Operator" not in listed
    assert "Заказы: просмотр" in offered
    assert "Действия: отменять заказы в iiko" in offered
    assert [one for one in offered if re.search(r"\bCan\b|\bcan\b", one)] == []
    assert set(Group.objects.values_list("name", flat=True)) == {
        *("Dispatcher", "Operator", "Administrator", "Analyst"),
    }


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"{GROUPS}add/", "Добавить группу"),
        (f"{USERS}add/", "Добавить пользователя"),
        ("/admin/organizations/organization/add/", "Добавить организацию"),
        ("/admin/organizations/apikey/add/", "Добавить ключ API"),
        ("/admin/organizations/apilogin/add/", "Добавить API-логин"),
        ("/admin/webhooks/webhookconfig/add/", "Добавить вебхук"),
    ],
)
def test_names_stand_in_the_right_case(client: Client, path: str, words: str) -> None:
    sign_in_superuser(client)

    assert f"<title> {words} |" in " ".join(client.get(path, headers=RUSSIAN).content.decode().split())


def test_deleting_is_said_in_the_right_case(client: Client) -> None:
    sign_in_superuser(client)
    operators, vera = group("Operator"), User.objects.create_user("vera")

    form = text(client.get(f"{GROUPS}{operators.pk}/change/", headers=RUSSIAN))
    page = text(client.get(f"{GROUPS}{operators.pk}/delete/", headers=RUSSIAN))
    person = text(client.get(reverse("admin:auth_user_delete", args=[vera.pk]), headers=RUSSIAN))

    assert "Удалить группу" in form
    assert "удалить группу «Оператор»?" in page
    assert "object (" not in page
    assert "Группы: 1" in page
    assert "удалить пользователя «vera»?" in person


# --- finding -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("search", ["семенова", "СЕМЁНОВА", "алена семен", "семен ale", "ale@", "late"])
def test_person_is_found_as_names_are_found(client: Client, search: str) -> None:
    User.objects.create_user("late", first_name="Алёна", last_name="Семёнова", email="ale@hub.example")
    User.objects.create_user("early", first_name="Пётр", last_name="Иванов")
    sign_in_superuser(client)

    page = client.get(USERS, {"q": search})

    assert [user.username for user in page.context["cl"].result_list] == ["late"]


# --- keys ------------------------------------------------------------------------------------------------

KEYS = "/admin/organizations/apikey/"
CANNOT_GIVE = "A key may do no more than the person who gives it."


def survivor(client: Client, *lacking: str) -> User:
    """Sign in somebody who keeps keys and has all rights but ``lacking``."""
    user = User.objects.create_user("survivor", password=PASSWORD, is_staff=True)
    lacks = [right(name).pk for name in lacking]
    user.user_permissions.set(Permission.objects.exclude(pk__in=lacks))
    client.force_login(user)
    return user


def test_key_reads_what_the_lists_of_the_api_ask_for() -> None:
    used: set[str] = set()
    pending: list[Any] = [get_resolver()]
    while pending:
        one = pending.pop()
        pending += getattr(one, "url_patterns", [])
        view = getattr(getattr(one, "callback", None), "cls", None)
        needed = getattr(view, "staff_permission", None)
        if view is not None and isinstance(needed, property):  # other acts need other rights
            needed = getattr(view(action="list"), "staff_permission", None)
        used |= {needed} if isinstance(needed, str) else set()

    # The findings of all rules are read by every key.
    used |= {rule.permission for rule in RULES}
    assert used == KEY_READS


def test_key_that_may_more_is_not_made(client: Client) -> None:
    for lacking in sorted(key_acts() - KEY_READS):
        User.objects.all().delete()
        survivor(client, lacking)

        right = KeyRight.for_permission(lacking).value
        acting = client.post(f"{KEYS}add/", {"name": "a", "sees_all": "on", right: "on"}, headers=ENGLISH)
        reading = client.post(f"{KEYS}add/", {"name": "r", "sees_all": "on"}, headers=ENGLISH)

        assert CANNOT_GIVE in acting.text
        assert reading.status_code == 302
        assert [(key.name, key.rights) for key in ApiKey.objects.all()] == [("r", frozenset())]
        ApiKey.objects.all().delete()


def test_key_that_sees_more_is_not_made(client: Client) -> None:
    for lacking in sorted(KEY_READS):
        User.objects.all().delete()
        survivor(client, lacking)

        reading = client.post(f"{KEYS}add/", {"name": "r", "sees_all": "on"}, headers=ENGLISH)

        assert CANNOT_GIVE in reading.text, lacking
        assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("change", [{"may_act": "on"}, {"is_active": "on", "may_act": "on"}])
def test_key_is_not_made_stronger_by_who_lacks_rights(client: Client, change: dict[str, str]) -> None:
    survivor(client, "orders.cancel_order")
    row, _key = create_api_key(name="shop", rights=tuple(KeyRight) if "is_active" in change else ())
    ApiKey.objects.update(is_active="is_active" not in change)

    fields = {"name": "shop", "sees_all": "on", "is_active": "on"} | change
    answer = client.post(f"{KEYS}{row.pk}/change/", fields, headers=ENGLISH)

    assert CANNOT_GIVE in answer.text
    stored = ApiKey.objects.get()
    assert (stored.is_active, stored.may_act) == ("is_active" not in change, "is_active" in change)


@pytest.mark.parametrize("expires", ["", "2031-01-31"])
def test_key_does_not_live_longer_by_who_lacks_rights(client: Client, expires: str) -> None:
    survivor(client, "orders.cancel_order")
    ends = datetime(2030, 1, 31, 12, tzinfo=UTC)
    row, _key = create_api_key(name="shop", expires_at=ends)
    every = dict.fromkeys(KeyRight.values, "on")
    fields = {"name": "shop", "sees_all": "on", "is_active": "on", "expires_at_1": "12:00"} | every
    url = f"{KEYS}{row.pk}/change/"

    later = fields | {"expires_at_0": expires, "expires_at_1": "12:00" if expires else ""}
    assert CANNOT_GIVE in client.post(url, later, headers=ENGLISH).text
    assert ApiKey.objects.get().expires_at == ends

    client.post(url, fields | {"expires_at_0": "2029-01-31"}, headers=ENGLISH)
    assert ApiKey.objects.get().expires_at == datetime(2029, 1, 31, 12, tzinfo=UTC)


def test_key_is_renamed_and_shut_by_who_lacks_rights(client: Client) -> None:
    survivor(client, "orders.cancel_order", "orders.view_order")
    row, _key = create_api_key(name="shop")
    url = f"{KEYS}{row.pk}/change/"

    renamed = client.post(
        url, {"name": "web", "sees_all": "on", "is_active": "on", **dict.fromkeys(KeyRight.values, "on")}
    )
    shut = client.post(url, {"name": "web", "sees_all": "on"})

    assert (renamed.status_code, shut.status_code) == (302, 302)
    stored = ApiKey.objects.get()
    assert (stored.name, stored.is_active, stored.may_act) == ("web", False, False)


def test_administrator_gives_any_key(client: Client, administrator: User) -> None:
    client.post(f"{KEYS}add/", {"name": "a", "sees_all": "on", "may_act": "on"})

    assert ApiKey.objects.get().may_act


# --- whoever is given something to do may sign in -----------------------------------------------------


def test_person_is_made_staff_by_whatever_door() -> None:
    by_person, by_group, by_right = (User.objects.create_user(name) for name in ("vera", "anna", "olga"))

    by_person.groups.add(group("Operator"))
    group("Dispatcher").user_set.add(by_group)
    by_right.user_permissions.add(right("orders.view_order"))

    assert by_person.is_staff
    assert set(User.objects.filter(is_staff=True).values_list("username", flat=True)) == {
        "vera",
        "anna",
        "olga",
    }


# --- restaurants -----------------------------------------------------------------------------------------


@pytest.fixture
def cafe() -> Organization:
    return make_organization()


@pytest.fixture
def bar() -> Organization:
    return make_other_organization()


def restrict(user: User, *restaurants: Organization) -> None:
    access, _is_new = RestaurantAccess.objects.update_or_create(user=user, defaults={"is_restricted": True})
    access.restaurants.set(restaurants)


def seen_by(user: User) -> set[str] | None:
    """Return the names of the restaurants that a person is restricted to; None: all of them."""
    access = RestaurantAccess.objects.filter(user=user, is_restricted=True).first()
    return None if access is None else {one.name for one in access.restaurants.all()}


@pytest.mark.usefixtures("administrator")
def test_person_is_restricted_and_freed_on_their_page(
    client: Client, cafe: Organization, bar: Organization
) -> None:
    add(client, "vera", groups=[group("Operator").pk], sees="some", restaurants=[cafe.pk])
    vera = User.objects.get(username="vera")
    assert seen_by(vera) == {cafe.name}

    save(client, vera, groups=[group("Operator").pk], sees="some", restaurants=[cafe.pk, bar.pk])
    assert seen_by(vera) == {cafe.name, bar.name}
    page = client.get(USERS, headers=RUSSIAN)
    assert f"{bar.name}; {cafe.name}" in text(page)

    save(client, vera, groups=[group("Operator").pk], sees="all")
    assert seen_by(vera) is None


@pytest.mark.usefixtures("administrator")
def test_restriction_to_nothing_is_refused(client: Client, cafe: Organization) -> None:
    vera = User.objects.create_user("vera")

    answer = save(client, vera, sees="some")

    assert "Tick at least one." in text(answer)
    assert seen_by(vera) is None


def test_superuser_is_not_restricted(client: Client, cafe: Organization) -> None:
    chief = sign_in_superuser(client)

    answer = save(client, chief, is_superuser="on", sees="some", restaurants=[cafe.pk])

    assert "A superuser sees all restaurants." in text(answer)
    assert seen_by(chief) is None


def test_restricted_administrator_gives_no_more_than_they_see(
    client: Client, administrator: User, cafe: Organization, bar: Organization
) -> None:
    vera = User.objects.create_user("vera")
    for user in (administrator, vera):
        restrict(user, cafe)

    form = markup(client.get(f"{USERS}{vera.pk}/change/", headers=ENGLISH))
    for_all = save(client, vera, sees="all")
    for_bar = save(client, vera, sees="some", restaurants=[cafe.pk, bar.pk])
    self_freed = save(client, administrator, groups=[group("Administrator").pk], sees="all")
    add(client, "anna", sees="all")
    add(client, "olga", sees="some", restaurants=[cafe.pk])

    assert bar.name not in form
    assert 'value="all"' not in form
    assert "all is not one of the available choices" in text(for_all)
    assert f"{bar.pk} is not one of the available choices" in text(for_bar)
    assert "all is not one of the available choices" in text(self_freed)
    assert [seen_by(user) for user in (administrator, vera)] == [{cafe.name}] * 2
    assert not User.objects.filter(username="anna").exists()
    assert seen_by(User.objects.get(username="olga")) == {cafe.name}


def test_restricted_administrator_reaches_only_people_of_their_restaurants(
    client: Client, administrator: User, cafe: Organization, bar: Organization
) -> None:
    of_cafe, of_both, of_all, of_none = (User.objects.create_user(name) for name in ("c", "b", "a", "n"))
    restrict(administrator, cafe)
    restrict(of_cafe, cafe)
    restrict(of_both, cafe, bar)
    restrict(of_none)

    listed = [user.username for user in client.get(USERS).context["cl"].result_list]
    statuses = [
        client.post(f"{USERS}{one.pk}/password/", {}).status_code for one in (of_both, of_all, of_none)
    ]

    assert set(listed) == {"evening", "c"}
    assert statuses == [404] * 3


def test_restricted_administrator_changes_no_group(
    client: Client, administrator: User, cafe: Organization
) -> None:
    restrict(administrator, cafe)
    operators = group("Operator")

    answers = [
        client.post(f"{GROUPS}{operators.pk}/change/", {"name": "Operator"}),
        client.post(f"{GROUPS}{operators.pk}/delete/", {"post": "yes"}),
        client.post(f"{GROUPS}add/", {"name": "Own"}),
    ]

    assert [answer.status_code for answer in answers] == [403] * 3
    assert group("Operator").permissions.exists()
    assert client.get(GROUPS).status_code == 200


def test_who_may_only_look_sees_the_restriction_and_does_not_set_it(
    client: Client, cafe: Organization, bar: Organization
) -> None:
    sign_in(client, "auth.view_user")
    vera = User.objects.create_user("vera")
    restrict(vera, cafe)

    page = text(client.get(f"{USERS}{vera.pk}/change/", headers=ENGLISH))
    answer = save(client, vera, sees="all")

    assert "only these" in page
    assert cafe.name in page
    assert answer.status_code == 403
    assert seen_by(vera) == {cafe.name}
