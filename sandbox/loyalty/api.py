"""The loyalty operations: who a guest is, what lies in the wallets and how it came there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from decimal import Decimal
from functools import wraps
from uuid import UUID

from sandbox.catalogue.money import KOPECK
from sandbox.catalogue.world import Organization
from sandbox.http.call import Call, Operation, Operations
from sandbox.http.errors import bad_request
from sandbox.loyalty.wallets import (
    Accounts,
    Customer,
    LoyaltyRefusal,
    Posting,
    Program,
    Transaction,
    TransactionType,
)
from sandbox.orders.serializer import Json, vendor_date

_SEARCHES = ("phone", "cardTrack", "cardNumber", "email", "id")
_TYPE_NAMES = {
    TransactionType.TOP_UP: "RefillWallet",
    TransactionType.CHARGE_OFF: "PayFromWallet",
    TransactionType.HOLD: "HoldMoney",
    TransactionType.CANCEL_HOLD: "CancelHoldMoney",
}
_LARGEST_PAGE = 1000


def _refusable(operation: Operation) -> Operation:
    """Answer what the loyalty refuses as the vendor does: a 400 with its code."""

    @wraps(operation)
    def answer_refusal(call: Call) -> Json | None:
        try:
            return operation(call)
        except LoyaltyRefusal as refusal:
            raise bad_request(refusal.message, refusal.code) from refusal

    return answer_refusal


def _accounts(call: Call) -> tuple[Organization, Accounts]:
    organization = call.organization()
    return organization, call.simulator.loyalty.accounts(organization)


def _customer_info(call: Call) -> Json:
    organization, accounts = _accounts(call)
    kind = call.body.choice("type", _SEARCHES)
    value = str(call.body.id("id")) if kind == "id" else call.body.text(kind, shortest=1, longest=100)
    return _customer(accounts.find(kind, value), accounts, organization)


def _customer(customer: Customer, accounts: Accounts, organization: Organization) -> Json:
    guest = customer.guest
    return {
        "id": str(guest.id),
        "referrerId": None,
        "name": guest.name,
        "surname": guest.surname,
        "middleName": None,
        "comment": None,
        "phone": guest.phone,
        "cultureName": "ru-RU",
        "birthday": None,
        "email": customer.email,
        "sex": 2 if guest.gender == "Female" else 1,
        "consentStatus": 1,
        "anonymized": False,
        "cards": [
            {
                "id": str(UUID(int=guest.id.int ^ 1)),
                "track": customer.card_track,
                "number": customer.card_number,
                "validToDate": None,
            }
        ],
        "categories": [],
        "walletBalances": [_balance(program, customer) for program in accounts.programs],
        "userData": None,
        "shouldReceivePromoActionsInfo": True,
        "shouldReceiveLoyaltyInfo": True,
        "shouldReceiveOrderStatusInfo": True,
        "isDeleted": False,
        "whenRegistered": vendor_date(customer.registered_at, UTC),
        "lastVisitedOrganizationId": str(organization.id),
        "registrationOrganizationId": str(organization.id),
    }


def _balance(program: Program, customer: Customer) -> Json:
    return {
        "id": str(program.wallet_id),
        "name": program.wallet_name,
        "type": program.kind,
        "balance": float(customer.balances[program.wallet_id]),
    }


def _programs(call: Call) -> Json:
    organization, accounts = _accounts(call)
    call.body.flag_or_none("withoutMarketingCampaigns")
    since = vendor_date(call.simulator.started_at.replace(month=1, day=1, hour=0, minute=0), UTC)
    # With a capital letter, alone among all answers.
    return {"Programs": [_program(program, organization, since) for program in accounts.programs]}


def _program(program: Program, organization: Organization, since: str) -> Json:
    return {
        "id": str(program.id),
        "name": program.name,
        "description": "",
        "serviceFrom": since,
        "serviceTo": None,
        "notifyAboutBalanceChanges": False,
        "programType": program.kind,
        "isActive": True,
        "walletId": str(program.wallet_id),
        "marketingCampaigns": [],
        "appliedOrganizations": [str(organization.id)],
        "templateType": 0,
        "isExchangeRateEnabled": False,
        "refillType": 0,
    }


# --- wallets ---


def _top_up(call: Call) -> Json:
    _, accounts = _accounts(call)
    accounts.top_up(call.body.id("customerId"), call.body.id("walletId"), _sum(call), _posting(call))
    return {}


def _charge_off(call: Call) -> Json:
    _, accounts = _accounts(call)
    accounts.charge_off(call.body.id("customerId"), call.body.id("walletId"), _sum(call), _posting(call))
    return {}


def _hold(call: Call) -> Json:
    _, accounts = _accounts(call)
    hold_id = accounts.hold(
        call.body.id("customerId"),
        call.body.id("walletId"),
        _sum(call),
        call.body.id_or_none("transactionId"),
        _posting(call),
    )
    return {"transactionId": str(hold_id)}


def _cancel_hold(call: Call) -> Json:
    _, accounts = _accounts(call)
    accounts.cancel_hold(call.body.id("transactionId"), _posting(call))
    return {}


def _sum(call: Call) -> Decimal:
    """Read the sum to the kopeck; a part of one is refused, not rounded."""
    amount = call.body.number("sum")
    if amount != amount.quantize(KOPECK):
        raise call.body.wrong("sum", "at most two decimal places are expected")
    return amount.quantize(KOPECK)


def _posting(call: Call) -> Posting:
    return Posting(call.now, call.login.name, call.body.text_or_none("comment"))


# --- transactions ---


def _by_date(call: Call) -> Json:
    """Give a page of the transactions between two instants, both included."""
    organization, accounts = _accounts(call)
    customer = accounts.customer(call.body.id("customerId"))
    first, last = call.body.moment("dateFrom"), call.body.moment("dateTo")
    page, size = call.body.whole("pageNumber"), _page_size(call)
    found = [each for each in customer.transactions if first <= each.at <= last]
    return {
        "transactions": _page(found[page * size : (page + 1) * size], organization),
        "pageSize": size,
        "pageNumber": page,
    }


def _by_revision(call: Call) -> Json:
    """Give the first transactions after a revision."""
    organization, accounts = _accounts(call)
    customer = accounts.customer(call.body.id("customerId"))
    start, size = call.body.whole_or_none("revision") or 0, _page_size(call)
    call.body.id_or_none("lastTransactionId")
    found = [each for each in customer.transactions if each.revision > start][:size]
    return {
        "transactions": _page(found, organization),
        "lastRevision": found[-1].revision if found else start,
        "lastTransactionId": str(found[-1].id) if found else None,
        "pageSize": size,
    }


def _page_size(call: Call) -> int:
    return min(call.body.whole("pageSize", lowest=1), _LARGEST_PAGE)


def _page(transactions: list[Transaction], organization: Organization) -> list[Json]:
    return [_transaction(each, organization) for each in transactions]


def _transaction(transaction: Transaction, organization: Organization) -> Json:
    return {
        "id": str(transaction.id),
        "revision": transaction.revision,
        "organizationId": str(organization.id),
        "apiClientLogin": transaction.login,
        "type": int(transaction.kind),
        "typeName": _TYPE_NAMES[transaction.kind],
        "walletId": str(transaction.wallet_id),
        "sum": float(transaction.sum),
        "balanceBefore": float(transaction.before),
        "balanceAfter": float(transaction.after),
        "comment": transaction.comment or "",
        "whenCreated": vendor_date(transaction.at, UTC),
        "isIgnored": False,
    }


_PLAYED: dict[str, Callable[[Call], Json]] = {
    "customer/info": _customer_info,
    "program": _programs,
    "customer/wallet/topup": _top_up,
    "customer/wallet/chargeoff": _charge_off,
    "customer/wallet/hold": _hold,
    "customer/wallet/cancel_hold": _cancel_hold,
    "customer/transactions/by_date": _by_date,
    "customer/transactions/by_revision": _by_revision,
}
OPERATIONS: Operations = {
    f"loyalty/iiko/{path}": _refusable(operation) for path, operation in _PLAYED.items()
}
