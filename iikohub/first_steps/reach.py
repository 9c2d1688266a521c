"""Ask the hub's own public address whether this hub answers there.

That is the hub's own way to the address. iiko comes from outside: a router may let it in and not us, or the
other way round.
"""

import json
import logging
import socket
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import requests
import urllib3
from django.conf import settings

from iiko_client.http.addresses import AddressRefused, NotPublic, PublicAdapter, check_public_url
from iikohub.first_steps.proof import PARAMETER, is_proof, new_nonce
from iikohub.models import AddressCheck, Reached

logger = logging.getLogger(__name__)

GOOD_FOR = timedelta(hours=1)
BAD_FOR = timedelta(seconds=10)
"""A result is kept for so long; the worker looks each minute whether it is due."""
_CONNECT_S, _READ_S, _ALL_S = 4, 5, 8
_LONGEST_ANSWER = 4096
_ONE = 1

Found = tuple[Reached, str]


def last_check() -> AddressCheck | None:
    """Return what was found at the present address; None: it was not asked yet."""
    return AddressCheck.objects.filter(pk=_ONE, base_url=settings.WEBHOOK_BASE_URL).first()


def ask_if_due(*, now: datetime) -> bool:
    """Ask unless the last result is still good; returns whether it was asked."""
    last = last_check()
    if last is not None and now - last.asked_at < (GOOD_FOR if last.outcome == Reached.OK else BAD_FOR):
        return False
    return ask_now(now=now) is not None


def ask_now(*, now: datetime) -> AddressCheck | None:
    """Ask and keep what was found; None: there is no address to ask. Takes seconds at worst."""
    url = settings.WEBHOOK_BASE_URL
    if not url:
        return None
    outcome, detail = ask(url, only_public=not settings.IIKO_ALLOW_PRIVATE_ADDRESSES)
    if outcome != Reached.OK:
        logger.warning("first_steps.address_not_reached", extra={"outcome": str(outcome), "detail": detail})
    kept = {"base_url": url, "outcome": outcome, "detail": detail[:500], "asked_at": now}
    return AddressCheck.objects.update_or_create(pk=_ONE, defaults=kept)[0]


class _OneAnswer(requests.Session):
    """Reads no redirect: requests would read all of its body, even where it does not follow."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def ask(base_url: str, *, only_public: bool) -> Found:
    """Say who answers at an address; redirects are not followed, an answer is read up to 4 KiB."""
    if only_public:
        try:
            check_public_url(base_url)
        except NotPublic:
            is_https = urlsplit(base_url).scheme == "https"
            return (Reached.PRIVATE if is_https else Reached.NO_HTTPS), ""
    nonce = new_nonce()
    try:
        with _OneAnswer() as session:
            if only_public:
                session.mount("https://", PublicAdapter(max_retries=0))
            with session.get(
                f"{base_url}/healthz",
                params={PARAMETER: nonce},
                headers={"User-Agent": "iikohub", "Accept": "application/json"},
                timeout=(_CONNECT_S, _READ_S),
                allow_redirects=False,
                stream=True,
            ) as answer:
                return _judge(answer, nonce)
    except (OSError, urllib3.exceptions.HTTPError) as error:  # requests' own are OSError
        return _failure(error), ""
    except ValueError:  # a redirect to what is no address
        return Reached.BAD_STATUS, ""


def _judge(answer: requests.Response, nonce: str) -> Found:
    if answer.is_redirect:
        target = urlsplit(answer.headers["Location"])
        return (
            Reached.REDIRECTS,
            f"{target.scheme}://{target.netloc}{target.path}" if target.netloc else target.path,
        )
    if answer.status_code != 200:
        return Reached.BAD_STATUS, f"HTTP {answer.status_code}"
    try:
        told = json.loads(_body(answer))
    except ValueError:
        told = None
    is_ours = isinstance(told, dict) and is_proof(told.get("proof"), nonce)
    return (Reached.OK if is_ours else Reached.OTHER), ""


def _body(answer: requests.Response) -> bytes:
    """Read the beginning of an answer, from a slow sender too.

    Raises:
        requests.Timeout: it takes too long altogether.
    """
    body, latest = b"", time.monotonic() + _ALL_S
    while len(body) < _LONGEST_ANSWER:
        if time.monotonic() > latest:
            raise requests.Timeout
        piece = answer.raw.read1(_LONGEST_ANSWER, decode_content=True)
        if not piece:
            break
        body += piece
    return body


def _failure(error: BaseException) -> Reached:
    causes = list(_causes(error))
    if any(isinstance(one, AddressRefused) for one in causes):
        return Reached.PRIVATE
    if any(isinstance(one, requests.exceptions.SSLError) for one in causes):
        return Reached.BAD_CERTIFICATE
    is_unknown = any(
        isinstance(one, socket.gaierror | urllib3.exceptions.NameResolutionError) for one in causes
    )
    return Reached.NO_NAME if is_unknown else Reached.NO_ANSWER


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Walk what the HTTP libraries wrapped."""
    while error is not None:
        yield error
        reason = getattr(error, "reason", None)
        inner = [one for one in (reason, *error.args) if isinstance(one, BaseException)]
        error = inner[0] if inner else error.__cause__
