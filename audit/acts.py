"""What people and programs do, in words, and which address of the hub does what.

An address that is not named here leaves entries all the same; their words then are those of the change. A new
page or route is named in ``ADDRESSES`` or, with a reason, in ``NOT_RECORDED``: a test walks all addresses.
"""

import re
from dataclasses import dataclass
from typing import Final

from django.urls import ResolverMatch
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from core.display import Text

OTHER = "other"

ACTS: Final[dict[str, Text]] = {
    "created": pgettext_lazy("audit", "created"),
    "changed": pgettext_lazy("audit", "changed"),
    "deleted": pgettext_lazy("audit", "deleted"),
    OTHER: _("a request that no page makes"),
    "command_run": _("command run"),
    "signed_in": _("signed in"),
    "signed_out": _("signed out"),
    "signed_out_everywhere": _("signed out everywhere"),
    "password_given": _("password given, second step owed"),
    "code_refused": _("code of the second step refused"),
    "recovery_code_used": _("recovery code used"),
    "second_factor_set": _("own two-step sign-in set"),
    "second_factor_reset": _("second factor reset"),
    "password_changed": _("password changed"),
    "list_exported": _("list exported"),
    "list_action": _("action on a list"),
    "person_exported": _("data of a person exported"),
    "person_erased": _("data of a person erased"),
    "address_checked": _("own address checked"),
    "zones_confirmed": _("time zones confirmed"),
    "webhooks_registered": _("webhooks registered"),
    "webhook_settings_set": _("webhook settings set"),
    "keys_rotated": _("encryption keys rotated"),
    "events_replayed": _("events replayed"),
    "login_checked": _("API login checked"),
    "restaurants_read": _("restaurants read from iiko"),
    "stop_lists_read": _("stop lists read from iiko"),
    "channel_tested": _("test notification sent"),
    "subscription_tested": _("subscription: test sent"),
    "subscription_secret_made": _("subscription: new secret made"),
    "subscription_enabled": _("subscription: enabled again"),
    "events_redelivered": _("subscription: events sent again"),
    "delivery_redelivered": _("delivery: sent again"),
    "order_update_status": _("order: status changed"),
    "order_assign_courier": _("order: courier assigned"),
    "order_update_payment": _("order: payment changed"),
    "order_cancel": _("order: cancellation requested"),
    "order_apply_discount": _("order: discount given"),
    "order_next": _("order: moved to the next status"),
    "order_acknowledge": _("order: refusal acknowledged"),
    "command_retry": _("command: requested again"),
    "command_abandon": _("command: abandoned"),
    "command_acknowledge": _("command: failure acknowledged"),
    "customer_found": _("customer looked up in iiko"),
    "wallets_read": _("wallets read from iiko"),
    "wallet_topup": _("wallet: top-up"),
    "wallet_withdraw": _("wallet: withdrawal"),
    "wallet_hold": _("wallet: hold"),
    "wallet_release": _("wallet: hold released"),
    "wallet_cancel": _("wallet: operation cancelled"),
    "attention_take": _("attention: taken"),
    "attention_release": _("attention: given back"),
    "attention_snooze": _("attention: snoozed"),
    "attention_resolve": _("attention: resolved"),
    "attention_reopen": _("attention: put back on the list"),
    "attention_take_off": _("attention: order taken off the board"),
}

OF_THE_CHANGE: Final = frozenset({"created", "changed", "deleted", "list_action", OTHER})
"""Acts that say no more than the change of each object does."""

WRITE_NO_ROW: Final = frozenset(
    {
        "address_checked",
        "zones_confirmed",
        "webhooks_registered",
        "events_replayed",
        "subscription_tested",
        "login_checked",
        "restaurants_read",
        "stop_lists_read",
        "customer_found",
        "wallets_read",
        "list_action",
    }
)
"""Acts that change no row that is followed: done where the answer is no refusal. Any other that leaves no
entry of a row has changed nothing."""


@dataclass(frozen=True, slots=True)
class Address:
    """What an address is for; ``{name}`` in ``act`` is a part of it. ``model`` says whose id ``key`` is."""

    act: str
    model: str = ""
    key: str = "pk"


