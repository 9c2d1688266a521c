"""Step: a receiver takes what is sent by a channel."""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from attention.models.channels import Channel
from attention.notifications.errors import words
from core.display import ago_text
from iikohub.first_steps.step import Finding, Link


class ChannelsStep:
    key = "channels"
    title = gettext_lazy("Notifications")

    def look(self, now: datetime) -> Finding:
        channels = list(Channel.objects.filter(is_active=True))
        if not channels:
            return Finding(
                is_done=False,
                sentence=_("Nobody is told when something needs attention: there is no channel."),
                advice=_("Add one (Telegram, e-mail, VK …), and send a test by it."),
                link=Link(reverse("admin:attention_channel_add"), _("Add a channel")),
            )
        working = [one for one in channels if one.failing_since is None]
        for channel in working:
            if channel.tried_at is not None:
                taken = _("The receiver took the test sent by “%(name)s”, %(ago)s.")
                ago = ago_text(channel.tried_at, now)
                return Finding(is_done=True, sentence=taken % {"name": channel.name, "ago": ago})
        return _untried(working[0]) if working else _failing(channels[0])


def _untried(channel: Channel) -> Finding:
    return Finding(
        is_done=False,
        sentence=_("No test has arrived by “%(name)s” yet.") % {"name": channel.name},
        advice=_("Send one on the page of the channel; it says why a test did not arrive."),
        link=_page_of(channel),
    )


def _failing(channel: Channel) -> Finding:
    return Finding(
        is_done=False,
        sentence=_("Nothing arrives by “%(name)s”.") % {"name": channel.name},
        advice=words(channel.last_error),
        link=_page_of(channel),
    )


def _page_of(channel: Channel) -> Link:
    return Link(reverse("admin:attention_channel_change", args=[channel.pk]), _("To the channel"))
