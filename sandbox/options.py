"""The options of the sandbox, checked, with messages that say what to change."""

import math
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.catalogue.world import DEFAULT_SEED
from sandbox.faults import FAULT_NAMES, NO_FAULTS, Faults, parse_faults
from sandbox.http.request import is_address

DEFAULT_HOST = "127.0.0.1"
DEFAULT_RATE = 6.0
DEFAULT_SPEED = 20.0
DEFAULT_TOKEN_LIFETIME_S = 3600.0
MAX_RATE = 6000.0
MAX_SPEED = 3600.0

_HUB = "http://127.0.0.1:8000"
_WEBHOOK_PATH = "/api/v1/webhooks/iiko"


class UsageError(Exception):
    """The sandbox cannot start with these options; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Options:
    port: int
    webhook_url: str
    webhook_token: str
    host: str = DEFAULT_HOST
    seed: int = DEFAULT_SEED
    rate: float = DEFAULT_RATE
    speed: float = DEFAULT_SPEED
    faults: Faults = NO_FAULTS
    token_lifetime_s: float = DEFAULT_TOKEN_LIFETIME_S


_NOWHERE = "nowhere"
_FAULTS_EXAMPLE = "duplicate=0.1,http_408_after=1@deliveries/cancelx2"
_ARGUMENTS: dict[str, tuple[object, str]] = {
    "--host": (DEFAULT_HOST, "Address to listen on (default: %(default)s)."),
    "--seed": (DEFAULT_SEED, "Same seed, same restaurants and events (default: %(default)s)."),
    "--rate": (
        DEFAULT_RATE,
        "New orders a minute over all restaurants; 0 creates none (default: %(default)s).",
    ),
    "--speed": (
        DEFAULT_SPEED,
        "How many times faster than the wall clock the restaurants work (default: %(default)s).",
    ),
    "--webhook-url": (
        "",
        f"Where webhooks go (default: WEBHOOK_BASE_URL or {_HUB}, and {_WEBHOOK_PATH}); {_NOWHERE} at first.",
    ),
    "--webhook-token": (
        "",
        "Sent as the Authorization header (default: IIKO_SANDBOX_WEBHOOK_TOKEN or WEBHOOK_SECRET_KEY).",
    ),
    "--faults": (
        "",
        f"Faults, as in {_FAULTS_EXAMPLE} (share, operation, times): {', '.join(FAULT_NAMES)}.",
    ),
    "--token-lifetime": (
        DEFAULT_TOKEN_LIFETIME_S,
        "Seconds that an access token is good for (default: %(default)s).",
    ),
}
"""The default and the help of each."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options; all are read as text, so that ``read_options`` can explain what is wrong."""
    parser.add_argument("--port", required=True, help="Port to listen on; 0 takes any free one.")
    for name, (default, text) in _ARGUMENTS.items():
        parser.add_argument(name, default=default, help=text)


def read_options(given: Mapping[str, object], environ: Mapping[str, str]) -> Options:
    """Check the options and take the rest from the environment.

    Raises:
        UsageError: an option is not valid.
    """
    webhook_url = _webhook_url(str(given["webhook_url"]), environ)
    lifetime = given.get("token_lifetime", DEFAULT_TOKEN_LIFETIME_S)
    try:
        faults = parse_faults(str(given["faults"]))
    except ValueError as error:
        raise UsageError(f"--faults: {error}.") from error
    return Options(
        port=_whole("--port", given["port"], 0, 65535),
        host=str(given["host"]),
        seed=_whole("--seed", given["seed"], 0, 2**31),
        rate=_number("--rate", given["rate"], 0, MAX_RATE, "orders a minute"),
        speed=_number("--speed", given["speed"], 0.01, MAX_SPEED, "times the wall clock"),
        webhook_url=webhook_url,
        webhook_token=_webhook_token(str(given["webhook_token"]), environ) if webhook_url else "",
        faults=faults,
        token_lifetime_s=_number("--token-lifetime", lifetime, 1, 86400, "seconds"),
    )


def _whole(name: str, value: object, lowest: int, highest: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise UsageError(f"{name} must be a whole number from {lowest} to {highest}, not {value}.")
    return number


def _number(name: str, value: object, lowest: float, highest: float, unit: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not lowest <= number <= highest:
        raise UsageError(f"{name} must be a number from {lowest:g} to {highest:g} ({unit}), not {value}.")
    return number


def _webhook_url(given: str, environ: Mapping[str, str]) -> str:
    if given == _NOWHERE:
        return ""
    hub = environ.get("WEBHOOK_BASE_URL", "").rstrip("/") or _HUB
    url = given or hub + _WEBHOOK_PATH
    if not is_address(url):
        raise UsageError(f"Webhooks cannot be sent to {url!r}: write it as {_HUB}{_WEBHOOK_PATH}.")
    return url


def _webhook_token(given: str, environ: Mapping[str, str]) -> str:
    token = given or environ.get("IIKO_SANDBOX_WEBHOOK_TOKEN") or environ.get("WEBHOOK_SECRET_KEY", "")
    if not token:
        raise UsageError(
            "The hub accepts webhooks with a token only, and there is none. Give --webhook-token, or set "
            "IIKO_SANDBOX_WEBHOOK_TOKEN or WEBHOOK_SECRET_KEY to the token the hub expects."
        )
    if not (token.isascii() and token.isprintable() and token == token.strip()):
        raise UsageError("The webhook token may hold only Latin letters, digits and signs, no line breaks.")
    return token
