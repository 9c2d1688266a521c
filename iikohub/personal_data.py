"""What the hub as a whole and the libraries that it is built on hold of people."""

from core.privacy.registry import Kind, Personal, Rows, declare, of_user
from core.privacy.treatments import MASKED

_LIBRARY = "a name of the library's own"

declare("iikohub.AddressCheck", harmless={"the address of the hub, and what it answered": "base_url detail"})
declare(
    "iikohub.ZoneConfirmation",
    {"confirmed_by": of_user(Kind.NAME)},
    harmless={"a zone of the clock": "timezone"},
)

declare("iikohub.SecondFactor", harmless={"a secret, encrypted": "secret", "digests": "recovery_digests"})

# --- Django --------------------------------------------------------------------------------------------

declare(
    "auth.User",
    {
        "username": of_user(Kind.NAME),
        "first_name": of_user(Kind.NAME),
        "last_name": of_user(Kind.NAME),
        "email": of_user(Kind.EMAIL),
    },
    harmless={"a digest": "password"},
)
declare("auth.Group", harmless={"names a group": "name"})
declare("auth.Permission", harmless={_LIBRARY: "name codename"})
declare("contenttypes.ContentType", harmless={_LIBRARY: "app_label model"})
declare("sessions.Session", harmless={"a user by number, signed": "session_key session_data"})
declare(
    "admin.LogEntry",
    {"object_repr": Personal(Kind.NAME, MASKED), "change_message": Personal(Kind.TEXT, MASKED)},
    rows=Rows(
        mentions=("object_repr", "change_message"),
    ),
)

# --- django-axes ---------------------------------------------------------------------------------------

_SIGN_IN = {
    "username": of_user(Kind.NAME),
    "ip_address": of_user(Kind.NETWORK),
    "user_agent": of_user(Kind.NETWORK),
    "http_accept": of_user(Kind.NETWORK),
}
_PAGE = {"the page that asked": "path_info"}

declare("axes.AccessFailureLog", _SIGN_IN, harmless=_PAGE)
declare("axes.AccessLog", _SIGN_IN, harmless=_PAGE | {"a digest": "session_hash"})
declare(
    "axes.AccessAttempt",
    _SIGN_IN | {"get_data": of_user(Kind.TEXT), "post_data": of_user(Kind.TEXT)},
    harmless=_PAGE,
)

# --- procrastinate -------------------------------------------------------------------------------------

declare(
    "procrastinate.ProcrastinateJob",
    harmless={_LIBRARY: "queue_name task_name lock queueing_lock", "primary keys and times": "args"},
)
declare("procrastinate.ProcrastinatePeriodicDefer", harmless={_LIBRARY: "task_name"})
