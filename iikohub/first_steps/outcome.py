"""What became of a registration, or would, in words for the page."""

from dataclasses import dataclass

from django.utils.translation import gettext as _, gettext_lazy

from core.errors import HubError
from webhooks.admin.display import outcome_words, refusal_words
from webhooks.models.inbox import Drift
from webhooks.registration import Outcome, Registration

_PARTS = {
    Drift.ADDRESS: gettext_lazy("the address"),
    Drift.TOKEN: gettext_lazy("the token"),
    Drift.FORMER_TOKEN: gettext_lazy("the token"),
    Drift.FILTER: gettext_lazy("the kinds of events"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """A badge (its kind and words) and a sentence; ``needs_page``: more is done on the webhook's own page."""

    kind: str
    label: str
    words: str
    needs_page: bool = False


def registered(done: Registration) -> Said:
    match done.outcome:
        case Outcome.UNCHANGED:
            return Said("registered", _("as it should be"), outcome_words(done))
        case Outcome.UPDATED:
            return Said("registered", _("registered"), outcome_words(done))
        case Outcome.WOULD_UPDATE:
            return Said(
                "pending",
                _("would be registered"),
                _("Would change in iiko: %(what)s.") % {"what": _differs(done)},
            )
        case Outcome.FOREIGN:
            url = done.found.shown_url() if done.found else ""
            words = _(
                "iiko sends to %(url)s for this login. It keeps one address, so whoever listens there would "
                "get nothing any more: the hub leaves it. Give the hub a login of its own, or take over."
            )
            return Said("refused", _("another integration"), words % {"url": url}, needs_page=True)
        case Outcome.SWITCHED_OFF:
            return Said("off", _("switched off"), outcome_words(done), needs_page=True)
        case Outcome.BUSY:
            return Said("failed", _("not now"), outcome_words(done))
        case _unknown:
            return Said("refused", _("failed"), outcome_words(done), needs_page=True)


def refused(error: HubError) -> Said:
    return Said("refused", _("not possible"), refusal_words(error))


def _differs(done: Registration) -> str:
    return ", ".join(str(_PARTS[one]) for one in done.found.drift()) if done.found else ""
