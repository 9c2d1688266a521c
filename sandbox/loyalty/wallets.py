"""The customers' wallets: balances, money held, and the transactions that explain them.

Money is exact. Nothing here recognises a repeat: a top-up that is sent twice is made twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from random import Random
from uuid import UUID, uuid4, uuid5

from sandbox.catalogue.money import ZERO, kopecks
from sandbox.catalogue.world import Organization, RegularGuest, World
from sandbox.http.request import bad_request


class TransactionType(IntEnum):
    """Numbers of the vendor's enum, which gives them no names (OpenAPI): which is which is a guess."""

    TOP_UP = 9
    CHARGE_OFF = 10
    HOLD = 11
    CANCEL_HOLD = 12


@dataclass(frozen=True, slots=True)
class Transaction:
    """One change of one wallet; ``sum`` is negative where money leaves it."""

    id: UUID
    revision: int
    at: datetime
    kind: TransactionType
    wallet_id: UUID
    sum: Decimal
    before: Decimal
    comment: str | None
    login: str

    @property
    def after(self) -> Decimal:
        return self.before + self.sum


# Key, name, kind and wallet. Money and points come first; the others, whose rules are not simulated, are
# moved as money is.
PROGRAMS = (
    ("bonus", "Бонусы за заказ", 1, "Бонусы"),
    ("deposit", "Депозит", 0, "Депозит"),
    ("products", "Десятый кофе в подарок", 2, "Кофе"),
    ("discount", "Скидка постоянного гостя", 3, "Скидка"),
    ("certificate", "Подарочные сертификаты", 4, "Сертификат"),
)


@dataclass(frozen=True, slots=True)
class Program:
    """A programme of a restaurant, and the wallet that every customer has in it."""

    id: UUID
    name: str
    kind: int
    wallet_id: UUID
    wallet_name: str


@dataclass(slots=True)
class Customer:
    guest: RegularGuest
    email: str
    card_track: str
    card_number: str
    registered_at: datetime
    balances: dict[UUID, Decimal]
    transactions: list[Transaction] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Posting:
    """When a transaction is booked, by whom and with which remark."""

    at: datetime
    login: str
    comment: str | None


_KNOWN_BY: dict[str, Callable[[Customer], str]] = {
    "phone": lambda customer: _digits(customer.guest.phone),
    "cardTrack": lambda customer: customer.card_track,
    "cardNumber": lambda customer: customer.card_number,
    "email": lambda customer: customer.email,
    "id": lambda customer: str(customer.guest.id),
}


class Accounts:
    """The customers of one restaurant with their wallets; refuses as the vendor does: a 400 with its code."""

    def __init__(
        self, organization: Organization, opened_at: datetime, next_revision: Callable[[], int]
    ) -> None:
        def make_id(kind: str, key: str) -> UUID:
            return uuid5(organization.id, f"{kind}/{key}")

        self.programs = tuple(
            Program(make_id("program", key), name, kind, make_id("wallet", key), wallet)
            for key, name, kind, wallet in PROGRAMS
        )
        self._next_revision = next_revision
        self._holds: dict[UUID, tuple[Customer, UUID, Decimal]] = {}
        self._count = 0
        self._organization = organization
        self.customers = [
            self._customer(guest, number, opened_at) for number, guest in enumerate(organization.regulars)
        ]

    def _customer(self, guest: RegularGuest, number: int, opened_at: datetime) -> Customer:
        random = Random(f"{guest.id}/loyalty")
        balances = [Decimal(random.randint(0, 150_000)) / 100, Decimal(random.randint(0, 10) * 500)]
        balances += [Decimal(random.randint(0, 9)), ZERO, Decimal(random.randint(0, 2) * 1000)]
        wallets = (program.wallet_id for program in self.programs)
        return Customer(
            guest=guest,
            email=f"guest{guest.phone[-4:]}@example.com",
            card_track=f"9{guest.phone[-4:]}{number:03d}",
            card_number=f"7700{guest.phone[-4:]}",
            registered_at=opened_at - timedelta(days=random.randint(10, 900)),
            balances=dict(zip(wallets, map(kopecks, balances), strict=True)),
        )

    def find(self, kind: str, value: str) -> Customer:
        """Find a customer by phone, card, e-mail or id.

        Raises:
            ApiError: there is none; the vendor has no empty answer.
        """
        wanted = _digits(value) if kind == "phone" else value.lower()
        if kind == "phone" and not 10 <= len(wanted) <= 15:
            raise bad_request(f"Incorrect phone: {value}", "Validation_IncorrectPhone")
        for customer in self.customers:
            if _KNOWN_BY[kind](customer) == wanted:
                return customer
        raise bad_request("Customer is not found", "Transport_WrongCustomerNumber")

    def customer(self, customer_id: UUID) -> Customer:
        return self.find("id", str(customer_id))

    def move(
        self,
        kind: TransactionType,
        customer_id: UUID,
        wallet_id: UUID,
        amount: Decimal,
        posting: Posting,
        hold_id: UUID | None = None,
    ) -> UUID:
        """Book a top-up, a charge-off or a hold; one id can be held once.

        Returns: the id of the transaction.
        """
        customer = self.customer(customer_id)
        if wallet_id not in customer.balances:
            raise bad_request("Wallet is not found", "Wallet_NotFound")
        if amount <= 0:
            raise bad_request("Sum should be positive", "Validation_SumShouldBePositive")
        if hold_id in self._holds:
            # Whether the vendor refuses a repeat is not known: this is a guess.
            raise bad_request("Transaction with this id already exists", "Transaction_AlreadyExists")
        if kind is TransactionType.TOP_UP:
            return self._book(customer, wallet_id, amount, kind, posting)
        if customer.balances[wallet_id] < amount:
            raise bad_request("Not enough money in the wallet", "Wallet_NotEnoughMoney")
        if kind is TransactionType.HOLD:
            hold_id = hold_id or uuid4()
            self._holds[hold_id] = customer, wallet_id, amount
        return self._book(customer, wallet_id, -amount, kind, posting, hold_id)

    def cancel_hold(self, hold_id: UUID, posting: Posting) -> None:
        if hold_id not in self._holds:
            raise bad_request("Transaction is not found", "Transaction_NotFound")
        self._book(*self._holds.pop(hold_id), TransactionType.CANCEL_HOLD, posting)

    def _book(
        self,
        customer: Customer,
        wallet_id: UUID,
        amount: Decimal,
        kind: TransactionType,
        posting: Posting,
        transaction_id: UUID | None = None,
    ) -> UUID:
        self._count += 1
        booked = Transaction(
            id=transaction_id or uuid5(self._organization.id, f"{posting.at.isoformat()}/{self._count}"),
            revision=self._next_revision(),
            at=posting.at,
            kind=kind,
            wallet_id=wallet_id,
            sum=amount,
            before=customer.balances[wallet_id],
            comment=posting.comment,
            login=posting.login,
        )
        customer.balances[wallet_id] = booked.after
        customer.transactions.append(booked)
        return booked.id


class Loyalty:
    """The accounts of all restaurants. Not thread-safe."""

    def __init__(self, world: World, opened_at: datetime) -> None:
        self._last = int(opened_at.timestamp())
        self._accounts = {
            each.id: Accounts(each, opened_at, self._next_revision) for each in world.organizations
        }

    def accounts(self, organization: Organization) -> Accounts:
        return self._accounts[organization.id]

    def _next_revision(self) -> int:
        self._last += 1
        return self._last


def _digits(phone: str) -> str:
    return "".join(sign for sign in phone if sign.isdigit())
