"""What leaves an entry, and what it keeps."""

from base64 import b32decode
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP
from pytest_django import Settings

from audit.entries import record
from audit.models import ActorKind, AuditEntry, Door, Outcome
from audit.trail import CommandTrail, following
from core.database import db_clock
from iikohub.models.sign_in import SecondFactor
from iikohub.sign_in import second_factor
from orders.models.order import Order
from organizations.models.access import RestaurantAccess
from organizations.models.api_keys import ApiKey
from organizations.models.organization import Organization
from organizations.provisioning import create_api_key
from outbound.models.deliveries import Delivery, DeliveryState
from outbound.models.subscriptions import Subscription
from outbound.tests.deliveries import make_delivery
from tests.builders import ORGANIZATION_ID, arrive, authorized, cloud_event, make_key, make_organization
from webhooks.models.inbox import WebhookConfig

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> User:
    user = User.objects.create_superuser("boss", password="a long password")
    client.force_login(user)
    return user


def entry(**where: Any) -> Any:  # untyped, so that a test may reach into its values
    return AuditEntry.objects.get(**where)


def make_order() -> Order:
    make_organization()
    arrive(cloud_event())
    return Order.objects.get()


# --- who, from where, what, before and after ------------------------------------------------------------


def test_switching_a_key_off_says_who_from_where_and_what(
    client: Client, boss: User, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = 1
    key, _text = create_api_key(name="Shop", organization_ids=[])
    assert not AuditEntry.objects.exists()  # nobody acts here

    page = reverse("admin:organizations_apikey_change", args=[key.pk])
    answer = client.post(
        page,
        {"name": "Shop", "sees_all": "on"},
        REMOTE_ADDR="10.0.0.1",
        HTTP_X_FORWARDED_FOR="6.6.6.6, 203.0.113.7",
        HTTP_USER_AGENT="Firefox",
    )

    assert answer.status_code == 302
    found = entry()
    assert (found.actor_kind, found.actor, found.user_id) == ("person", "boss", boss.pk)
    assert (found.address, found.user_agent, found.door) == ("203.0.113.7", "Firefox", "admin")
    assert (found.act, found.outcome, found.path) == ("changed", "done", page)
    assert (found.subject, found.subject_text) == (f"organizations.apikey:{key.pk}", "Shop")
    assert (found.before["is_active"], found.after["is_active"]) == (True, False)


def test_links_of_a_person_join_the_entry_of_the_person_and_their_names_are_not_kept(
    client: Client, boss: User
) -> None:
    group = Group.objects.get(name="Operator")
    anna = User.objects.create_user("anna", is_staff=True)

    page = reverse("admin:auth_user_change", args=[anna.pk])
    given = {"username": "anna.k", "first_name": "Anna", "is_active": "on", "sees": "all"}
    client.post(page, given | {"groups": [group.pk]})

    found = entry(subject=f"auth.user:{anna.pk}")
    assert found.before == {"username": "anna", "first_name": "", "groups": []}
    assert found.after == {"username": "anna.k", "first_name": "***", "groups": ["Оператор"]}
    access = entry(subject=f"organizations.restaurantaccess:{anna.pk}")
    assert (access.act, access.about) == ("created", f"auth.user:{anna.pk}")


def test_password_is_said_to_have_changed_and_no_more(client: Client, boss: User) -> None:
    anna = User.objects.create_user("anna", password="before")

    page = reverse("admin:auth_user_password_change", args=[anna.pk])
    new = {"password1": "quite a long one", "password2": "quite a long one", "usable_password": "true"}
    client.post(page, new)

    found = entry(subject=f"auth.user:{anna.pk}")
    assert (found.act, found.before, found.after) == (
        "password_changed",
        {"password": "***"},
        {"password": "***"},
    )


def test_token_of_webhooks_is_not_kept(client: Client) -> None:
    make_organization()
    config = WebhookConfig.objects.get()
    key = make_key()

    answer = client.patch(
        f"/api/v1/webhooks/configs/{config.pk}",
        {"auth_token": "another-long-token"},
        content_type="application/json",
        headers=authorized(key),
    )

    assert answer.status_code == 200, answer.content
    found = entry()
    assert (found.actor_kind, found.actor) == ("key", f"shop ({ApiKey.objects.get().prefix}…)")
    assert (found.act, found.door, found.organization_iiko_id) == (
        "webhook_settings_set",
        "api",
        ORGANIZATION_ID,
    )
    assert found.after["auth_token"] == "***"
    assert "another-long-token" not in str(vars(found))


def test_deleting_says_what_there_was(client: Client, boss: User) -> None:
    group = Group.objects.create(name="Couriers' desk")

    client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})

    found = entry()
    assert (found.act, found.subject_text) == ("deleted", "Couriers' desk")
    assert (found.before, found.after) == ({"name": "Couriers' desk"}, None)


