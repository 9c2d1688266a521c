"""Refusals of this app, by their stable ``code``."""

from core.errors import HubError


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
