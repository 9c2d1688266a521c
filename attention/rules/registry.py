"""All rules, in the order in which they are shown."""

from attention.rules.base import Rule
from attention.rules.channels import ChannelFails
from attention.rules.commands import CommandAttention, CommandRefused, CommandWaits
from attention.rules.hub import ClockWrong, DeadEvents, InboxLate, LoginStopped, WorkerAway
from attention.rules.loyalty import HoldKept, WalletDifference
from attention.rules.orders import (
    CreationRefused,
    DishOut,
    Late,
    NoCourier,
    NotListed,
    OrderTwice,
    Problem,
    UnknownStatus,
    WillBeLate,
)
from attention.rules.restaurants import PosSilent, RestaurantSilent, StopListUnread, WebhookUnregistered

RULES: list[Rule] = [
    Late(),
    WillBeLate(),
    NoCourier(),
    CreationRefused(),
    CommandRefused(),
    CommandAttention(),
    CommandWaits(),
    Problem(),
    DishOut(),
    OrderTwice(),
    NotListed(),
    UnknownStatus(),
    PosSilent(),
    RestaurantSilent(),
    WebhookUnregistered(),
    StopListUnread(),
    HoldKept(),
    WalletDifference(),
    LoginStopped(),
    InboxLate(),
    DeadEvents(),
    WorkerAway(),
    ClockWrong(),
    ChannelFails(),
]

_BY_NAME = {rule.name: rule for rule in RULES}


def add_rule(rule: Rule) -> None:
    """Have the rule of an app above this one looked at, too; once, when that app is ready."""
    RULES.append(rule)
    _BY_NAME[rule.name] = rule


def rule_of(name: str) -> Rule:
    """Return the rule of this name.

    Raises:
        KeyError: there is none (any more).
    """
    return _BY_NAME[name]
