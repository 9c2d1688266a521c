"""How long the connection to iiko and its dictionaries keep their rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from core.privacy.retention import delete_after, stays
from organizations.connection.call_log import forget_old_calls
from organizations.connection.client_state_store import forget_old_circuits
from organizations.models.clock_skews import ClockSkew
from organizations.models.connection import ApiCall, IikoCircuit, IikoPause
from organizations.models.dictionaries import Courier

_SET_UP = "set up by an administrator, who deletes it"

stays("organizations terminal_groups restaurant_access restaurant_access_organizations", _SET_UP)
stays("api_keys api_keys_organizations iiko_api_logins", _SET_UP)
stays("iiko_tokens", "one row for each login")
stays("api_uses", "one row for each key or user: its calls in the last minute")
stays("dictionary_entries", "words of the restaurant; deleted ones still name what old orders hold")
stays("shifts", "a few rows a day; employees stand there by iiko's id alone")
stays("stop_list_readings stop_list_groups stop_list_items", "the state of today; what is over is deleted")


def _forget_calls(days: int, now: datetime) -> Iterator[int]:
    yield forget_old_calls(days=days, now=now)


def _forget_circuits(_days: int, now: datetime) -> Iterator[int]:
    yield forget_old_circuits(now=now)


delete_after(
    "iiko_api_calls",
    "calls that began so long ago",
    age="IIKO_CALL_LOG_DAYS",
    due=lambda before: ApiCall.objects.filter(started_at__lt=before),
    moment="started_at",
    forget=_forget_calls,
)
delete_after(
    "iiko_circuits",
    "circuits without a failure for a day",
    age=timedelta(days=1),
    due=lambda before: IikoCircuit.objects.filter(state__last_failure_at__lt=before.isoformat()),
    forget=_forget_circuits,
)
delete_after(
    "iiko_pauses",
    "pauses that ended a day ago",
    age=timedelta(days=1),
    due=lambda before: IikoPause.objects.filter(until__lt=before),
    moment="until",
)
delete_after(
    "clock_skews",
    "machines that were not heard of for a month",
    age=timedelta(days=30),
    due=lambda before: ClockSkew.objects.filter(seen_at__lt=before),
    moment="seen_at",
)
delete_after(
    "couriers",
    "couriers whom iiko deleted so long ago; orders keep the name of who carried them",
    age="PERSONAL_DATA_DAYS",
    due=lambda before: Courier.objects.filter(is_deleted=True, updated_at__lt=before),
    moment="updated_at",
)