# --- what is refused, and what changes nothing ----------------------------------------------------------


def test_refused_action_has_its_code_its_order_and_its_restaurant(client: Client) -> None:
    order = make_order()
    Order.objects.update(status="Closed")

    answer = client.post(
        f"/api/v1/orders/{order.pk}/cancel",
        {"cause_id": str(uuid4())},
        content_type="application/json",
        headers=authorized(make_key()),
    )

    found = entry()
    assert answer.status_code >= 400
    assert (found.act, found.outcome, found.code) == (
        "order_cancel",
        "refused",
        answer.json()["errors"][0]["code"],
    )
    assert (found.subject, found.organization_iiko_id) == (f"orders.order:{order.pk}", ORGANIZATION_ID)


def test_person_without_the_right_is_refused_by_name(client: Client) -> None:
    client.force_login(User.objects.create_user("anna", is_staff=True))
    key, _text = create_api_key(name="Shop", organization_ids=[])

    answer = client.post(reverse("admin:organizations_apikey_change", args=[key.pk]), {"name": "Mine"})

    assert answer.status_code == 403
    found = entry()
    assert (found.actor, found.act, found.outcome, found.code) == ("anna", "changed", "refused", "403")
    assert found.subject == f"organizations.apikey:{key.pk}"


def test_form_that_changes_nothing_says_so(client: Client, boss: User) -> None:
    group = Group.objects.create(name="Desk")

    client.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "Desk"})

    assert (entry().act, entry().outcome, entry().before) == ("changed", "unchanged", None)


def test_strangers_do_not_fill_the_log(client: Client) -> None:
    client.post(reverse("admin:auth_group_add"), {"name": "Mine"})
    client.post("/api/v1/orders/1/cancel", headers=authorized("hub_wrong_key"))

    assert not AuditEntry.objects.exists()


# --- with the change, or not at all ---------------------------------------------------------------------


@pytest.fixture
def _acting() -> Iterator[None]:
    with following(CommandTrail(Door.COMMAND, "test")):
        yield


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_acting")
def test_change_whose_entry_cannot_be_written_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group.objects.create(name="Desk")
    AuditEntry.objects.all().delete()
    monkeypatch.setattr(AuditEntry.objects, "create", lambda **_: (_ for _ in ()).throw(IntegrityError()))

    group.name = "Other"
    with pytest.raises(IntegrityError):
        group.save()

    assert Group.objects.filter(pk=group.pk).values_list("name", flat=True).get() == "Desk"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_acting")
def test_change_that_fails_leaves_no_entry() -> None:
    Group.objects.create(name="Desk")
    AuditEntry.objects.all().delete()

    with pytest.raises(IntegrityError):
        Group.objects.create(name="Desk")

    assert not AuditEntry.objects.exists()


def test_machines_leave_none(client: Client) -> None:
    make_order()

    assert not AuditEntry.objects.exists()


# --- commands, lists taken away, coming and going -------------------------------------------------------


def test_command_says_who_ran_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "olga")
    monkeypatch.delenv("SUDO_USER", raising=False)

    call_command("create_api_key", "Shop", stdout=StringIO())

    found = entry()
    assert (found.actor_kind, found.actor, found.door) == ("command_line", "command line: olga", "command")
    assert (found.path, found.act, found.subject_text) == ("create_api_key", "created", "Shop")
    assert (found.after["digest"], found.address) == ("***", None)


def test_command_that_is_refused_says_so() -> None:
    with pytest.raises(CommandError):
        call_command("register_webhooks", stdout=StringIO())

    found = entry()
    assert (found.act, found.subject_text) == ("command_run", "manage.py register_webhooks")
    assert (found.outcome, found.code) == ("refused", "command_error")


