"""Guests and their wallets (loyalty). All answers are immediate; nothing here is a command.

Where the restaurant has no loyalty every call is refused with 400 (docs/iiko.md#restaurants-without-loyalty).
"""

from __future__ import annotations

from datetime import datetime

from iiko_client.endpoints import registry
from iiko_client.endpoints.base import Body, OperationGroup, members, name_of, need
from iiko_client.endpoints.registry import NO_SUCH_CUSTOMER, Operation
from iiko_client.http.errors import IikoRejected
from iiko_client.json_reader import Reader
from iiko_client.models.loyalty import (
    Guest,
    GuestCard,
    Points,
    Program,
    Transaction,
    TransactionPage,
    Wallet,
)

LARGEST_PAGE = 1000  # a guess: the schema says only that more than the server's maximum is ignored


class Loyalty(OperationGroup):
    """Customers, programmes, wallets."""

    def guest(
        self,
        *,
        organization_id: str,
        phone: str | None = None,
        card_track: str | None = None,
        card_number: str | None = None,
        email: str | None = None,
        id: str | None = None,  # noqa: A002  # the vendor's fifth way, named as the four others are
    ) -> Guest | None:
        """Find a customer by one field; None: there is none (a 400, docs/iiko.md#unknown-guests)."""
        ways = {"phone": phone, "cardTrack": card_track, "cardNumber": card_number, "email": email, "id": id}
        given = {way: value for way, value in ways.items() if value}
        body = Body(registry.CUSTOMER_INFO).ident("organizationId", organization_id)
        if len(given) != 1:
            body.refuse("a customer is looked for in exactly one way")
        [(way, value)] = given.items()
        try:
            reading = self._call(body.text("type", way).text(way, value))
        except IikoRejected as error:
            if error.code in NO_SUCH_CUSTOMER:
                return None
            raise
        guest_id = reading.need("id", Reader.ident)
        return reading.done(_guest(reading.reader, guest_id))

    def programs(self, *, organization_id: str) -> tuple[Program, ...]:
        body = Body(registry.PROGRAMS).ident("organizationId", organization_id)
        reading = self._call(body.put("withoutMarketingCampaigns", True))
        # A capital P in the schema and in the answers seen (docs/iiko.md#kinds-of-wallets).
        return reading.done(reading.list_of(_program, "Programs", "programs"))

    def top_up(
        self, *, organization_id: str, customer_id: str, wallet_id: str, amount: Points, comment: str
    ) -> None:
        """Add to a wallet. Sent twice, it is added twice: put a marker in ``comment`` to find it again by."""
        self._call(_wallet_change(registry.TOPUP, organization_id, customer_id, wallet_id, amount, comment))

    def charge_off(
        self, *, organization_id: str, customer_id: str, wallet_id: str, amount: Points, comment: str
    ) -> None:
        """Take from a wallet. Sent twice, it is taken twice: put a marker in ``comment`` as in ``top_up``."""
        self._call(
            _wallet_change(registry.CHARGEOFF, organization_id, customer_id, wallet_id, amount, comment)
        )

    def hold(
        self,
        *,
        organization_id: str,
        customer_id: str,
        wallet_id: str,
        amount: Points,
        transaction_id: str,
        comment: str | None = None,
    ) -> str:
        """Hold an amount under a transaction id of our own; return the id that iiko stores.

        What iiko does with an id it has already is not documented; a test on a real account would show it.
        """
        body = _wallet_change(registry.HOLD, organization_id, customer_id, wallet_id, amount, comment)
        reading = self._call(body.ident("transactionId", transaction_id))
        kept = reading.reader.read("transactionId", Reader.ident)
        return reading.done(kept or transaction_id)

    def cancel_hold(self, *, organization_id: str, transaction_id: str) -> None:
        """Release a hold."""
        body = Body(registry.CANCEL_HOLD).ident("organizationId", organization_id)
        self._call(body.ident("transactionId", transaction_id))

    def transactions_by_date(
        self,
        *,
        organization_id: str,
        customer_id: str,
        since: datetime,
        until: datetime,
        page_number: int = 0,
        page_size: int = 100,
    ) -> TransactionPage:
        """Return a page of a customer's movements, both ends included; pages count from 0."""
        body = _of_customer(registry.TRANSACTIONS_BY_DATE, organization_id, customer_id)
        body.utc("dateFrom", since).utc("dateTo", until)
        body.whole("pageNumber", page_number, least=0, most=2**31 - 1)
        reading = self._call(body.whole("pageSize", page_size, least=1, most=LARGEST_PAGE))
        return reading.done(
            TransactionPage(
                transactions=reading.list_of(_transaction, "transactions"),
                page_number=reading.reader.read("pageNumber", Reader.integer),
                page_size=reading.reader.read("pageSize", Reader.integer),
            )
        )


