"""Guests, their wallets and what moved in them. Names, phones and cards stay out of every repr.

Balances and sums are exact decimals as iiko keeps them: points of a programme need not be money.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NewType

Points = NewType("Points", Decimal)
"""An amount in a wallet: money of a deposit, or points of a bonus programme."""


@dataclass(frozen=True, slots=True)
class Wallet:
    """``type``: 0 deposit or corporate nutrition, 1 bonus, 2 products, 3 discount, 4 certificate."""

    id: str
    name: str
    type: int | None
    balance: Points | None


@dataclass(frozen=True, slots=True)
class GuestCard:
    id: str | None
    number: str | None = field(repr=False)
    track: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Guest:
    """A customer of the loyalty programme; ``birthday`` is the text iiko gave, a date without a clock."""

    id: str
    name: str | None = field(repr=False)
    surname: str | None = field(repr=False)
    middle_name: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    email: str | None = field(repr=False)
    birthday: str | None = field(repr=False)
    comment: str | None = field(repr=False)
    sex: int | None
    """0 not said, 1 male, 2 female."""
    consent: int | None
    """To the use of personal data: 0 unknown, 1 given, 2 withdrawn."""
    is_anonymized: bool
    is_deleted: bool
    cards: tuple[GuestCard, ...]
    categories: tuple[str, ...]
    wallets: tuple[Wallet, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A loyalty programme; ``type`` is numbered as a wallet's."""

    id: str
    name: str
    description: str | None
    type: int | None
    wallet_id: str | None
    is_active: bool


@dataclass(frozen=True, slots=True)
class Transaction:
    """A movement in a wallet. The schema numbers ``type`` without naming the numbers; ``type_name`` does."""

    id: str
    revision: int
    organization_id: str | None
    wallet_id: str | None
    program_id: str | None
    type: int | None
    type_name: str | None
    sum: Points | None
    balance_before: Points | None
    balance_after: Points | None
    comment: str | None
    order_number: int | None
    pos_order_id: str | None
    is_ignored: bool
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """``page_size`` is the server's own where we asked for more."""

    transactions: tuple[Transaction, ...]
    page_number: int | None
    page_size: int | None
