"""What the connection to iiko and its dictionaries hold of people."""

from django.db.models import Q

from core.privacy.registry import Kind, Personal, Rows, declare, of_staff, of_user
from core.privacy.treatments import BODY, EMPTIED

_PLACES = "a restaurant, its places and settings in iiko"
_SECRET = "a secret of the connection, encrypted"  # noqa: S105  # a reason
_ERROR = "an error of the connection"

declare(
    "organizations.Organization",
    harmless={
        _PLACES: "name name_key timezone currency default_payment_types vendor_name vendor_timezone "
        "pos_version payment_settings"
    },
)
declare(
    "organizations.TerminalGroup",
    harmless={_PLACES: "name name_key timezone vendor_timezone pos_version"},
)
declare(
    "organizations.ApiKey",
    {"last_used_address": of_user(Kind.NETWORK)},
    harmless={"names a program": "name name_key", "a digest of the key": "prefix digest"},
)
declare("organizations.ApiUse", harmless={"a key or a user by number": "caller"})
declare("organizations.ClockSkew", harmless={"a machine of the hub": "host role"})
declare(
    "organizations.ApiLogin",
    harmless={
        "names a connection": "name name_key base_url",
        _SECRET: "api_login api_key client_secret",
        _ERROR: "last_error sync_error",
    },
)
declare(
    "organizations.IikoToken",
    harmless={_SECRET: "token credential", "a process of the hub": "lease_holder"},
)
declare("organizations.IikoPause", harmless={"names a group of calls": "restriction_group"})
declare("organizations.IikoCircuit", harmless={"names a connection, counts": "name state"})
declare(
    "organizations.ApiCall",
    {
        "request": Personal(Kind.BODY, BODY),
        "response": Personal(Kind.BODY, BODY),
        "response_text": Personal(Kind.BODY, EMPTIED),
        "requested_by": of_user(Kind.NAME),
    },
    harmless={
        "the call by name, address and code; guests stand in the bodies": "operation url error error_code"
    },
    rows=Rows(
        goes_with=lambda found: Q(order_id__in=found.iiko_ids) & ~Q(order_id=""),
        mentions=("request", "response", "response_text"),
        about_others=~Q(order_id=""),
    ),
)
declare(
    "organizations.Courier",
    {"name": of_staff(Kind.NAME), "name_key": of_staff(Kind.NAME)},
    harmless={"a number in iiko": "code"},
)
declare(
    "organizations.DictionaryEntry",
    harmless={"a word of the restaurant's dictionaries": "name name_key data"},
)
declare(
    "organizations.StopListReading", harmless={"a process of the hub": "holder", _ERROR: "error_code error"}
)
declare("organizations.StopListItem", harmless={"a product": "sku"})
