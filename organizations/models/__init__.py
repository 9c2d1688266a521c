"""Restaurants, the connection to iiko, and what iiko says of a restaurant."""

from organizations.models import (
    access,
    api_keys,
    clock_skews,
    connection,
    dictionaries,
    organization,
    shifts,
    stop_lists,
)
from organizations.models.organization import validate_time_zone

__all__ = [
    "access",
    "api_keys",
    "clock_skews",
    "connection",
    "dictionaries",
    "organization",
    "shifts",
    "stop_lists",
    "validate_time_zone",
]
