"""Guests and their wallets (loyalty). All answers are immediate; nothing here is a command.

Where the restaurant has no loyalty every call is refused with 400 (docs/iiko.md#restaurants-without-loyalty).
"""

from datetime import datetime

from iiko_client.endpoints import registry
from iiko_client.endpoints.base import Body, OperationGroup
from iiko_client.endpoints.registry import NO_SUCH_CUSTOMER, Operation
from iiko_client.http.errors import IikoRejected
from iiko_client.json_reader import Reader
from iiko_client.models.loyalty import Guest, Points, Program, Transaction, TransactionPage
from iiko_client.records import read

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
            return self._ask(
                body.text("type", way).text(way, value),
                lambda answer: read(Guest, answer.reader, id=answer.need("id", Reader.ident)),
            )
        except IikoRejected as error:
            if error.code in NO_SUCH_CUSTOMER:
                return None
            raise

    def programs(self, *, organization_id: str) -> tuple[Program, ...]:
        body = Body(registry.PROGRAMS).ident("organizationId", organization_id)
        # A capital P in the schema and in the answers seen (docs/iiko.md#kinds-of-wallets).
        return self._ask(
            body.put("withoutMarketingCampaigns", True),
            lambda answer: answer.records(Program, "Programs", "programs"),
        )

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
        return self._ask(
            body.ident("transactionId", transaction_id),
            lambda answer: answer.reader.read("transactionId", Reader.ident) or transaction_id,
        )

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
        body.whole("pageSize", page_size, least=1, most=LARGEST_PAGE)
        return self._ask(body, lambda answer: TransactionPage(answer.records(Transaction, "transactions")))


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