def test_list_that_is_taken_away_is_an_act(client: Client, boss: User) -> None:
    make_order()

    b"".join(client.get(reverse("admin:orders_order_export"), {"q": "79161234567"}).streaming_content)  # type: ignore[attr-defined]
    b"".join(client.get("/api/v1/orders", {"format": "csv"}).streaming_content)  # type: ignore[attr-defined]

    by_page, by_api = AuditEntry.objects.order_by("id")
    assert (by_page.act, by_page.subject_text, by_page.actor) == ("list_exported", "orders.order", "boss")
    assert by_page.after == {"kind": "csv", "filters": ["q"]}
    assert (by_api.subject_text, by_api.door) == ("orders", "api")


def test_coming_and_going(client: Client) -> None:
    User.objects.create_superuser("boss", password="a long password")

    client.post(reverse("admin:login"), {"username": "boss", "password": "a wrong one"})
    assert not AuditEntry.objects.exists()  # django-axes has it
    client.post(reverse("admin:login"), {"username": "boss", "password": "a long password"})
    client.post(reverse("admin:logout"))

    acts = AuditEntry.objects.order_by("id").values_list("act", "actor", "address")
    assert list(acts) == [("signed_in", "boss", "127.0.0.1"), ("signed_out", "boss", "127.0.0.1")]


def made_two_stepped(boss: User) -> str:
    """Switch the second step on; return a recovery code."""
    second_factor.begin(boss)
    totp = TOTP(b32decode(SecondFactor.objects.get().secret))
    totp.time = db_clock.now().timestamp() - 30
    return second_factor.confirm(boss, f"{totp.token():06d}", now=db_clock.now()).recovery_codes[0]


def test_who_owes_the_second_step_is_named_and_signed_in_once_it_is_taken(client: Client) -> None:
    boss = User.objects.create_superuser("boss", password="a long password")
    code = made_two_stepped(boss)

    client.post(reverse("admin:login"), {"username": "boss", "password": "a long password"})
    client.post(reverse("sign_in:code"), {"code": "000000"})
    client.post(reverse("attention-list"))
    client.post(reverse("sign_in:code"), {"code": code})

    entries = AuditEntry.objects.order_by("id")
    assert [(one.act, one.outcome, one.code) for one in entries] == [
        ("password_given", "done", ""),
        ("code_refused", "refused", "wrong_code"),
        ("other", "refused", "not_authenticated"),
        ("recovery_code_used", "done", ""),
        ("signed_in", "done", ""),
    ]
    assert {(one.actor_kind, one.actor, one.user_id) for one in entries} == {("person", "boss", boss.pk)}
    assert entries[3].after == {"recovery_digests": "***"}


def test_burst_of_wrong_codes_is_one_entry_with_their_count_addresses_and_last_time(client: Client) -> None:
    boss = User.objects.create_superuser("boss", password="a long password")
    code = made_two_stepped(boss)
    client.post(reverse("admin:login"), {"username": "boss", "password": "a long password"})

    for number in range(7):
        client.post(reverse("sign_in:code"), {"code": "000000"}, REMOTE_ADDR=f"192.0.2.{number % 2}")

    first, later = AuditEntry.objects.filter(act="code_refused").order_by("id")
    assert (first.code, later.code) == ("wrong_code", "too_many_wrong_codes")
    assert first.after is not None
    assert (first.after["tries"], first.after["addresses"]) == (4, ["192.0.2.0", "192.0.2.1"])
    assert datetime.fromisoformat(first.after["last_at"]) > first.at
    assert later.after is not None
    assert (later.after["tries"], later.after["addresses"]) == (3, ["192.0.2.0", "192.0.2.1"])

    hour_ago = db_clock.now() - timedelta(hours=1)
    AuditEntry.objects.filter(pk=later.pk).update(at=hour_ago)
    client.post(reverse("sign_in:code"), {"code": "000000"})
    assert AuditEntry.objects.filter(act="code_refused").count() == 3

    SecondFactor.objects.update(wrong_codes=0, wrong_code_at=None)
    client.post(reverse("sign_in:code"), {"code": code})
    before = AuditEntry.objects.count()
    for _ in range(2):
        client.post(reverse("sign_in:two-steps"), {"act": "off", "code": "000000"})
    assert AuditEntry.objects.count() == before  # one's own page counts in the same burst
    first.refresh_from_db()
    assert first.after["tries"] == 6


