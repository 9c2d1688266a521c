"""Errors of the hub. Each carries a stable ``code``; the API turns them into a response in one place."""

from __future__ import annotations


class HubError(Exception):
    """A request the hub understands and refuses.

    ``code`` is stable and for programs; ``detail`` says in plain words what is wrong and what to do.
    """

    code = "hub_error"
    http_status = 409

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadTimeZone(HubError):
    code = "bad_time_zone"
    http_status = 400


class BadOrganization(HubError):
    code = "bad_organization"
    http_status = 400


class OrganizationExists(HubError):
    code = "organization_exists"


class UnknownOrganization(HubError):
    code = "unknown_organization"
    http_status = 404