def _of_customer(operation: Operation, organization_id: str, customer_id: str) -> Body:
    return Body(operation).ident("organizationId", organization_id).ident("customerId", customer_id)


def _wallet_change(
    operation: Operation,
    organization_id: str,
    customer_id: str,
    wallet_id: str,
    amount: Points,
    comment: str | None,
) -> Body:
    body = _of_customer(operation, organization_id, customer_id).ident("walletId", wallet_id)
    return body.positive("sum", amount).text("comment", comment)


def _points(reader: Reader, key: str) -> Points | None:
    value = reader.read(key, Reader.decimal)
    return None if value is None else Points(value)


def _guest(wire: Reader, guest_id: str) -> Guest:
    categories = wire.read("categories", Reader.children) or []
    return Guest(
        id=guest_id,
        name=wire.read("name", Reader.label),
        surname=wire.read("surname", Reader.label),
        middle_name=wire.read("middleName", Reader.label),
        phone=wire.read("phone", Reader.label),
        email=wire.read("email", Reader.label),
        birthday=wire.read("birthday", Reader.label),
        comment=wire.read("comment", Reader.label),
        sex=wire.read("sex", Reader.integer),
        consent=wire.read("consentStatus", Reader.integer),
        is_anonymized=bool(wire.read("anonymized", Reader.boolean)),
        is_deleted=bool(wire.read("isDeleted", Reader.boolean)),
        cards=members(_card, wire.read("cards", Reader.children) or []),
        categories=tuple(name for category in categories if (name := category.read("name", Reader.label))),
        wallets=members(_wallet, wire.read("walletBalances", Reader.children) or []),
    )


def _card(wire: Reader) -> GuestCard:
    return GuestCard(
        id=wire.read("id", Reader.ident),
        number=wire.read("number", Reader.label),
        track=wire.read("track", Reader.label),
    )


def _wallet(wire: Reader) -> Wallet:
    return Wallet(
        id=need(wire, "id", Reader.ident),
        name=name_of(wire),
        type=wire.read("type", Reader.integer),
        balance=_points(wire, "balance"),
    )


def _program(wire: Reader) -> Program:
    return Program(
        id=need(wire, "id", Reader.ident),
        name=name_of(wire),
        description=wire.read("description", Reader.label),
        type=wire.read("programType", Reader.integer),
        wallet_id=wire.read("walletId", Reader.ident),
        is_active=bool(wire.read("isActive", Reader.boolean)),
    )


def _transaction(wire: Reader) -> Transaction:
    return Transaction(
        id=need(wire, "id", Reader.ident),
        revision=need(wire, "revision", Reader.integer),
        organization_id=wire.read("organizationId", Reader.ident),
        wallet_id=wire.read("walletId", Reader.ident),
        program_id=wire.read("programId", Reader.ident),
        type=wire.read("type", Reader.integer),
        type_name=wire.read("typeName", Reader.label),
        sum=_points(wire, "sum"),
        balance_before=_points(wire, "balanceBefore"),
        balance_after=_points(wire, "balanceAfter"),
        comment=wire.read("comment", Reader.label),
        order_number=wire.read("orderNumber", Reader.integer),
        pos_order_id=wire.read("posOrderId", Reader.ident),
        is_ignored=bool(wire.read("isIgnored", Reader.boolean)),
        created_at=wire.read("whenCreated", Reader.utc_time),
    )
