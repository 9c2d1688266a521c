"""Wrong tokens beyond a number in a minute: 429, cheap, and never in the way of a right one."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from core.client_address import client_network
from tests.builders import OTHER_TOKEN, TOKEN, cloud_event, make_organization, make_other_organization, post
from webhooks.models.inbox import WebhookEvent
from webhooks.receiving import tokens as module
from webhooks.receiving.tokens import MOST_LINES, WrongTokens, wrong_tokens

pytestmark = pytest.mark.django_db
LIMIT = 3
ADDRESS = "198.51.100.9"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Clock:
    settings.WEBHOOK_WRONG_TOKENS_PER_MINUTE = LIMIT
    clock = Clock()
    monkeypatch.setattr(wrong_tokens, "_clock", clock)
    make_organization()
    return clock


def guess(client: Client, token: str | None = "wrong", *, address: str = ADDRESS, **extra: Any) -> Any:
    return post(client, [cloud_event()], token, REMOTE_ADDR=address, **extra)


def guess_beyond_the_limit(client: Client, **extra: Any) -> None:
    assert [guess(client, **extra).status_code for _ in range(LIMIT + 1)] == [401] * LIMIT + [429]


def test_more_wrong_tokens_than_the_limit_are_told_to_wait(client: Client, clock: Clock) -> None:
    guess_beyond_the_limit(client)
    clock.now += 20.5

    response = guess(client)

    assert (response.status_code, response["Retry-After"]) == (429, "40")
    assert response.json() == {
        "status": "too_many_wrong_tokens",
        "detail": "Too many requests with a missing or wrong token came from this address. The right one is "
        "taken at any time: send the webhook's token in the Authorization header.",
    }
    assert WebhookEvent.objects.count() == 0


def test_missing_tokens_count_too(client: Client) -> None:
    guess_beyond_the_limit(client, token=None)


def test_limit_is_over_after_a_minute(client: Client, clock: Clock) -> None:
    guess_beyond_the_limit(client)
    clock.now += 60

    assert guess(client).status_code == 401


def test_right_token_from_the_same_address_is_taken(client: Client) -> None:
    guess_beyond_the_limit(client)

    assert guess(client, TOKEN).status_code == 200
    assert guess(client).status_code == 429
    assert WebhookEvent.objects.count() == 1


def test_new_token_is_taken_from_a_limited_address(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    guess_beyond_the_limit(client)
    monkeypatch.setattr("webhooks.receiving.view._NEW_TOKEN_SEEN_WITHIN_S", 0.0)

    make_other_organization()

    assert guess(client, OTHER_TOKEN).status_code == 200


def test_token_set_by_another_process_is_taken_after_a_moment(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.receiving.configs.webhook_tokens.forget", lambda: None)
    guess_beyond_the_limit(client)
    make_other_organization()
    monkeypatch.setattr("webhooks.receiving.view._NEW_TOKEN_SEEN_WITHIN_S", 0.0)

    assert guess(client, OTHER_TOKEN).status_code == 200


def test_limited_address_asks_the_database_seldom(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr("webhooks.receiving.view._NEW_TOKEN_SEEN_WITHIN_S", 60.0)
    with django_assert_num_queries(LIMIT + 1):  # the versions, and the tokens once
        for _ in range(LIMIT):
            guess(client)

    with django_assert_num_queries(0):
        assert {guess(client).status_code for _ in range(5)} == {429}


def test_two_tokens_in_one_request_ask_the_database_once(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    guess(client)

    with django_assert_num_queries(1):
        assert guess(client, "Bearer one", HTTP_AUTHTOKEN="Bearer two").status_code == 401


def test_body_of_a_limited_address_is_not_read(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_MAX_BODY_BYTES = 10

    guess_beyond_the_limit(client)


def test_other_addresses_have_their_own_count(client: Client) -> None:
    guess_beyond_the_limit(client)

    assert guess(client, address="198.51.100.10").status_code == 401


def test_zero_sets_no_limit(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_WRONG_TOKENS_PER_MINUTE = 0

    assert {guess(client).status_code for _ in range(10)} == {401}


@pytest.mark.parametrize(
    ("proxies", "forwarded", "statuses"),
    [(0, "203.0.113.{}", [401, 401, 401, 429]), (1, "203.0.113.{}", [401, 401, 401, 401])],
)
def test_address_is_the_one_that_our_proxies_saw(
    client: Client, settings: Settings, proxies: int, forwarded: str, statuses: list[int]
) -> None:
    settings.TRUSTED_PROXIES = proxies
    told = [guess(client, HTTP_X_FORWARDED_FOR=forwarded.format(n)).status_code for n in range(4)]

    assert told == statuses


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.9", "198.51.100.9"),
        ("::ffff:198.51.100.9", "198.51.100.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("/run/hub.sock", ""),
    ],
)
def test_one_sender_is_an_ipv4_address_or_an_ipv6_network(address: str, network: str) -> None:
    assert client_network({"REMOTE_ADDR": address}) == network


def test_sender_who_changes_ipv6_addresses_is_limited(client: Client) -> None:
    statuses = [guess(client, address=f"2001:db8::{n}").status_code for n in range(1, LIMIT + 2)]

    assert statuses == [401] * LIMIT + [429]


def test_log_has_two_lines_for_a_minute_of_guesses(
    client: Client, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    for _ in range(20):
        guess(client, "a-guess-that-is-nearly-right")
    clock.now += 60
    guess(client)

    lines: list[Any] = [one.msg for one in caplog.records if "inbox.token_refused" in str(one.msg)]
    assert [(one["network"], one["wrong_tokens"]) for one in lines] == [
        (ADDRESS, 1),
        (ADDRESS, LIMIT + 1),
        (ADDRESS, 1),
    ]
    assert "nearly-right" not in caplog.text


def test_many_addresses_do_not_flood_the_log(clock: Clock) -> None:
    counts = WrongTokens(clock)

    assert sum(counts.count(f"net {n}").is_logged for n in range(200)) == MOST_LINES

    clock.now += 60
    assert counts.count("another").is_logged


def test_memory_is_bounded_and_the_quietest_give_way(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NETWORKS", 5)
    counts = WrongTokens(clock)
    for _ in range(LIMIT):
        counts.count("guesser")

    for n in range(50):
        counts.count(f"net {n}")
        if n % 3 == 0:
            counts.count("guesser")

    assert len(counts) == 5
    assert counts.is_limited("guesser")
    assert not counts.is_limited("net 1")


def test_refusals_are_counted(client: Client) -> None:
    before = refused(client)

    guess_beyond_the_limit(client)

    assert refused(client) == before + 1


def refused(client: Client) -> float:
    text = client.get("/metrics").content.decode()
    line = re.search(r'^iikohub_webhook_receipts_total\{outcome="too_many_wrong_tokens"\} (.+)$', text, re.M)
    return float(line[1]) if line else 0.0
