"""The loyalty operations: who a customer is, what lies in the wallets, and the transactions."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from sandbox.catalogue.money import KOPECK
from sandbox.http.call import Call, OfRestaurant, operation
from sandbox.http.request import Amount, Choice, Length, Range, camel, instant, wrong
from sandbox.http.vendor_json import Json, falses, nulls, pick
from sandbox.loyalty.wallets import Accounts, Customer, Posting, Transaction, TransactionType

_SEARCHES = {camel(name): name for name in ("phone", "card_track", "card_number", "email", "id")}
_TYPE_NAMES = {
    TransactionType.TOP_UP: "RefillWallet",
    TransactionType.CHARGE_OFF: "PayFromWallet",
    TransactionType.HOLD: "HoldMoney",
    TransactionType.CANCEL_HOLD: "CancelHoldMoney",
}
_LARGEST_PAGE = 1000
Text100 = Annotated[str, Length(100, shortest=1)]


def _accounts(call: Call, request: OfRestaurant) -> Accounts:
    return call.simulator.loyalty.accounts(call.organization(request))


class CustomerRequest(OfRestaurant):
    type: Annotated[str, Choice(tuple(_SEARCHES))]
    phone: Text100 | None = None
    card_track: Text100 | None = None
    card_number: Text100 | None = None
    email: Text100 | None = None
    id: UUID | None = None


@operation("loyalty/iiko/customer/info")
def _customer_info(call: Call, request: CustomerRequest) -> Json:
    accounts, value = _accounts(call, request), getattr(request, _SEARCHES[request.type])
    if value is None:
        what = "None is not a uuid" if request.type == "id" else "a string is expected"
        raise wrong(request.type, what)
    return _customer(accounts.find(request.type, str(value)), accounts, request)


def _customer(customer: Customer, accounts: Accounts, request: OfRestaurant) -> Json:
    guest = customer.guest
    card = {"id": UUID(int=guest.id.int ^ 1), "track": customer.card_track, "number": customer.card_number}
    balances = [
        {
            "id": program.wallet_id,
            "name": program.wallet_name,
            "type": program.kind,
            "balance": customer.balances[program.wallet_id],
        }
        for program in accounts.programs
    ]
    receives = ("shouldReceivePromoActionsInfo", "shouldReceiveLoyaltyInfo", "shouldReceiveOrderStatusInfo")
    restaurants = ("lastVisitedOrganizationId", "registrationOrganizationId")
    return {
        **pick(guest, "id name surname phone"),
        **nulls("referrerId middleName comment birthday userData"),
        **falses("anonymized isDeleted"),
        **dict.fromkeys(receives, True),
        **dict.fromkeys(restaurants, request.organization_id),
        "cultureName": "ru-RU",
        "email": customer.email,
        "sex": 2 if guest.gender == "Female" else 1,
        "consentStatus": 1,
        "cards": [{**card, "validToDate": None}],
        "categories": [],
        "walletBalances": balances,
        "whenRegistered": customer.registered_at,
    }


class ProgramsRequest(OfRestaurant):
    without_marketing_campaigns: bool | None = None


@operation("loyalty/iiko/program")
def _programs(call: Call, request: ProgramsRequest) -> Json:
    shared = {
        "description": "",
        "serviceFrom": call.simulator.started_at.replace(month=1, day=1, hour=0, minute=0),
        "serviceTo": None,
        "isActive": True,
        "marketingCampaigns": [],
        "appliedOrganizations": [request.organization_id],
        **dict.fromkeys(("templateType", "refillType"), 0),
        **falses("notifyAboutBalanceChanges isExchangeRateEnabled"),
    }
    programs = _accounts(call, request).programs
    rows = [{**pick(each, "id name wallet_id"), "programType": each.kind, **shared} for each in programs]
    # With a capital letter, alone among all answers.
    return {"Programs": rows}


# --- wallets ---


class _Commented(OfRestaurant):
    comment: str | None = None

    def posting(self, call: Call) -> Posting:
        return Posting(call.now, call.login.name, self.comment)


class WalletRequest(_Commented):
    customer_id: UUID
    wallet_id: UUID
    sum: Amount

    def move(self, call: Call, kind: TransactionType, hold_id: UUID | None = None) -> UUID:
        """Move the sum, to the kopeck; a part of one is refused, not rounded."""
        accounts, amount = _accounts(call, self), self.sum.quantize(KOPECK)
        if self.sum != amount:
            raise wrong("sum", "at most two decimal places are expected")
        return accounts.move(kind, self.customer_id, self.wallet_id, amount, self.posting(call), hold_id)


class HoldRequest(WalletRequest):
    transaction_id: UUID | None = None


class CancelHoldRequest(_Commented):
    transaction_id: UUID


@operation("loyalty/iiko/customer/wallet/topup")
def _top_up(call: Call, request: WalletRequest) -> Json:
    request.move(call, TransactionType.TOP_UP)
    return {}


@operation("loyalty/iiko/customer/wallet/chargeoff")
def _charge_off(call: Call, request: WalletRequest) -> Json:
    request.move(call, TransactionType.CHARGE_OFF)
    return {}


@operation("loyalty/iiko/customer/wallet/hold")
def _hold(call: Call, request: HoldRequest) -> Json:
    return {"transactionId": request.move(call, TransactionType.HOLD, request.transaction_id)}


@operation("loyalty/iiko/customer/wallet/cancel_hold")
def _cancel_hold(call: Call, request: CancelHoldRequest) -> Json:
    _accounts(call, request).cancel_hold(request.transaction_id, request.posting(call))
    return {}


# --- transactions ---


class _PageRequest(OfRestaurant):
    customer_id: UUID
    page_size: Annotated[int, Range(1)]

    @property
    def size(self) -> int:
        return min(self.page_size, _LARGEST_PAGE)


class ByDateRequest(_PageRequest):
    date_from: datetime
    date_to: datetime
    page_number: Annotated[int, Range()]


class ByRevisionRequest(_PageRequest):
    revision: Annotated[int, Range()] | None = None
    last_transaction_id: UUID | None = None


@operation("loyalty/iiko/customer/transactions/by_date")
def _by_date(call: Call, request: ByDateRequest) -> Json:
    """Give a page of the transactions between two instants, both included."""
    customer = _accounts(call, request).customer(request.customer_id)
    first, last = instant(request.date_from, UTC), instant(request.date_to, UTC)
    page, size = request.page_number, request.size
    found = [each for each in customer.transactions if first <= each.at <= last]
    rows = [_transaction(each, request) for each in found[page * size : (page + 1) * size]]
    return {"transactions": rows, "pageSize": size, "pageNumber": page}


@operation("loyalty/iiko/customer/transactions/by_revision")
def _by_revision(call: Call, request: ByRevisionRequest) -> Json:
    """Give the first transactions after a revision."""
    customer = _accounts(call, request).customer(request.customer_id)
    start, size = request.revision or 0, request.size
    found = [each for each in customer.transactions if each.revision > start][:size]
    return {
        "transactions": [_transaction(each, request) for each in found],
        "lastRevision": found[-1].revision if found else start,
        "lastTransactionId": found[-1].id if found else None,
        "pageSize": size,
    }


def _transaction(transaction: Transaction, request: OfRestaurant) -> Json:
    return {
        **pick(transaction, "id revision wallet_id sum"),
        "organizationId": request.organization_id,
        "apiClientLogin": transaction.login,
        "type": int(transaction.kind),
        "typeName": _TYPE_NAMES[transaction.kind],
        "balanceBefore": transaction.before,
        "balanceAfter": transaction.after,
        "comment": transaction.comment or "",
        "whenCreated": transaction.at,
        "isIgnored": False,
    }
