"""Why an act on an item is refused."""

from core.errors import HubError


class UnknownItem(HubError):
    code = "unknown_item"
    http_status = 404


class NotDone(HubError):
    """An act that does not fit how the item stands; nothing was changed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class BadMoment(HubError):
    """A moment until which nothing can be snoozed."""

    code = "bad_moment"
    http_status = 422
