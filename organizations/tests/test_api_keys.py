"""API keys of integrators: creating them, what is stored of them, what they give access to."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from orders.models.order import Order
from organizations.errors import UnknownOrganization
from organizations.models.api_keys import ApiKey, KeyRight
from organizations.provisioning import create_api_key
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    authorized,
    cloud_event,
    drain,
    inbox,
    make_key,
    make_organization,
    make_other_organization,
    post,
)

pytestmark = pytest.mark.django_db

URL = "/api/v1/webhooks/events"


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("create_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_command_prints_the_key_alone(client: Client) -> None:
    out = command("shop")

    assert re.fullmatch(r"iih_[0-9a-f]{8}_[\w-]{43}\n", out, re.ASCII)
    assert client.get(URL, headers=authorized(out.strip())).status_code == 200
    row = ApiKey.objects.get()
    assert (row.name, row.sees_all, row.is_active, str(row)) == ("shop", True, True, "shop")


@pytest.mark.parametrize(
    ("arguments", "rights"),
    [
        ((), set(KeyRight)),
        (("--read-only",), set()),
        (("--right", "loyalty"), {KeyRight.LOYALTY}),
        (("--right", "act", "--right", "webhooks"), {KeyRight.ACT, KeyRight.WEBHOOKS}),
    ],
)
def test_command_gives_all_rights_unless_it_is_told_which(
    arguments: tuple[str, ...], rights: set[KeyRight]
) -> None:
    command("shop", *arguments)

    assert ApiKey.objects.get().rights == rights


def test_expired_key_opens_nothing(client: Client) -> None:
    make_organization()
    key = command("shop", "--expires", "2030-01-31T00:00+03:00").strip()
    row = ApiKey.objects.get()
    assert row.expires_at == datetime(2030, 1, 30, 21, tzinfo=UTC)
    assert client.get(URL, headers=authorized(key)).status_code == 200

    ApiKey.objects.update(expires_at=timezone.now(), last_used_at=None)
    answer = client.get(URL, headers=authorized(key) | {"Accept-Language": "en"})

    assert answer.status_code == 401
    assert answer.json()["errors"][0]["detail"] == "The API key is wrong, switched off or expired."
    assert ApiKey.objects.get().last_used_at is None


@pytest.mark.parametrize(
    "moment", ["tomorrow", "2030-01-31", "2030-01-31T00:00", "2020-01-31T00:00Z", "2030-13-01T00:00Z"]
)
def test_moment_at_which_no_key_can_expire_is_refused(moment: str) -> None:
    with pytest.raises(CommandError, match="--expires"):
        command("shop", "--expires", moment)

    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("right", KeyRight)
def test_key_does_what_its_rights_name_and_nothing_else(client: Client, right: KeyRight) -> None:
    make_organization()
    post(client, [cloud_event()])
    drain()
    order = Order.objects.get()
    key = create_api_key(name="shop", rights=[right])[1]
    doors = {
        KeyRight.ACT: f"/api/v1/orders/{order.pk}/cancel",
        KeyRight.LOYALTY: "/api/v1/loyalty/topup",
        KeyRight.WEBHOOKS: "/api/v1/webhooks/configs",
    }
    headers = authorized(key) | {"Accept-Language": "en"}

    answers = {
        name: client.post(door, {}, content_type="application/json", headers=headers)
        for name, door in doors.items()
    }

    refused = {name for name, answer in answers.items() if answer.status_code == 403}
    assert refused == set(KeyRight) - {right}
    for name in refused:
        words = (
            f"This API key lacks a right ({name.label}). Give it in the admin (API keys), or make another."
        )
        assert answers[name].json()["errors"][0]["detail"] == words


def test_only_a_digest_is_kept() -> None:
    row, key = create_api_key(name="shop")

    values = [str(value) for value in ApiKey.objects.values_list().get()]
    assert row.digest == hashlib.sha256(key.encode()).hexdigest()
    assert key not in values
    assert key.startswith(f"{row.prefix}_")
    assert not any(key.removeprefix(f"{row.prefix}_") in value for value in values)


def test_keys_differ() -> None:
    assert make_key() != make_key()


@pytest.mark.parametrize("spelling", [ORGANIZATION_ID, ORGANIZATION_ID.upper(), f" {ORGANIZATION_ID} "])
def test_key_opens_its_organization_only(client: Client, spelling: str) -> None:
    make_organization()
    make_other_organization(token="token-of-the-first-restaurant")
    key = command("shop", "--organization", spelling).strip()
    post(client, [cloud_event(), cloud_event(organization_id=OTHER_ORGANIZATION_ID)])

    rows = client.get(URL, headers=authorized(key)).json()["results"]

    assert [row["organization_id"] for row in rows] == [ORGANIZATION_ID]
    assert ApiKey.objects.get().sees_all is False


def test_key_opens_several_organizations(client: Client) -> None:
    make_organization()
    make_other_organization()
    make_organization(iiko_id="third", token=None)

    command("shop", "--organization", ORGANIZATION_ID, "--organization", OTHER_ORGANIZATION_ID)

    assert set(ApiKey.objects.get().organizations.values_list("iiko_id", flat=True)) == {
        ORGANIZATION_ID,
        OTHER_ORGANIZATION_ID,
    }


def test_key_that_lost_its_organizations_sees_nothing(client: Client) -> None:
    organization = make_organization()
    key = make_key(ORGANIZATION_ID)
    post(client, [cloud_event()])
    ApiKey.objects.get().organizations.remove(organization)

    assert client.get(URL, headers=authorized(key)).json()["results"] == []
    assert len(inbox()) == 1


@pytest.mark.parametrize("ids", [["nobody"], [ORGANIZATION_ID, "nobody"]])
def test_unknown_organization_is_refused_and_no_key_made(ids: list[str]) -> None:
    make_organization()
    arguments = [part for one in ids for part in ("--organization", one)]

    with pytest.raises(CommandError, match="No organization nobody here"):
        command("shop", *arguments)

    assert ApiKey.objects.count() == 0


def test_empty_organization_is_refused_rather_than_taken_for_all() -> None:
    with pytest.raises(CommandError):
        command("shop", "--organization", "")

    assert ApiKey.objects.count() == 0


def test_service_names_every_organization_that_is_missing() -> None:
    with pytest.raises(UnknownOrganization, match="No organization a, b here"):
        create_api_key(name="x", organization_ids=["b", "a"])


def test_use_is_noted_at_most_once_a_minute() -> None:
    create_api_key(name="shop")
    now = datetime(2026, 3, 14, 12, tzinfo=UTC)

    def used_at(moment: datetime) -> datetime | None:
        ApiKey.objects.get().note_use(moment, "192.0.2.7")
        return ApiKey.objects.get().last_used_at

    assert used_at(now) == now
    assert used_at(now + timedelta(seconds=59)) == now
    assert used_at(now + timedelta(seconds=61)) == now + timedelta(seconds=61)


def test_use_over_the_api_is_noted(client: Client) -> None:
    key = make_key()
    before = timezone.now()

    client.get(URL, headers=authorized(key))

    row = ApiKey.objects.get()
    assert row.last_used_at is not None
    assert before <= row.last_used_at <= timezone.now()
    assert row.last_used_address == "127.0.0.1"


def test_refused_key_is_not_noted(client: Client) -> None:
    key = make_key()

    client.get(URL, headers=authorized(f"{key}x"))

    assert ApiKey.objects.get().last_used_at is None


def test_key_of_another_row_with_the_same_beginning_does_not_open(client: Client) -> None:
    _one, first = create_api_key(name="one")
    two, second = create_api_key(name="two")
    forged = f"{two.prefix}_{first.split('_', 2)[2]}"

    assert client.get(URL, headers=authorized(forged)).status_code == 401
    assert client.get(URL, headers=authorized(second)).status_code == 200
