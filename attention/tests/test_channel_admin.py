"""Channels in the admin: set, tried, shown without their secrets, each administrator's own."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from attention.admin import channels as pages
from attention.models.channels import Channel, Notification
from attention.models.items import AttentionItem, Severity
from attention.rules.channels import ChannelFails
from attention.rules.limits import limits_of
from attention.tests.receivers import NOON, Receiver, look, make_channel, make_item, receiving
from attention.watch import watch
from core.database import db_clock
from organizations.models.access import RestaurantAccess
from organizations.models.organization import Organization
from tests.builders import make_organization, make_other_organization

pytestmark = pytest.mark.django_db

LIST, ADD = "/admin/attention/channel/", "/admin/attention/channel/add/"
TELEGRAM = "tgram://123456789:AAqzxsecret_token-of-a-bot/-1001234567890"


@pytest.fixture
def place() -> Organization:
    return make_organization()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "TEST_AWAITED_S", 0)


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True
    with receiving() as one:
        yield one


def administrator(*restaurants: Organization) -> Client:
    """Sign in one who sees all restaurants, or these only."""
    user = User.objects.create_user(f"admin{User.objects.count()}", is_staff=True)
    user.groups.add(Group.objects.get(name="Administrator"))
    if restaurants:
        access = RestaurantAccess.objects.create(user=user, is_restricted=True)
        access.restaurants.set(restaurants)
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def form(**changes: Any) -> dict[str, Any]:
    usual = {
        "name": "Chefs",
        "is_active": "on",
        "address": TELEGRAM,
        "least_severity": "20",
        "most_per_hour": "20",
        "repeat_minutes": "0",
        "language": "ru",
        "critical_breaks_quiet": "on",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_channel_is_added_and_never_shown_with_its_address(place: Organization) -> None:
    client = administrator()
    before = db_clock.now()

    response = client.post(
        ADD, form(rules=["late", "problem"], restaurants=[place.pk], quiet_from="23:00", quiet_until="08:00")
    )

    assert response.status_code == 302, response.context["adminform"].form.errors
    channel = Channel.objects.get()
    assert response["Location"] == f"{LIST}{channel.pk}/change/"
    assert (channel.address, channel.rules) == (TELEGRAM, ["late", "problem"])
    assert channel.is_quiet_at(NOON.time().replace(hour=3))
    assert channel.active_since >= before
    page = client.get(f"{LIST}{channel.pk}/change/").content.decode()
    assert "tgram://…" in page
    for url in (LIST, f"{LIST}{channel.pk}/change/", f"{LIST}{channel.pk}/history/"):
        assert "qzxsecret" not in client.get(url).content.decode()


def test_empty_address_keeps_the_stored_one_and_a_new_one_is_not_tried(place: Organization) -> None:
    client = administrator()
    channel = make_channel(address=TELEGRAM, tried_at=NOON, last_error="http_401", failing_since=NOON)
    url = f"{LIST}{channel.pk}/change/"

    assert client.post(url, form(address="", name="Renamed")).status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.address, channel.tried_at) == ("Renamed", TELEGRAM, NOON)

    assert client.post(url, form(address="vk://token/2000000001")).status_code == 302
    channel.refresh_from_db()
    assert (channel.address, channel.tried_at, channel.last_error) == ("vk://token/2000000001", None, "")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"address": ""}, "address", "This field is required."),
        ({"address": "https://example.com"}, "address", "write json:// instead of http://"),
        ({"address": "jsons://10.0.0.1/qzxsecret"}, "address", "Write a public address."),
        ({"quiet_from": "23:00"}, "quiet_until", "Quiet hours need a beginning and an end."),
        ({"quiet_from": "23:00", "quiet_until": "23:00"}, "quiet_until", "They would end when they begin."),
        ({"most_per_hour": "0"}, "most_per_hour", "greater than or equal to 1"),
        ({"rules": ["nosuch"]}, "rules", "nosuch is not one of the available choices"),
    ],
)
def test_wrong_input_is_refused_in_words(changes: dict[str, Any], field: str, words: str) -> None:
    response = administrator().post(ADD, form(**changes))

    assert words in str(response.context["adminform"].form.errors[field])
    assert not Channel.objects.exists()
    assert "qzxsecret" not in response.content.decode()


def test_page_of_a_channel_loads_no_plug_in(place: Organization) -> None:
    channel = make_channel(address="qzxsecret", service="Telegram", shown_address="tgram://…")

    page = administrator().get(f"{LIST}{channel.pk}/change/").content.decode()

    assert "tgram://…" in page
    assert "Telegram" in page


def test_saving_leaves_what_a_sender_wrote_meanwhile(
    place: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = make_channel(address=TELEGRAM, failing_since=NOON, last_error="no_answer", leased_until=NOON)
    save = Channel.save

    def save_late(obj: Channel, **kwargs: Any) -> None:
        Channel.objects.filter(pk=obj.pk).update(failing_since=None, last_error="", last_sent_at=NOON)
        save(obj, **kwargs)

    monkeypatch.setattr(Channel, "save", save_late)
    administrator().post(f"{LIST}{channel.pk}/change/", form(address="", name="Renamed"))

    channel.refresh_from_db()
    assert (channel.name, channel.failing_since, channel.last_error) == ("Renamed", None, "")
    assert channel.last_sent_at == NOON


def test_inactive_channel_that_is_switched_on_begins_anew(place: Organization) -> None:
    channel = make_channel(is_active=False)
    before = db_clock.now()

    administrator().post(f"{LIST}{channel.pk}/change/", form(address=""))

    channel.refresh_from_db()
    assert channel.is_active
    assert channel.active_since >= before


def test_channel_is_deleted_with_its_log(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver)
    make_item(place)
    look(NOON)

    response = administrator().post(f"{LIST}{channel.pk}/delete/", {"post": "yes"})

    assert response.status_code == 302
    assert (Channel.objects.count(), Notification.objects.count()) == (0, 0)


# --- a test --------------------------------------------------------------------------------------------


def test_test_is_asked_for_and_sent_and_its_outcome_told(receiver: Receiver) -> None:
    client = administrator()
    channel = make_channel(receiver)
    url = f"{LIST}{channel.pk}/test/"

    assert "Send a test?" in client.get(url).content.decode()
    assert not Notification.objects.exists()
    assert said(client.post(url)) == [
        "The test is being sent. Reload the page in a moment; a worker must run."
    ]
    look(db_clock.now())

    page = client.get(f"{LIST}{channel.pk}/change/").content.decode()
    assert [body["title"] for body in receiver.bodies] == ["iikohub: a test"]
    assert "works" in page
    assert "Nobody knows yet" not in page


def test_outcome_of_a_test_is_told_at_once(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "TEST_AWAITED_S", 5)
    monkeypatch.setattr(pages, "enqueue_sending", lambda _pk: look(db_clock.now()))
    receiver.answers = [404]
    client = administrator()
    channel = make_channel(receiver)
    url = f"{LIST}{channel.pk}/test/"

    [text] = said(client.post(url))
    assert text.startswith("The test was not sent. The receiver knows no such address: ")
    assert text.endswith(" (HTTP 404)")
    page = client.get(f"{LIST}{channel.pk}/change/").content.decode()
    assert "Nothing arrives, since" in page
    assert said(client.post(url)) == ["The receiver took the test. See whether it has come."]


# --- whose ---------------------------------------------------------------------------------------------


def test_restricted_administrator_sees_and_makes_channels_of_own_restaurants(place: Organization) -> None:
    other = make_other_organization()
    client = administrator(place)
    mine, everybodys, theirs, both = (
        make_channel(None, *restaurants) for restaurants in ((place,), (), (other,), (place, other))
    )

    assert {one.pk for one in client.get(LIST).context["cl"].result_list} == {mine.pk}
    for hidden in (everybodys, theirs, both):
        assert client.get(f"{LIST}{hidden.pk}/change/").status_code in (302, 404)
        assert client.post(f"{LIST}{hidden.pk}/test/").status_code in (403, 404)
    assert Notification.objects.count() == 0
    refused = client.post(ADD, form())
    assert "required" in str(refused.context["adminform"].form.errors["restaurants"])
    refused = client.post(ADD, form(restaurants=[other.pk]))
    assert "restaurants" in refused.context["adminform"].form.errors
    assert client.post(ADD, form(restaurants=[place.pk])).status_code == 302


def lacking(*names: str) -> Client:
    """Sign in an administrator who lacks these permissions."""
    client = administrator()
    group = Group.objects.get(name="Administrator")
    for name in names:
        label, codename = name.split(".")
        group.permissions.remove(Permission.objects.get(content_type__app_label=label, codename=codename))
    return client


def test_channel_tells_no_rules_that_its_maker_may_not_see(place: Organization) -> None:
    client = lacking("orders.view_order")

    for rules in ([], ["late", "command_refused"]):
        refused = client.post(ADD, form(rules=rules)).context["adminform"].form
        assert "You may not see what these rules find" in str(refused.errors["rules"])

    assert client.post(ADD, form(rules=["webhook_unregistered"])).status_code == 302
    channel = make_channel(name="of another", address=TELEGRAM)
    url = f"{LIST}{channel.pk}/change/"
    usual = {"least_severity": "10", "language": "en", "name": "of another"}
    refused = client.post(url, form(**usual)).context["adminform"].form  # another address
    assert list(refused.errors) == ["rules"]
    assert client.post(url, form(**usual | {"address": "", "is_active": None})).status_code == 302
    refused = client.post(url, form(**usual | {"address": ""})).context["adminform"].form
    assert list(refused.errors) == ["rules"]
    assert (
        client.post(url, form(**usual | {"address": "", "is_active": None, "name": "x"})).status_code == 302
    )


def test_channel_names_guests_only_by_who_may_see_them(place: Organization) -> None:
    changes = form(allows_personal_data="on")

    refused = lacking("loyalty.view_personal_data").post(ADD, changes).context["adminform"].form

    assert list(refused.errors) == ["allows_personal_data"]
    Group.objects.get(name="Administrator").permissions.add(
        Permission.objects.get(content_type__app_label="loyalty", codename="view_personal_data")
    )
    assert administrator().post(ADD, changes).status_code == 302


def test_log_shows_what_was_sent_to_those_who_see_the_channel(
    receiver: Receiver, place: Organization
) -> None:
    channel = make_channel(receiver, place)
    receiver.answers = [401]
    make_item(place, severity=Severity.CRITICAL)
    look(NOON)
    url = reverse("admin:attention_notification_changelist")

    page = administrator(place).get(f"{url}?channel={channel.pk}&state=pending").content.decode()

    assert "Problem with an order · Кафе «Сирень»" in page
    assert "The receiver refuses the key, token or password" in page
    theirs = administrator(make_other_organization()).get(url)
    assert not theirs.context["cl"].result_list
    row = Notification.objects.get()
    assert "To be sent" in administrator().get(f"{url}{row.pk}/change/").content.decode()


def test_operators_set_no_channels() -> None:
    user = User.objects.create_user("operator", is_staff=True)
    user.groups.add(Group.objects.get(name="Operator"))
    client = Client()
    client.force_login(user)
    channel = make_channel()

    assert client.get(LIST).status_code == 403
    assert client.post(f"{LIST}{channel.pk}/test/").status_code == 403


# --- the rule ------------------------------------------------------------------------------------------


def test_channel_that_fails_needs_attention_until_something_arrives(receiver: Receiver) -> None:
    channel = make_channel(receiver, failing_since=NOON, last_error="no_answer")
    rule = ChannelFails()
    assert list(rule.find(NOON, limits_of([rule])[rule.name])) == []
    now = db_clock.now()

    watch(now, rules=[rule])
    look(now)
    assert receiver.got == []  # it does not tell of itself
    [item] = channel_items(channel)
    assert item.ended_at is None

    Channel.objects.update(failing_since=None)
    watch(now, rules=[rule])
    [item] = channel_items(channel)
    assert item.ended_at == now


def channel_items(channel: Channel) -> list[AttentionItem]:
    return list(AttentionItem.objects.filter(subject=f"channel:{channel.pk}"))
