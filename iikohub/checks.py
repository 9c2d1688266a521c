"""What ``manage.py check`` says of settings that are allowed each, and seldom meant together."""

import difflib
from collections.abc import Iterator

from django.conf import settings
from django.core.checks import CheckMessage, Warning as CheckWarning, register
from django.http.request import validate_host

from iikohub.configuration.addresses import host_of
from iikohub.configuration.env_file import names_in

_ALIKE = 0.85


@register()
def check_names(**_: object) -> list[CheckMessage]:
    """Find variables of ``.env`` whose name is nearly that of a setting: they set nothing."""
    known = names_in(settings.BASE_DIR / ".env.example", with_comments=True)
    unknown = sorted(names_in(settings.BASE_DIR / ".env") - known) if known else []
    return [
        CheckWarning(
            f".env sets {name}, which the hub does not know.",
            hint=f"Is {meant} meant? docs/configuration.md lists all.",
            id="iikohub.W001",
        )
        for name in unknown
        for meant in difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
    ]


@register(deploy=True)
def check_public_address(**_: object) -> list[CheckMessage]:
    """Look at what belongs to a public address (``check --deploy``)."""
    return list(_of_public_address(settings.WEBHOOK_BASE_URL))


def _of_public_address(address: str) -> Iterator[CheckMessage]:
    if not address.startswith("https://"):
        yield CheckWarning(
            f"WEBHOOK_BASE_URL is {address}, and iiko calls https:// alone."
            if address
            else "WEBHOOK_BASE_URL is not set, so iiko does not know where to send webhooks.",
            hint="Let a proxy end TLS (docs/install.md, step 3) and name its https:// address.",
            id="iikohub.W002",
        )
        return
    if not validate_host(host_of(address), settings.ALLOWED_HOSTS):
        yield CheckWarning(
            f"ALLOWED_HOSTS lacks {host_of(address)}, the host of WEBHOOK_BASE_URL: people get 400 there.",
            hint="Add it, or leave ALLOWED_HOSTS out: then it is among them.",
            id="iikohub.W003",
        )
    if settings.TRUSTED_PROXIES == 0:
        yield CheckWarning(
            "TRUSTED_PROXIES is 0, yet a proxy must end TLS: everybody has its address, and ten wrong "
            "passwords of one lock that name for all.",
            hint="Set it to the number of proxies a request passes, 1 with the nginx of docs/install.md.",
            id="iikohub.W004",
        )
