"""The base of all refusals; ``core.api.errors`` makes responses of them."""

from django.utils.translation import gettext


class HubError(Exception):
    """A request the hub understands and refuses.

    ``code`` is stable and for programs; ``detail`` says to people what is wrong and what to do. A text with
    ``facts`` to fill in is translated in ``detail``; ``str`` is in English, for logs and commands.
    """

    code = "hub_error"
    http_status = 409

    def __init__(self, words: str, **facts: object) -> None:
        super().__init__(words % facts if facts else words)
        self._words, self._facts = words, facts

    @property
    def detail(self) -> str:
        return gettext(self._words) % self._facts if self._facts else self._words
