"""What wallets hold of people. The ledger stays: it is an account of money, without the name of its guest."""

from django.db.models import Q

from core.privacy.registry import ALL, Kind, Personal, Rows, declare, of_user
from core.privacy.treatments import BODY, FOLLOWS, MASKED
from loyalty.models import OPEN_STATES

declare(
    "loyalty.Customer",
    {
        "name": Personal(Kind.NAME),
        "surname": Personal(Kind.NAME),
        "name_key": Personal(Kind.NAME, FOLLOWS),
        "phone": Personal(Kind.PHONE),
        "email": Personal(Kind.EMAIL),
        "cards": Personal(Kind.CARD),
    },
    rows=Rows(
        phone="phone",
        iiko_id="iiko_id",
    ),
)
declare(
    "loyalty.Wallet",
    harmless={"names a programme of the restaurant": "name"},
    rows=Rows(
        goes_with=lambda found: Q(customer__in=found.of("loyalty.Customer")),
    ),
)
declare(
    "loyalty.LoyaltyOperation",
    {
        "comment": Personal(Kind.TEXT, MASKED),
        "cancel_comment": Personal(Kind.TEXT, MASKED),
        "error": Personal(Kind.TEXT, BODY),
        "requested_by": of_user(Kind.NAME),
        "cancelled_by": of_user(Kind.NAME),
    },
    harmless={"a code": "error_code confirmed_by", "the hub's own mark of a transaction": "marker"},
    rows=Rows(
        goes_with=lambda found: Q(wallet__in=found.of("loyalty.Wallet")),
        mentions=("comment", "cancel_comment", "error"),
        about_others=ALL,
        is_open=Q(state__in=OPEN_STATES),
    ),
)
declare(
    "loyalty.OperationStep",
    {"detail": Personal(Kind.TEXT, BODY), "actor": of_user(Kind.NAME)},
    harmless={"a state": "before after"},
    rows=Rows(
        goes_with=lambda found: Q(operation__in=found.of("loyalty.LoyaltyOperation")),
    ),
)
declare(
    "loyalty.BalanceDifference",
    {"detail": Personal(Kind.TEXT, BODY)},
    rows=Rows(
        goes_with=lambda found: Q(wallet__in=found.of("loyalty.Wallet")),
    ),
)
declare(
    "loyalty.LoyaltyKey",
    harmless={
        "a program's name for a request, and a digest": "key fingerprint",
        "a key or a user by number": "owner",
    },
)
