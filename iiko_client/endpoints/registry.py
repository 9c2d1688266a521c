"""Every operation we call: path, restriction group, and what may be done after a lost answer.

Paths, groups and which operation is a command: OpenAPI, read 2026-11; a test compares them with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from iiko_client.http.rate_limits import ORDINARY_STEPS_S, SETTINGS_STEPS_S

_V1 = "/api/1/"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of the vendor. A read may be retried after a lost answer, anything else may not.

    A command answers "queued" with a correlation id; ``commands/status`` has its outcome.
    """

    name: str
    group: str
    """The vendor's restriction group; the operation's own name where the schema gives none."""
    is_read: bool
    is_command: bool = False
    may_be_empty: bool = False
    """A 200 without a body is a full answer."""
    ordinary_refusals: frozenset[str] = frozenset()
    """Codes of refusals that callers expect; they do not count against us."""
    ordinary_statuses: frozenset[int] = frozenset()
    is_polled: bool = False
    """The caller asks repeatedly and keeps the pauses: a lost answer is not retried at once."""
    subject: tuple[str, ...] = ()
    """Fields that name the subject of a refusal, where refusals are part of the trade: that one wallet is
    empty does not concern the next. The codes are not documented (docs/iiko.md#refusals-of-wallets)."""
    busy_steps_s: tuple[float, ...] = ORDINARY_STEPS_S
    path: str = ""

    def __post_init__(self) -> None:
        if not self.path:
            object.__setattr__(self, "path", _V1 + self.name)

    @property
    def is_write(self) -> bool:
        return not self.is_read


def _read(
    name: str,
    group: str,
    *,
    refusals: tuple[str, ...] = (),
    statuses: tuple[int, ...] = (),
    is_polled: bool = False,
    busy_steps_s: tuple[float, ...] = ORDINARY_STEPS_S,
) -> Operation:
    return Operation(
        name,
        group,
        is_read=True,
        is_polled=is_polled,
        ordinary_refusals=frozenset(refusals),
        ordinary_statuses=frozenset(statuses),
        busy_steps_s=busy_steps_s,
    )


def _write(
    name: str, group: str, *, may_be_empty: bool = False, busy_steps_s: tuple[float, ...] = ORDINARY_STEPS_S
) -> Operation:
    return Operation(name, group, is_read=False, may_be_empty=may_be_empty, busy_steps_s=busy_steps_s)


def _of_wallet(name: str, *subject: str, may_be_empty: bool = True) -> Operation:
    return Operation(name, _WALLETS, is_read=False, may_be_empty=may_be_empty, subject=subject)


def _command(name: str, group: str) -> Operation:
    return Operation(name, group, is_read=False, is_command=True)


_DICTIONARIES = "Data: dictionaries"
_ORGANIZATION_SETTINGS = "Organizations: settings"
_STATUS = "Order status: changing"
_PAYMENTS = "Order payments: changing"
_DRIVER = "Order driver: changing"
_RECEIVING = "Orders: receiving"
_WALLETS = "Loyalty: wallets"
_GUESTS = "Guests: info"

REVISION_TOO_OLD = "TOO_OLD_REVISION"
TOO_MUCH_DATA = "TOO_MANY_DATA_REQUESTED"
# iiko's codes for "there is no such guest" (docs/iiko.md#unknown-guests).
NO_SUCH_CUSTOMER = ("Validation_IncorrectPhone", "Transport_WrongCustomerNumber")

ORGANIZATIONS = _read("organizations", _DICTIONARIES)
TERMINAL_GROUPS = _read("terminal_groups", _DICTIONARIES)
TERMINAL_GROUPS_ALIVE = _read("terminal_groups/is_alive", "POS: availability")
COURIERS = _read("employees/couriers", "Drivers: dictionaries")
CANCEL_CAUSES = _read("cancel_causes", _DICTIONARIES)
REMOVAL_TYPES = _read("removal_types", _DICTIONARIES)
DISCOUNTS = _read("discounts", _DICTIONARIES)
PAYMENT_TYPES = _read("payment_types", _DICTIONARIES)
ORDER_TYPES = _read("deliveries/order_types", _DICTIONARIES)
STOP_LISTS = _read("stop_lists", "Data: stoplists")
NOMENCLATURE = _read("nomenclature", "Data: menu")

# 410: the correlation id is no longer known. Not more often than every 2–5 s (docs/iiko.md#command-status).
COMMAND_STATUS = _read("commands/status", "Commands", statuses=(410,), is_polled=True)

# Two projects report strict limits of these two: minutes, not seconds (docs/iiko.md#rate-limits).
WEBHOOK_SETTINGS = _read("webhooks/settings", _ORGANIZATION_SETTINGS, busy_steps_s=SETTINGS_STEPS_S)
UPDATE_WEBHOOK_SETTINGS = _write(
    "webhooks/update_settings", "WebHooks: settings", busy_steps_s=SETTINGS_STEPS_S
)

ORDERS_BY_ID = _read("deliveries/by_id", _RECEIVING)
ORDERS_BY_REVISION = _read("deliveries/by_revision", "Orders: receiving by revision")
ORDERS_BY_DATE = _read("deliveries/by_delivery_date_and_status", _RECEIVING)

UPDATE_STATUS = _command("deliveries/update_order_delivery_status", _STATUS)
CHANGE_DRIVER = _command("deliveries/change_driver_info", _DRIVER)
UPDATE_COURIER = _command("deliveries/update_order_courier", _DRIVER)
CHANGE_PAYMENTS = _command("deliveries/change_payments", _PAYMENTS)
CANCEL = _command("deliveries/cancel", _STATUS)
CLOSE = _command("deliveries/close", _STATUS)
CONFIRM = _command("deliveries/confirm", _STATUS)
CANCEL_CONFIRMATION = _command("deliveries/cancel_confirmation", _STATUS)
CREATE_DELIVERY = _command("deliveries/create", "Orders: creating")

CUSTOMER_INFO = _read("loyalty/iiko/customer/info", _GUESTS, refusals=NO_SUCH_CUSTOMER)
PROGRAMS = _read("loyalty/iiko/program", "Loyalty: dictionaries")
TOPUP = _of_wallet("loyalty/iiko/customer/wallet/topup", "customerId", "walletId")
CHARGEOFF = _of_wallet("loyalty/iiko/customer/wallet/chargeoff", "customerId", "walletId")
HOLD = _of_wallet("loyalty/iiko/customer/wallet/hold", "customerId", "walletId", may_be_empty=False)
CANCEL_HOLD = _of_wallet("loyalty/iiko/customer/wallet/cancel_hold", "transactionId")
TRANSACTIONS_BY_DATE = _read("loyalty/iiko/customer/transactions/by_date", _GUESTS)

OPERATIONS: dict[str, Operation] = {
    operation.name: operation for operation in list(globals().values()) if isinstance(operation, Operation)
}
