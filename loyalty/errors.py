"""Refusals of wallet requests, each with a stable code."""

from __future__ import annotations

from core.errors import HubError


class UnknownCustomer(HubError):
    code = "customer_not_found"
    http_status = 404


class UnknownWallet(HubError):
    code = "wallet_not_found"
    http_status = 404


class UnknownHold(HubError):
    code = "hold_not_found"
    http_status = 404


class UnknownOperation(HubError):
    code = "operation_not_found"
    http_status = 404


class LoyaltyNotProvisioned(HubError):
    code = "loyalty_not_provisioned"


class IikoUnreachable(HubError):
    """iiko could not be read just now; nothing was stored."""

    code = "iiko_unreachable"
    http_status = 503


class IikoRefused(HubError):
    """iiko refused the question itself; ``detail`` is its own text."""

    code = "iiko_refused"


class NotPossible(HubError):
    """It cannot work as things stand; ``detail`` says why and what to do instead."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class BadRequest(HubError):
    """The request makes no sense; ``detail`` says what is expected."""

    http_status = 422

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
