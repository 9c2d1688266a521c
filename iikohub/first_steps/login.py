"""Step: an API login, and the restaurants that iiko offers with it."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from iikohub.first_steps.step import Finding, Link
from organizations.models.connection import ApiLogin
from organizations.models.organization import Organization

_NAMED = 5
_LONGEST_ERROR = 300


class LoginStep:
    key = "login"
    title = gettext_lazy("API login of iiko")

    def look(self, now: datetime) -> Finding:
        logins = list(ApiLogin.objects.active())
        names = list(Organization.objects.filter(is_active=True).values_list("name", flat=True))
        if not logins:
            return _without_login(len(names))
        for login in logins:
            if wrong := _wrong_with(login):
                return wrong
        if not names:
            return Finding(
                is_done=False,
                sentence=_("iiko offers no restaurant with this login."),
                advice=_(
                    "Give the login access to your restaurants in iikoWeb, then read them again on its page."
                ),
                link=_page_of(logins[0]),
            )
        return Finding(is_done=True, sentence=_found_words(names))


def _without_login(by_hand: int) -> Finding:
    words = ngettext(
        "%(count)d restaurant was added by hand. Without an API login the hub neither reads from iiko nor "
        "sends to it.",
        "%(count)d restaurants were added by hand. Without an API login the hub neither reads from iiko nor "
        "sends to it.",
        by_hand,
    ) % {"count": by_hand}
    none = _("The hub has no API login, so it knows of no restaurants.")
    if settings.IIKO_API_KEY:
        none = _("The API login of the environment (IIKO_API_KEY) has not been read yet, or is switched off.")
    return Finding(
        is_done=False,
        sentence=words if by_hand else none,
        advice=_(
            "Make an API login in iikoWeb and add it here: the hub reads the restaurants from it. Without "
            "one, restaurants are added by hand:"
        ),
        command=".venv/bin/python manage.py add_organization IIKO_ID --name NAME --timezone Europe/Moscow",
        link=Link(reverse("admin:organizations_apilogin_add"), _("Add an API login")),
    )


def _wrong_with(login: ApiLogin) -> Finding | None:
    if error := login.last_error or login.sync_error:
        words = _("The restaurants of “%(login)s” could not be read: %(error)s")
        return Finding(
            is_done=False,
            sentence=words % {"login": login.name, "error": error[:_LONGEST_ERROR]},
            advice=_("Correct it on its page; “Check connection” there shows at once whether iiko takes it."),
            link=_page_of(login),
        )
    if login.synced_at is None:
        return Finding(
            is_done=False,
            sentence=_("The restaurants of “%(login)s” are being read.") % {"login": login.name},
            advice=_("A worker does it within seconds. If this stays, no worker runs: see below. By hand:"),
            command=".venv/bin/python manage.py sync_dictionaries",
            link=_page_of(login),
        )
    return None


def _page_of(login: ApiLogin) -> Link:
    return Link(reverse("admin:organizations_apilogin_change", args=[login.pk]), _("To the API login"))


def _found_words(names: list[str]) -> str:
    count = len(names)
    found = ngettext("Found: %(count)d restaurant", "Found: %(count)d restaurants", count) % {"count": count}
    more = " " + _("and others") if count > _NAMED else ""
    return f"{found} ({'; '.join(names[:_NAMED])}{more})."
