"""Errors of the mirror."""

from __future__ import annotations

from organizations.errors import HubError


class UnknownOrder(HubError):
    code = "unknown_order"
    http_status = 404


class OrderRowGone(HubError):
    """A row that was found before the lock is not there after it; the caller tries again."""

    code = "order_row_gone"
