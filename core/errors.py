"""The base of all refusals; each carries a stable ``code``, and the API answers with it in one place."""

from __future__ import annotations

from django.utils.translation import gettext


class HubError(Exception):
    """A request the hub understands and refuses.

    ``code`` is stable and for programs; ``detail`` says in plain words what is wrong and what to do. Where
    its words come with ``facts`` to fill in, ``detail`` is in the language of the reader, while ``str`` is
    in English, for logs and commands.
    """

    code = "hub_error"
    http_status = 409

    def __init__(self, words: str, **facts: object) -> None:
        super().__init__(words % facts if facts else words)
        self._words, self._facts = words, facts

    @property
    def detail(self) -> str:
        return gettext(self._words) % self._facts if self._facts else self._words
