"""Guests, their wallets and what moved in them. Names, phones and cards stay out of every repr.

Balances and sums are exact decimals as iiko keeps them: points of a programme need not be money.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NewType

from iiko_client.json_reader import Reader
from iiko_client.records import essential, flag, many, text, wire

Points = NewType("Points", Decimal)
"""An amount in a wallet: money of a deposit, or points of a bonus programme."""


def points(reader: Reader, key: str) -> Points | None:
    value = reader.decimal(key)
    return None if value is None else Points(value)


@dataclass(frozen=True, slots=True)
class Wallet:
    """``type``: 0 deposit or corporate nutrition, 1 bonus, 2 products, 3 discount, 4 certificate."""

    id: str = essential("id", Reader.ident)
    name: str = text("name")
    type: int | None = wire("type", Reader.integer)
    balance: Points | None = wire("balance", points)


@dataclass(frozen=True, slots=True)
class GuestCard:
    id: str | None = wire("id", Reader.ident)
    number: str | None = wire("number", Reader.label, repr=False)
    track: str | None = wire("track", Reader.label, repr=False)


@dataclass(frozen=True, slots=True)
class Guest:
    """A customer of the loyalty programme."""

    id: str = essential("id", Reader.ident)
    name: str | None = wire("name", Reader.label, repr=False)
    surname: str | None = wire("surname", Reader.label, repr=False)
    phone: str | None = wire("phone", Reader.label, repr=False)
    email: str | None = wire("email", Reader.label, repr=False)
    is_deleted: bool = flag("isDeleted")
    cards: tuple[GuestCard, ...] = many("cards", GuestCard)
    wallets: tuple[Wallet, ...] = many("walletBalances", Wallet)


@dataclass(frozen=True, slots=True)
class Program:
    """A loyalty programme."""

    id: str = essential("id", Reader.ident)
    name: str = text("name")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A movement in a wallet."""

    id: str = essential("id", Reader.ident)
    revision: int = essential("revision", Reader.integer)
    organization_id: str | None = wire("organizationId", Reader.ident)
    wallet_id: str | None = wire("walletId", Reader.ident)
    sum: Points | None = wire("sum", points)
    balance_before: Points | None = wire("balanceBefore", points)
    balance_after: Points | None = wire("balanceAfter", points)
    comment: str | None = wire("comment", Reader.label)
    order_number: int | None = wire("orderNumber", Reader.integer)
    pos_order_id: str | None = wire("posOrderId", Reader.ident)
    created_at: datetime | None = wire("whenCreated", Reader.utc_time)


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """Its length does not tell the last page: the server's largest page is not known."""

    transactions: tuple[Transaction, ...]
