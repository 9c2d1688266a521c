"""Step: a notification has arrived by a channel."""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from attention.models.channels import Channel
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
        for channel in channels:
            if channel.tried_at is not None:
                words = _("A test has arrived by “%(name)s”, %(ago)s.")
                ago = ago_text(channel.tried_at, now)
                return Finding(is_done=True, sentence=words % {"name": channel.name, "ago": ago})
        return _untried(channels[0])


def _untried(channel: Channel) -> Finding:
    return Finding(
        is_done=False,
        sentence=_("No test has arrived by “%(name)s” yet.") % {"name": channel.name},
        advice=_("Send one on the page of the channel; it says why a test did not arrive."),
        link=Link(reverse("admin:attention_channel_change", args=[channel.pk]), _("To the channel")),
    )