_ORDER, _COMMAND = "orders.order", "orders.ordercommand"
_OPERATION, _ITEM = "loyalty.loyaltyoperation", "attention.attentionitem"
_CONFIG, _LOGIN = "webhooks.webhookconfig", "organizations.apilogin"
_SUBSCRIPTION, _DELIVERY = "outbound.subscription", "outbound.delivery"

ADDRESSES: Final[dict[str, Address]] = {
    "first_steps:ask-address": Address("address_checked"),
    "first_steps:confirm-zones": Address("zones_confirmed"),
    "first_steps:register": Address("webhooks_registered"),
    "first_steps:register-one": Address("webhooks_registered", "organizations.organization"),
    "admin:password_change": Address("password_changed"),
    "admin:auth_user_password_change": Address("password_changed", "auth.user", "id"),
    "admin:auth_user_two_steps_off": Address("second_factor_reset", "auth.user"),
    "admin:auth_user_sign_out": Address("signed_out_everywhere", "auth.user"),
    "sign_in:two-steps": Address("second_factor_set"),
    # The page itself says who came in (``NOT_RECORDED``); of rows, a recovery code alone changes one.
    "sign_in:code": Address("recovery_code_used"),
    "admin:organizations_apilogin_check": Address("login_checked", _LOGIN),
    "admin:organizations_apilogin_read": Address("restaurants_read", _LOGIN),
    "admin:organizations_stoplistitem_refresh": Address("stop_lists_read"),
    "admin:orders_order_seen": Address("order_acknowledge", _ORDER, "order_id"),
    "admin:orders_order_ask": Address("order_{slug}", _ORDER, "order_id"),
    "admin:orders_order_ask_many": Address("order_{slug}"),
    "admin:orders_ordercommand_retry": Address("command_retry", _COMMAND, "command_id"),
    "admin:orders_ordercommand_seen": Address("command_acknowledge", _COMMAND, "command_id"),
    "admin:orders_ordercommand_abandon": Address("command_abandon", _COMMAND, "command_id"),
    "admin:loyalty_customer_find": Address("customer_found"),
    "admin:loyalty_customer_read": Address("wallets_read", "loyalty.customer", "customer_id"),
    "admin:loyalty_customer_move": Address("wallet_{verb}", "loyalty.customer", "customer_id"),
    "admin:loyalty_customer_release": Address("wallet_release", _OPERATION, "hold_id"),
    "admin:loyalty_loyaltyoperation_cancel": Address("wallet_cancel", _OPERATION, "operation_id"),
    "admin:webhooks_webhookconfig_register": Address("webhooks_registered", _CONFIG),
    "admin:webhooks_webhookconfig_take-over": Address("webhooks_registered", _CONFIG),
    "admin:webhooks_webhookevent_dead_replay": Address("events_replayed"),
    "admin:webhooks_webhookevent_replay": Address("events_replayed", "webhooks.webhookevent", "event_id"),
    "admin:attention_channel_test": Address("channel_tested", "attention.channel"),
    "admin:outbound_subscription_test": Address("subscription_tested", _SUBSCRIPTION),
    "admin:outbound_subscription_rotate": Address("subscription_secret_made", _SUBSCRIPTION),
    "admin:outbound_subscription_enable": Address("subscription_enabled", _SUBSCRIPTION),
    "admin:outbound_subscription_redeliver": Address("events_redelivered", _SUBSCRIPTION),
    "admin:outbound_delivery_redeliver": Address("delivery_redelivered", _DELIVERY),
    "console:attention-act": Address("attention_{what}", _ITEM, "item_id"),
    "console:dispatch-assign": Address("order_assign_courier"),
    "console:next": Address("order_next", _ORDER, "number"),
    "console:acknowledge": Address("order_acknowledge", _ORDER, "number"),
    "console:act": Address("order_{slug}", _ORDER, "number"),
    "console:command": Address("command_{what}", _ORDER, "number"),
    "event-replay-many": Address("events_replayed"),
    "event-replay": Address("events_replayed", "webhooks.webhookevent"),
    "webhook-config-list": Address("webhook_settings_set"),
    "webhook-config-detail": Address("webhook_settings_set", _CONFIG),
    "webhook-config-register": Address("webhooks_registered", _CONFIG),
    "subscription-list": Address("created", _SUBSCRIPTION),
    "subscription-detail": Address("changed", _SUBSCRIPTION),
    "subscription-test": Address("subscription_tested", _SUBSCRIPTION),
    "subscription-rotate-secret": Address("subscription_secret_made", _SUBSCRIPTION),
    "subscription-enable": Address("subscription_enabled", _SUBSCRIPTION),
    "subscription-redeliver": Address("events_redelivered", _SUBSCRIPTION),
    "delivery-redeliver": Address("delivery_redelivered", _DELIVERY),
    "order-update-status": Address("order_update_status", _ORDER),
    "order-assign-courier": Address("order_assign_courier", _ORDER),
    "order-update-payment": Address("order_update_payment", _ORDER),
    "order-cancel": Address("order_cancel", _ORDER),
    "order-apply-discount": Address("order_apply_discount", _ORDER),
    "loyalty-topup": Address("wallet_topup"),
    "loyalty-withdraw": Address("wallet_withdraw"),
    "loyalty-hold": Address("wallet_hold"),
    "loyalty-cancel-hold": Address("wallet_release"),
    "loyalty-operation-cancel": Address("wallet_cancel", _OPERATION),
    "attention-take": Address("attention_take", _ITEM),
    "attention-release": Address("attention_release", _ITEM),
    "attention-snooze": Address("attention_snooze", _ITEM),
    "attention-resolve": Address("attention_resolve", _ITEM),
    "attention-reopen": Address("attention_reopen", _ITEM),
}
"""By the name of the address. What every admin has (add, change, delete) follows from its name."""

