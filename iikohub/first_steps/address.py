"""Step: the hub has a public address, and it is this hub that answers there."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.display import ago_text
from iikohub.first_steps.reach import last_check
from iikohub.first_steps.step import Button, Finding
from iikohub.models import AddressCheck, Reached
from webhooks.models.inbox import EventSource, WebhookConfig, WebhookEvent
from webhooks.receiving.configs import receive_url

_OWN_WAY = gettext_lazy(
    "The hub can tell only its own way to the address. iiko comes from outside: the first event proves that "
    "way, too."
)
_FROM_OUTSIDE = gettext_lazy(
    "Some routers do not let a machine reach its own public address, while iiko does reach it. Open the "
    "address from outside, on a phone without Wi-Fi say: it must answer “ok”. If it does, go on: the first "
    "event from iiko settles this step."
)

# Of each outcome: what is wrong, and what to do.
_WRONG = {
    Reached.NO_HTTPS: (
        gettext_lazy("%(url)s is not an https:// address, and iiko calls no other."),
        gettext_lazy(
            "Let a proxy end TLS (docs/install.md, step 3), set WEBHOOK_BASE_URL to its https:// address and "
            "start the hub again."
        ),
    ),
    Reached.PRIVATE: (
        gettext_lazy(
            "From here %(url)s leads to a private address, which iiko cannot reach from the Internet."
        ),
        gettext_lazy(
            "Let the name lead to the public address. If it does so for everybody else, the hub cannot tell: "
            "open it from outside, and go on if it answers “ok”; the first event from iiko settles this step."
        ),
    ),
    Reached.NO_NAME: (
        gettext_lazy("The name in %(url)s is not known: it leads to no machine."),
        gettext_lazy(
            "Add the name at your DNS provider, or correct WEBHOOK_BASE_URL and start the hub again."
        ),
    ),
    Reached.NO_ANSWER: (
        gettext_lazy("Nobody answers at %(url)s."),
        gettext_lazy("Does the proxy run, are ports 80 and 443 open, does the name lead to this machine?"),
    ),
    Reached.BAD_CERTIFICATE: (
        gettext_lazy("The certificate at %(url)s is not valid, and iiko accepts no other."),
        gettext_lazy("Renew it (certbot renew), with the chain of the issuer (fullchain.pem)."),
    ),
    Reached.REDIRECTS: (
        gettext_lazy("%(url)s redirects to %(detail)s. iiko's requests would be lost on the way."),
        gettext_lazy("Set WEBHOOK_BASE_URL to the address that answers without a redirect."),
    ),
    Reached.BAD_STATUS: (
        gettext_lazy("%(url)s answers with an error: %(detail)s."),
        gettext_lazy("Does the proxy pass requests on to the web server, and does that one run?"),
    ),
    Reached.OTHER: (
        gettext_lazy("Something answers at %(url)s, but it is not this hub."),
        gettext_lazy(
            "Does the name lead to this machine, and the proxy to this hub? Several machines of one hub need "
            "the same SECRET_KEY."
        ),
    ),
}
_LATELY = timedelta(days=1)
_DOUBTFUL = (Reached.NO_ANSWER, Reached.NO_NAME, Reached.BAD_CERTIFICATE)
"""Where the machine's own way may be at fault."""


class AddressStep:
    key = "address"
    title = gettext_lazy("Address of the hub")

    def look(self, now: datetime) -> Finding:
        url = settings.WEBHOOK_BASE_URL
        if not url:
            return Finding(
                is_done=False,
                sentence=_("The hub does not know by which address iiko reaches it."),
                advice=_(
                    "Put it behind a public https:// address (docs/install.md, step 3), write that into "
                    ".env, and start the web server and the worker again."
                ),
                command="WEBHOOK_BASE_URL=https://hub.example.com",
            )
        check = last_check()
        if check is not None and check.outcome == Reached.OK:
            words = _("%(url)s answers, and it is this hub. Asked %(ago)s.")
            return Finding(
                is_done=True,
                sentence=words % {"url": url, "ago": ago_text(check.asked_at, now)},
                advice=str(_OWN_WAY),
            )
        if has_proof_of_iiko(now):
            return Finding(is_done=True, sentence=_("iiko's events come in by %(url)s.") % {"url": url})
        return _unreached(url, check, now)


def _unreached(url: str, check: AddressCheck | None, now: datetime) -> Finding:
    button = Button(reverse("first_steps:ask-address"), _("Ask now"))
    if check is None:
        return Finding(
            is_done=False,
            sentence=_("Nobody has asked yet whether the hub answers at %(url)s.") % {"url": url},
            advice=_("A worker asks within a minute; the button asks at once."),
            button=button,
        )
    wrong, advice = _WRONG[Reached(check.outcome)]
    asked = _("Asked %(ago)s.") % {"ago": ago_text(check.asked_at, now)}
    doubt = f" {_FROM_OUTSIDE}" if check.outcome in _DOUBTFUL else ""
    return Finding(
        is_done=False,
        sentence=f"{wrong % {'url': url, 'detail': check.detail}} {asked}",
        advice=f"{advice}{doubt}",
        command=f"curl -i {url}/healthz",
        button=button,
    )


def has_proof_of_iiko(now: datetime) -> bool:
    """Whether iiko was told the present address, and an event came afterwards, in the last day."""
    since = WebhookEvent.objects.filter(
        organization_id=OuterRef("organization_id"),
        source=EventSource.WEBHOOK,
        received_at__gt=OuterRef("last_registration"),
        received_at__gte=now - _LATELY,
    )
    told = WebhookConfig.objects.active().registered().filter(webhook_url=receive_url())
    return told.filter(Exists(since)).exists()
