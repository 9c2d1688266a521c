"""Step: the people who work with orders may sign in."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext, pgettext_lazy

from iikohub.first_steps.step import Finding, Link
from iikohub.pages.home import WORKS_ON_THE_BOARD

_NAMED = 5


class PeopleStep:
    key = "people"
    title = pgettext_lazy("step", "People")

    def look(self, now: datetime) -> Finding:
        members = User.groups.through.objects.filter(
            user_id=OuterRef("pk"), group__name__in=WORKS_ON_THE_BOARD
        )
        invited = User.objects.filter(is_active=True, is_superuser=False)
        works = list(invited.annotate(works=Exists(members)).values_list("works", flat=True))
        if count := sum(works):
            words = ngettext(
                "%(count)d person works with orders (Dispatcher, Operator).",
                "%(count)d people work with orders (Dispatcher, Operator).",
                count,
            )
            return Finding(is_done=True, sentence=words % {"count": count})
        if works:
            return _without_group(invited)
        return Finding(
            is_done=False,
            sentence=_("Nobody but the administrator may sign in."),
            advice=_("Add the people who take calls and send couriers, and put each into a group."),
            link=Link(reverse("admin:auth_user_add"), _("Add a user")),
        )


def _without_group(invited: QuerySet[User]) -> Finding:
    """Say that nobody works with orders, and who was added and put into no group at all."""
    sentence = _("Nobody is a Dispatcher or an Operator: nobody works with orders.")
    names = [one.get_username() for one in invited.filter(groups=None).order_by("pk")[: _NAMED + 1]]
    if names:
        shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        sentence += " " + _("Without a group: %(names)s.") % {"names": shown}
    return Finding(
        is_done=False,
        sentence=sentence,
        advice=_("Put each of the people who take calls and send couriers into a group."),
        link=Link(reverse("admin:auth_user_changelist"), _("To the users")),
    )