NOT_RECORDED: Final = {
    "receive": "the door for webhooks: a machine writes, and the inbox keeps all of it",
    "set_language": "the language of one's own pages",
    "admin:login": "who signs in leaves an entry by Django's signal, a wrong password one of django-axes",
    "sign-in": "as admin:login, which it replaces",
    "admin:logout": "leaves an entry by Django's signal",
    "sign_in:code": "the page says itself who came in and whose code was refused",
    "sign_in:leave": "leaves an entry by Django's signal",
    "console:seen": "marks an order as seen on one's own board",
    "console:preferences": "how one's own board looks",
    "console:discount_total": "computes a sum and changes nothing",
}
"""Addresses whose requests leave no entry of their own, and why."""

_ADMIN_PAGE = re.compile(r"admin:(?P<model>.+)_(?P<page>add|change|delete|changelist)")
_PAGES = {"add": "created", "change": "changed", "delete": "deleted", "changelist": "list_action"}


def address_of(match: ResolverMatch | None) -> Address:
    """Say what a request is for; one that no page makes is named so."""
    if match is None:
        return Address(OTHER)
    if address := ADDRESSES.get(match.view_name):
        parts = {name: str(value).replace("-", "_") for name, value in match.kwargs.items()}
        act = address.act.format(**parts)
        return Address(act if act in ACTS else OTHER, address.model, address.key)
    if page := _ADMIN_PAGE.fullmatch(match.view_name):
        app, _sep, model = page["model"].partition("_")
        return Address(_PAGES[page["page"]], f"{app}.{model}", "object_id")
    return Address(OTHER)


_DETAILS: Final[dict[str, Text]] = {
    "since": pgettext_lazy("audit", "since"),
    "only_failed": _("only those that did not arrive"),
    "count": pgettext_lazy("audit", "how many"),
    "goes_on": _("more are under way"),
    "kind": pgettext_lazy("audit", "format"),
    "filters": pgettext_lazy("audit", "filters"),
    "rotated": _("encrypted with the new key"),
    "tries": _("tries"),
    "last_at": _("last try"),
    "addresses": pgettext_lazy("audit", "addresses"),
}


def detail_words(name: str) -> Text:
    """Return the words for what an entry tells besides fields of its object."""
    return _DETAILS.get(name, name)


def words_of(act: str) -> Text:
    """Return the words for people; those of an act that is known no more are its code."""
    return ACTS.get(act, act)
