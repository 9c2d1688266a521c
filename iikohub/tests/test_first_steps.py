"""The first steps: each says what is wrong, then that it is done, and goes by facts alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from attention.models.channels import Channel
from core.database import db_clock
from iikohub.first_steps.checklist import STEPS, checklist
from iikohub.first_steps.step import Finding
from iikohub.models import AddressCheck, ZoneConfirmation
from organizations.models.access import RestaurantAccess
from organizations.models.organization import Organization
from tests.builders import arrive, cloud_event, make_organization, make_other_organization
from tests.pages import markup, sign_in, sign_in_superuser, text
from tests.simulated_iiko import SimulatedIiko, linked, make_login, refusal
from webhooks.models.inbox import EventSource, WebhookConfig, WebhookEvent
from webhooks.tests.test_registration import DONE, EMPTY, URL, vendor_settings

pytestmark = pytest.mark.django_db

BASE = "https://hub.example.com"
PAGE = "/admin/first-steps/"
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def _address(settings: Settings) -> None:
    settings.WEBHOOK_BASE_URL = BASE
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def chief(client: Client) -> Client:
    sign_in_superuser(client)
    return client


def found(key: str) -> Finding:
    [step] = [one for one in STEPS if one.key == key]
    return step.look(db_clock.now())


def worded(finding: Finding) -> list[tuple[str, str]]:
    return [(row.name, row.words) for row in finding.rows]


# --- login -------------------------------------------------------------------------------------------------


def test_without_a_login_it_is_asked_for() -> None:
    finding = found("login")

    assert not finding.is_done
    assert finding.sentence == "The hub has no API login, so it knows of no restaurants."
    assert finding.link is not None
    assert finding.link.url == "/admin/organizations/apilogin/add/"


def test_restaurants_added_by_hand_are_told_of() -> None:
    make_organization()

    assert found("login").sentence.startswith("1 restaurant was added by hand.")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, "The restaurants of “main” are being read."),
        ({"last_error": "HTTP 401"}, "The restaurants of “main” could not be read: HTTP 401"),
        ({"sync_error": "no answer"}, "The restaurants of “main” could not be read: no answer"),
        ({"synced_at": True}, "iiko offers no restaurant with this login."),
    ],
)
def test_login_that_brought_nothing_says_why(state: dict[str, Any], words: str) -> None:
    if state.get("synced_at"):
        state = {"synced_at": db_clock.now()}
    login = make_login(**state)

    finding = found("login")

    assert (finding.is_done, finding.sentence) == (False, words)
    assert finding.link is not None
    assert finding.link.url == f"/admin/organizations/apilogin/{login.pk}/change/"


def test_login_names_the_restaurants_it_found() -> None:
    make_login(synced_at=db_clock.now())
    make_organization()
    make_other_organization()

    finding = found("login")

    assert (finding.is_done, finding.sentence) == (True, "Found: 2 restaurants (Бар «Клён»; Кафе «Сирень»).")


def test_login_that_is_switched_off_does_not_count() -> None:
    make_login(synced_at=db_clock.now(), is_active=False)

    assert not found("login").is_done


# --- time zones --------------------------------------------------------------------------------------------


def confirm(client: Client) -> None:
    """Press the button of the page as it is shown now."""
    button = found("zones").button
    assert button is not None
    client.post(
        button.url, {name: [value for _name, value in button.hidden] for name, _value in button.hidden}
    )


def test_zones_are_confirmed_by_a_person_and_anew_for_what_is_new(chief: Client) -> None:
    assert found("zones").sentence == "There are no restaurants yet: they come with the API login."
    make_organization()
    finding = found("zones")
    assert finding.sentence == "Nobody has looked at the time zone of 1 restaurant."
    [(name, words)] = worded(finding)
    assert name == "Кафе «Сирень»"
    assert words.endswith("UTC+5, Asia/Yekaterinburg")

    confirm(chief)

    assert found("zones").is_done
    assert found("zones").sentence.startswith("Looked at by chief, ")
    assert ZoneConfirmation.objects.get().confirmed_by == "chief"

    make_other_organization()

    assert not found("zones").is_done
    assert [name for name, _words in worded(found("zones"))] == ["Бар «Клён»"]


def test_zone_that_is_changed_wants_another_look(chief: Client) -> None:
    make_organization()
    confirm(chief)

    Organization.objects.update(timezone="Europe/Moscow")

    assert not found("zones").is_done
    confirm(chief)
    assert found("zones").is_done
    assert ZoneConfirmation.objects.get().timezone == "Europe/Moscow"


def test_zone_that_changed_after_it_was_shown_is_not_confirmed(chief: Client) -> None:
    organization = make_organization()
    shown = f"{organization.iiko_id}|Asia/Yekaterinburg"
    Organization.objects.update(timezone="Europe/Moscow")

    page = chief.post(f"{PAGE}zones/", {"zone": [shown, "nobody|Europe/Moscow", "junk"]}, follow=True)

    assert "The time zones of 0 restaurants are confirmed." in page.text
    assert not ZoneConfirmation.objects.exists()


# --- registration ------------------------------------------------------------------------------------------


def test_registration_waits_for_address_restaurants_and_login(settings: Settings) -> None:
    assert found("registration").sentence == "There are no restaurants yet: they come with the API login."
    make_organization()
    assert found("registration").sentence.startswith("No restaurant has an API login")
    settings.WEBHOOK_BASE_URL = ""
    assert found("registration").sentence.startswith("The hub has no address yet")


def rows_of(client: Client, **data: str) -> list[str]:
    """Ask for the rows of the page as it is open, one after the other."""
    page = markup(client.get(f"{PAGE}register/"))
    urls = [part.split('"')[0] for part in page.split('hx-post="')[1:]]
    return [text(client.post(url, data, headers=ENGLISH)) for url in urls]


def test_all_are_registered_after_a_look_at_what_would_change(chief: Client, iiko: SimulatedIiko) -> None:
    login = make_login()
    for organization in (make_organization(), make_other_organization()):
        linked(organization, login)
    finding = found("registration")
    assert finding.sentence.startswith("2 restaurants are not registered")
    assert finding.link is not None
    assert finding.link.url == f"{PAGE}register/"
    iiko.answers("webhooks/settings", EMPTY)
    iiko.answers("webhooks/update_settings", DONE)

    looked = rows_of(chief, dry_run="1")

    changes = "would be registered Would change in iiko: the address, the token, the kinds of events."
    assert looked == [f"Бар «Клён» {changes}", f"Кафе «Сирень» {changes}"]
    assert "webhooks/update_settings" not in iiko.operations()
    assert not found("registration").is_done

    done = rows_of(chief)

    assert done == [
        "Бар «Клён» registered iiko sends its webhooks here now.",
        "Кафе «Сирень» registered iiko sends its webhooks here now.",
    ]
    assert [body["webHooksUri"] for body in iiko.bodies("webhooks/update_settings")] == [URL, URL]
    assert found("registration").is_done
    assert found("registration").sentence == "iiko sends the webhooks of 2 restaurants here."


def test_foreign_address_is_left_and_leads_to_the_webhook(chief: Client, iiko: SimulatedIiko) -> None:
    linked(make_organization())
    iiko.answers("webhooks/settings", vendor_settings(webHooksUri="https://shop.example/hook?key=1"))

    [row] = rows_of(chief)

    assert "another integration iiko sends to https://shop.example/hook?… for this login." in row
    assert "To its webhook" in row
    assert "webhooks/update_settings" not in iiko.operations()
    assert worded(found("registration")) == [("Кафе «Сирень»", "iiko sends to somebody else")]


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (refusal("Too many requests."), 429, "not now"),
        (refusal("Login is blocked.", "AUTH"), 401, "failed"),
    ],
)
def test_refusal_of_iiko_is_told_in_the_row(
    chief: Client, iiko: SimulatedIiko, answer: dict[str, Any], status: int, said: str
) -> None:
    linked(make_organization())
    iiko.answers("webhooks/settings", answer, status=status)

    [row] = rows_of(chief)

    assert row.startswith(f"Кафе «Сирень» {said}")
    assert not found("registration").is_done


def test_address_that_was_changed_wants_another_registration(settings: Settings) -> None:
    linked(make_organization())
    WebhookConfig.objects.update(registration_status="registered", webhook_url=URL)
    assert found("registration").is_done

    settings.WEBHOOK_BASE_URL = "https://new.example.com"

    assert worded(found("registration")) == [("Кафе «Сирень»", "registered at another address")]


def test_webhook_that_is_switched_off_is_left_alone() -> None:
    linked(make_organization())
    WebhookConfig.objects.update(is_active=False)

    assert found("registration").is_done


# --- worker, events, people --------------------------------------------------------------------------------


def beat(age_s: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (%s)",
            [db_clock.now() - timedelta(seconds=age_s)],
        )


def test_worker_is_alive_by_its_heartbeat() -> None:
    assert found("worker").sentence.startswith("No worker runs")
    beat(3 * 60)
    assert not found("worker").is_done
    assert found("worker").sentence.endswith("The last sign of life came 3 min ago.")

    beat(5)

    assert found("worker").is_done
    assert found("worker").sentence == "1 worker runs."


def test_restaurant_that_was_never_registered_is_not_quiet() -> None:
    make_organization()
    make_other_organization()
    WebhookConfig.objects.filter(organization__name="Бар «Клён»").update(
        registration_status="registered", last_registration=db_clock.now() - timedelta(hours=2)
    )

    finding = found("events")

    assert finding.sentence == "No event of 2 restaurants has come yet."
    assert worded(finding) == [
        ("Бар «Клён»", "registered 2 h ago, nothing came since"),
        ("Кафе «Сирень»", "never registered by the hub"),
    ]


def test_first_event_of_each_restaurant_ends_the_step() -> None:
    make_organization()
    other = make_other_organization()
    arrive(cloud_event())
    # What the hub read itself proves nothing.
    WebhookEvent.objects.create(
        organization_id=other.iiko_id,
        event_type="x",
        format="cloud",
        source=EventSource.RECONCILE,
        digest="d",
        dedup_key="k",
    )
    assert [name for name, _words in worded(found("events"))] == ["Бар «Клён»"]

    WebhookEvent.objects.update(source=EventSource.WEBHOOK)

    assert found("events").is_done
    assert found("events").sentence == "Events of all 2 restaurants have come."


def test_people_are_those_who_work_with_orders() -> None:
    User.objects.create_superuser("chief")
    assert found("people").sentence == "Nobody but the administrator may sign in."

    person = User.objects.create_user("someone", is_staff=True)
    finding = found("people")
    assert finding.sentence.endswith("nobody works with orders. Without a group: someone.")
    assert finding.link is not None
    assert finding.link.url == "/admin/auth/user/"

    person.groups.add(Group.objects.get(name="Administrator"))
    assert found("people").sentence == "Nobody is a Dispatcher or an Operator: nobody works with orders."

    person.groups.add(Group.objects.get(name="Dispatcher"))
    assert found("people").is_done
    assert found("people").sentence == "1 person works with orders (Dispatcher, Operator)."

    User.objects.filter(pk=person.pk).update(is_active=False)
    assert not found("people").is_done


def test_channel_counts_once_a_test_has_arrived_by_it() -> None:
    assert found("channels").sentence.startswith("Nobody is told when something needs attention")
    channel = Channel.objects.create(name="Shift", address="json://x.example", active_since=db_clock.now())
    finding = found("channels")
    assert finding.sentence == "No test has arrived by “Shift” yet."
    assert finding.link is not None
    assert finding.link.url == f"/admin/attention/channel/{channel.pk}/change/"

    Channel.objects.update(tried_at=db_clock.now() - timedelta(minutes=5))

    assert (found("channels").is_done, found("channels").sentence) == (
        True,
        "The receiver took the test sent by “Shift”, 5 min ago.",
    )
    Channel.objects.update(failing_since=db_clock.now(), last_error="http_401")
    finding = found("channels")
    assert (finding.is_done, finding.sentence) == (False, "Nothing arrives by “Shift”.")
    assert finding.advice.startswith("The receiver refuses the key")
    Channel.objects.update(failing_since=None)
    Channel.objects.update(is_active=False)
    assert not found("channels").is_done


# --- the page ----------------------------------------------------------------------------------------------


def make_all_done() -> None:
    linked(make_organization(), make_login(synced_at=db_clock.now()))
    now = db_clock.now()
    WebhookConfig.objects.update(
        registration_status="registered", webhook_url=URL, last_registration=now - timedelta(minutes=1)
    )
    arrive(cloud_event())
    AddressCheck.objects.create(pk=1, base_url=BASE, outcome="ok", asked_at=now)
    ZoneConfirmation.objects.create(
        organization=Organization.objects.get(),
        timezone="Asia/Yekaterinburg",
        confirmed_by="chief",
        confirmed_at=now,
    )
    Channel.objects.create(name="Shift", address="json://x.example", active_since=now, tried_at=now)
    beat(5)
    User.objects.create_user("someone").groups.add(Group.objects.get(name="Operator"))


def test_overview_shows_one_line_once_all_is_done(chief: Client) -> None:
    make_all_done()

    overview, page = (text(chief.get(path, headers=ENGLISH)) for path in ("/admin/", PAGE))

    assert "First steps : all done" in overview
    assert "To the first steps" not in overview
    assert "All first steps are done." in page

    make_other_organization()

    overview = text(chief.get("/admin/", headers=ENGLISH))
    assert (
        "First steps: 6 of 8 done 3. Time zones Nobody has looked at the time zone of 1 restaurant."
        in overview
    )


def test_queries_do_not_grow_with_the_restaurants(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    login = make_login(synced_at=db_clock.now())
    for number in range(30):
        linked(make_organization(iiko_id=f"id-{number}", name=f"Место {number}", token=None), login)

    # The address and whether events prove it, logins, names, zones, what can be registered and its settings,
    # workers, first events and their settings, people, channels.
    with django_assert_num_queries(12):
        found = checklist(db_clock.now())

    finding = found.entries[2].finding
    assert (len(finding.shown_rows), finding.more_rows) == (20, 10)


@pytest.mark.parametrize(
    ("group", "is_restricted", "status"),
    [
        ("Dispatcher", False, 403),
        ("Operator", False, 403),
        ("Administrator", True, 403),
        ("Administrator", False, 200),
    ],
)
def test_first_steps_are_for_who_may_set_up_all_restaurants(
    client: Client, group: str, is_restricted: bool, status: int
) -> None:
    place = make_organization()
    user = sign_in(client)
    user.groups.add(Group.objects.get(name=group))
    if is_restricted:
        RestaurantAccess.objects.create(user=user, is_restricted=True).restaurants.add(place)

    asked = [client.get(PAGE), client.get(f"{PAGE}register/")]
    pressed = [client.post(f"{PAGE}{path}") for path in ("address/", "zones/", f"register/{place.pk}/")]

    assert {one.status_code for one in asked} == {status}
    assert [one.status_code for one in pressed] == ([302, 302, 404] if status == 200 else [403, 403, 403])
    overview = client.get("/admin/").text
    assert (PAGE in overview) == (status == 200)


def test_stranger_is_sent_to_the_sign_in_page(client: Client) -> None:
    for path in ("", "register/"):
        answer = client.get(f"{PAGE}{path}")
        assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={PAGE}{path}")


def test_buttons_take_posts_alone(chief: Client) -> None:
    make_organization()

    assert [chief.get(f"{PAGE}{path}").status_code for path in ("address/", "zones/", "register/1/")] == [
        405
    ] * 3