def test_hub_shell_and_details_of_acts_are_named_in_russian(client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    by_hub = record("events_redelivered", after={"since": db_clock.now(), "only_failed": True, "count": 3})
    with following(CommandTrail(Door.COMMAND, "test")):
        by_shell = record("command_run")
    russian = {"Accept-Language": "ru"}

    page = client.get(reverse("admin:audit_auditentry_change", args=[by_hub.pk]), headers=russian)
    shell = client.get(reverse("admin:audit_auditentry_change", args=[by_shell.pk]), headers=russian)
    listed = client.get(reverse("admin:audit_auditentry_changelist"), headers=russian).content.decode()

    for words in ("Сам хаб", "С какого времени", "Только недоставленные", "Сколько"):
        assert words.lower() in page.content.decode().lower()
    user = by_shell.actor.partition(": ")[2]
    assert f"командная строка: {user}" in shell.content.decode()
    assert f"командная строка: {user}" in listed
    assert "сам хаб" in listed


def test_setting_the_second_step_up_signs_in_who_owes_it(client: Client, settings: Settings) -> None:
    settings.SECOND_FACTOR_FOR_SUPERUSERS = True
    User.objects.create_superuser("boss", password="a long password")

    client.post(reverse("admin:login"), {"username": "boss", "password": "a long password"})
    client.post(reverse("sign_in:two-steps"), {"act": "begin"})
    totp = TOTP(b32decode(SecondFactor.objects.get().secret))
    totp.time = db_clock.now().timestamp()
    client.post(reverse("sign_in:two-steps"), {"act": "confirm", "code": f"{totp.token():06d}"})

    entries = AuditEntry.objects.order_by("id").values_list("act", "actor", "outcome")
    assert list(entries) == [
        ("password_given", "boss", "done"),
        ("second_factor_set", "boss", "done"),
        ("second_factor_set", "boss", "done"),
        ("signed_in", "boss", "done"),
    ]


def test_taking_the_second_step_off_and_signing_out_everywhere_are_named(client: Client, boss: User) -> None:
    anna = User.objects.create_user("anna")
    made_two_stepped(anna)

    for page in ("admin:auth_user_two_steps_off", "admin:auth_user_sign_out"):
        assert client.post(reverse(page, args=[anna.pk])).status_code == 302

    entries = AuditEntry.objects.order_by("id").values_list("act", "actor", "about", "outcome")
    assert list(entries) == [
        ("second_factor_reset", "boss", f"auth.user:{anna.pk}", "done"),
        ("signed_out_everywhere", "boss", f"auth.user:{anna.pk}", "done"),
    ]


@pytest.mark.parametrize("door", ["admin", "api"])
def test_sending_again_says_since_when_and_how_many(client: Client, boss: User, door: str) -> None:
    subscription = Subscription.objects.create(
        name="Shop", url="https://example.org", shown_host="x", secret="s"
    )
    delivery = make_delivery(subscription, state=DeliveryState.DELIVERED)
    since = db_clock.now() - timedelta(hours=1)

    if door == "admin":
        client.post(reverse("admin:outbound_subscription_redeliver", args=[subscription.pk]), {"since": "1h"})
    else:
        page = reverse("subscription-redeliver", args=[subscription.pk])
        client.post(page, {"since": since.isoformat()}, content_type="application/json")

    found = entry()
    assert (found.act, found.outcome, found.door) == ("events_redelivered", "done", door)
    assert (found.subject, found.after["count"]) == (f"outbound.subscription:{subscription.pk}", 1)
    assert abs(datetime.fromisoformat(found.after["since"]) - since) < timedelta(minutes=1)

    AuditEntry.objects.all().delete()
    Delivery.objects.update(state=DeliveryState.DELIVERED)
    page = "admin:outbound_delivery_redeliver" if door == "admin" else "delivery-redeliver"
    client.post(reverse(page, args=[delivery.pk]), {} if door == "admin" else "{}", **BODY[door])
    assert (entry().act, entry().subject) == ("delivery_redelivered", f"outbound.delivery:{delivery.pk}")

    AuditEntry.objects.all().delete()
    Subscription.objects.update(is_active=False)
    client.post(reverse(page, args=[delivery.pk]), {} if door == "admin" else "{}", **BODY[door])
    assert (entry().act, entry().outcome, entry().code) == (
        "delivery_redelivered",
        "refused",
        "subscription_off",
    )


BODY: dict[str, Any] = {"admin": {}, "api": {"content_type": "application/json"}}


def test_commands_of_django_that_make_people_and_passwords_leave_entries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "harbour-lantern-27")
    call_command(
        "createsuperuser", "--noinput", "--username=anna", "--email=anna@example.org", stdout=StringIO()
    )

    made = entry()
    assert (made.act, made.subject_text, made.door, made.path) == (
        "created",
        "anna",
        "command",
        "createsuperuser",
    )
    assert (made.after["password"], made.after["email"], made.after["is_superuser"]) == ("***", "***", True)

    monkeypatch.setattr("getpass.getpass", lambda prompt="": "lantern-harbour-72")
    call_command("changepassword", "anna", stdout=StringIO())

    changed = AuditEntry.objects.latest("id")
    assert (changed.act, changed.path, changed.after) == ("changed", "changepassword", {"password": "***"})
    assert User.objects.get().check_password("lantern-harbour-72")


