"""Errors of the mirror and of the commands."""

from core.errors import HubError


class UnknownOrder(HubError):
    code = "unknown_order"
    http_status = 404


class OrderRowGone(HubError):
    """A row that was found before the lock is not there after it; the caller tries again."""

    code = "order_row_gone"


class _Refused(HubError):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class NotAllowed(_Refused):
    """What was asked cannot work as the order stands; ``detail`` says why and what to do instead."""


class InvalidParams(_Refused):
    """What was asked cannot be understood or does not fit the restaurant's dictionaries."""

    http_status = 422
