from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

import pytest

from sandbox.faults import FAULT_NAMES, Faults
from sandbox.options import Options, UsageError, add_arguments, read_options

TOKEN = {"WEBHOOK_SECRET_KEY": "token"}


def _read(*arguments: str, environ: dict[str, str] | None = None) -> Options:
    parser = ArgumentParser()
    add_arguments(parser)
    return read_options(vars(parser.parse_args(arguments)), TOKEN if environ is None else environ)


DEFAULTS = Options(
    port=8100,
    webhook_url="http://127.0.0.1:8000/api/v1/webhooks/iiko",
    webhook_token="token",
    host="127.0.0.1",
    seed=1,
    rate=6.0,
    speed=20.0,
    faults=Faults(),
)


def test_defaults() -> None:
    assert _read("--port", "8100") == DEFAULTS


def test_everything_can_be_chosen() -> None:
    options = _read(
        *("--port", "0", "--host", "0.0.0.0", "--seed", "7", "--rate", "0", "--speed", "1.5"),
        *("--webhook-url", "https://hub.example/hook", "--webhook-token", "mine", "--faults", "drop=0.5"),
    )

    address: dict[str, Any] = {"port": 0, "host": "0.0.0.0", "webhook_url": "https://hub.example/hook"}
    chosen: dict[str, Any] = {"webhook_token": "mine", "seed": 7, "rate": 0.0, "speed": 1.5}
    assert options == replace(DEFAULTS, **address, **chosen, faults=Faults(drop=0.5))


def test_numbers_may_come_as_numbers() -> None:
    numbers = {"port": 1, "seed": 2, "rate": 3, "speed": 4.5}
    texts = {"host": "h", "webhook_url": "", "webhook_token": "", "faults": ""}

    options = read_options({**numbers, **texts}, TOKEN)

    assert (options.port, options.seed, options.rate, options.speed) == (1, 2, 3.0, 4.5)


def test_webhook_url_follows_the_hubs_base_url() -> None:
    environ = {**TOKEN, "WEBHOOK_BASE_URL": "https://hub.example/"}

    assert _read("--port", "1", environ=environ).webhook_url == "https://hub.example/api/v1/webhooks/iiko"


def test_sandbox_may_begin_without_an_address_and_then_needs_no_token() -> None:
    options = _read(
        "--port", "1", "--webhook-url", "nowhere", environ={"WEBHOOK_BASE_URL": "https://hub.example"}
    )

    assert (options.webhook_url, options.webhook_token) == ("", "")


def test_own_token_goes_before_the_hubs() -> None:
    environ = {**TOKEN, "IIKO_SANDBOX_WEBHOOK_TOKEN": "own"}

    assert _read("--port", "1", environ=environ).webhook_token == "own"
    assert _read("--port", "1", "--webhook-token", "given", environ=environ).webhook_token == "given"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "x"], "--port must be a whole number from 0 to 65535, not x."),
        (["--port", "70000"], "--port must be a whole number from 0 to 65535, not 70000."),
        (["--port", "1", "--seed", "1.5"], "--seed must be a whole number from 0 to 2147483648, not 1.5."),
        (["--port", "1", "--rate=-1"], "--rate must be a number from 0 to 6000 (orders a minute), not -1."),
        (
            ["--port", "1", "--rate", "nan"],
            "--rate must be a number from 0 to 6000 (orders a minute), not nan.",
        ),
        (
            ["--port", "1", "--speed", "0"],
            "--speed must be a number from 0.01 to 3600 (times the wall clock), not 0.",
        ),
        (
            ["--port", "1", "--webhook-url", "hub:8000"],
            "Webhooks cannot be sent to 'hub:8000': write it as http://127.0.0.1:8000/api/v1/webhooks/iiko.",
        ),
        (
            ["--port", "1", "--webhook-url", "http://hub:x/"],
            "Webhooks cannot be sent to 'http://hub:x/': write it as http://127.0.0.1:8000/api/v1/webhooks/iiko.",
        ),
        (
            ["--port", "1", "--webhook-token", "с кириллицей"],
            "The webhook token may hold only Latin letters, digits and signs, no line breaks.",
        ),
        (
            ["--port", "1", "--faults", "lose=1"],
            "--faults: there is no fault 'lose'; known are " + ", ".join(FAULT_NAMES) + ".",
        ),
    ],
)
def test_what_cannot_be_is_explained(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        _read(*arguments)

    assert str(caught.value) == sentence


def test_without_a_token_it_says_where_to_put_one() -> None:
    with pytest.raises(UsageError) as caught:
        _read("--port", "1", environ={})

    assert str(caught.value) == (
        "The hub accepts webhooks with a token only, and there is none. Give --webhook-token, or set "
        "IIKO_SANDBOX_WEBHOOK_TOKEN or WEBHOOK_SECRET_KEY to the token the hub expects."
    )