def test_hub_itself_may_leave_an_entry() -> None:
    organization = make_organization()

    found = record("person_erased", organization, after={"rows": 3})

    assert (found.actor_kind, found.door) == (ActorKind.HUB, Door.BACKGROUND)
    assert (found.organization_iiko_id, found.outcome, found.after) == (
        ORGANIZATION_ID,
        Outcome.DONE,
        {"rows": 3},
    )


# --- the page -------------------------------------------------------------------------------------------


def make_entry(**changes: Any) -> AuditEntry:
    facts: dict[str, Any] = {
        "at": timezone.now(),
        "actor_kind": ActorKind.PERSON,
        "actor": "anna",
        "door": Door.ADMIN,
        "path": "/admin/",
        "request_id": uuid4(),
        "act": "changed",
        "outcome": Outcome.DONE,
    }
    return AuditEntry.objects.create(**facts | changes)


def test_page_shows_both_sides_and_nothing_can_be_changed(client: Client, boss: User) -> None:
    found = make_entry(
        subject="organizations.apikey:5",
        subject_text="Shop",
        before={"is_active": True, "digest": "***"},
        after={"is_active": False, "digest": "***"},
    )
    page = reverse("admin:audit_auditentry_change", args=[found.pk])

    shown = client.get(page)
    posted = client.post(page, {"actor": "nobody"})
    deleted = client.post(reverse("admin:audit_auditentry_delete", args=[found.pk]), {"post": "yes"})
    bulk = {"action": "delete_selected", "_selected_action": [found.pk], "post": "yes"}
    client.post(reverse("admin:audit_auditentry_changelist"), bulk)

    assert shown.context["changes"] == [
        ("Digest", "не показано", "не показано"),
        ("Включено", "да", "нет"),
    ]
    assert (posted.status_code, deleted.status_code) == (403, 403)
    assert AuditEntry.objects.get(pk=found.pk).actor == "anna"


def test_restricted_person_sees_entries_of_their_restaurants(client: Client) -> None:
    mine = make_organization()
    make_entry(organization_iiko_id=mine.iiko_id, subject_text="of mine")
    make_entry(organization_iiko_id=str(uuid4()), subject_text="of theirs")
    make_entry(subject_text="of none")
    user = User.objects.create_user("anna", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    access = RestaurantAccess.objects.create(user=user, is_restricted=True)
    access.restaurants.add(Organization.objects.get())
    client.force_login(user)

    listed = client.get(reverse("admin:audit_auditentry_changelist")).context["cl"].queryset

    assert [one.subject_text for one in listed] == ["of mine"]


def test_history_of_an_object_leads_to_its_entries(client: Client, boss: User) -> None:
    organization = make_organization()
    make_entry(subject=f"organizations.organization:{organization.pk}", subject_text="itself")
    make_entry(about=f"organizations.organization:{organization.pk}", subject_text="a part of it")
    make_entry(subject="organizations.organization:0", subject_text="another")

    page = client.get(
        reverse("admin:organizations_organization_history", args=[organization.pk]), follow=True
    )

    listed = page.context["cl"].queryset
    assert [one.subject_text for one in listed] == ["a part of it", "itself"]


def test_old_entries_are_forgotten() -> None:
    now = timezone.now()
    make_entry(at=now - timedelta(days=366))
    young = make_entry(at=now - timedelta(days=364))

    call_command("prune", "--table", "audit_entries")

    assert list(AuditEntry.objects.exclude(act="command_run")) == [young]
