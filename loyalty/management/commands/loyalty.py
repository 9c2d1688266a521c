"""Wallets of guests from the shell: move money, release holds, look, compare."""

import time
from argparse import ArgumentParser
from datetime import UTC

from django.core.management.base import CommandError, CommandParser, no_translations

from audit.commands import AuditedCommand
from core.database import db_clock
from core.errors import HubError
from core.values.ids import searchable_id
from iiko_client.units import MinorUnits, NotMoney, text_to_minor, to_major
from loyalty.admin.display import balance_text, kind_text, wait_text
from loyalty.models import LoyaltyOperation, OperationKind
from loyalty.refusals import explain_detail
from loyalty.wallets import balance_check, dispatch, submission
from loyalty.wallets.customers import Way, find_customer
from loyalty.wallets.queue import wait_of
from loyalty.wallets.submission import TransferRequest
from orders.commands.submission import Requester
from organizations.errors import UnknownOrganization
from organizations.models.organization import Organization

SHELL = Requester("manage.py loyalty", "shell")

_MOVES = {
    OperationKind.TOPUP: "add to a wallet",
    OperationKind.WITHDRAW: "take from a wallet",
    OperationKind.HOLD: "hold money of a wallet",
}
UNDER_WAY = 3
"""Exit code: neither done nor refused when the waiting ended."""


class Command(AuditedCommand):
    help = (
        "Move money in a guest's wallet and wait for the outcome: 0 done, 1 refused or not done, 3 still "
        "under way. Interrupted or not waited for, it is carried on by the worker: look with `manage.py "
        "loyalty show NUMBER`, do not simply repeat it. Start with `customer`, which shows the wallets."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        for kind, words in _MOVES.items():
            one = verbs.add_parser(kind.value, help=words)
            one.add_argument("organization", metavar="ORGANIZATION", help="iiko id")
            one.add_argument("customer", metavar="CUSTOMER", help="iiko id of the guest")
            one.add_argument("wallet", metavar="WALLET", help="iiko id of the wallet")
            one.add_argument("amount", metavar="AMOUNT", help="in major units: 1520.50")
            one.add_argument("--comment", required=True, help="the reason, kept and sent to iiko")
            one.add_argument("--order", type=int, metavar="ID", help="the hub's id of the order it is for")
            _add_wait(one)
        cancel = verbs.add_parser("cancel-hold", help="release a hold")
        cancel.add_argument("transaction", metavar="TRANSACTION", help="transaction id of the hold")
        cancel.add_argument("--comment", default="", help="the reason, kept")
        _add_wait(cancel)
        call_off = verbs.add_parser("cancel", help="cancel an operation that was not sent yet")
        call_off.add_argument("number", type=int)
        call_off.add_argument("--comment", required=True, help="the reason, kept")
        show = verbs.add_parser("show", help="an operation with its steps")
        show.add_argument("number", type=int)
        find = verbs.add_parser("customer", help="a guest with the balances")
        find.add_argument("organization", metavar="ORGANIZATION", help="iiko id")
        for way in Way:
            find.add_argument(f"--{way.value}")
        verbs.add_parser("check", help="compare ledger, balances and iiko's transactions now")

    @no_translations
    def handle(self, *_: object, verb: str, **options: object) -> None:
        try:
            name = "move" if verb in _MOVES else verb.replace("-", "_")
            getattr(self, f"_{name}")(verb=verb, **options)
        except HubError as error:
            raise CommandError(error.detail) from error

    # --- verbs ---------------------------------------------------------------------------------------

    def _move(
        self,
        *,
        verb: str,
        organization: str,
        customer: str,
        wallet: str,
        amount: str,
        comment: str,
        order: int | None,
        wait: float,
        **_: object,
    ) -> None:
        try:
            amount_minor = text_to_minor(amount)
        except NotMoney as error:
            raise CommandError(f"{error}. Write an amount such as 1520.50.") from error
        found = _organization(organization)
        transfer = TransferRequest(found, customer, wallet, amount_minor, comment, order)
        write = submission.prepare(OperationKind(verb), transfer=transfer, by=SHELL, now=db_clock.now())
        self._follow(write(), wait)

    def _cancel_hold(self, *, transaction: str, comment: str, wait: float, **_: object) -> None:
        operation = submission.request_cancel_hold(
            transaction_id=transaction, by=SHELL, now=db_clock.now(), comment=comment
        )
        self._follow(operation, wait)

    def _cancel(self, *, number: int, comment: str, **_: object) -> None:
        self._tell(submission.cancel(number, by=SHELL, now=db_clock.now(), comment=comment))

    def _show(self, *, number: int, **_: object) -> None:
        operation = LoyaltyOperation.objects.filter(pk=number).first()
        if operation is None:
            raise CommandError("There is no such operation.")
        self._tell(operation)
        for step in operation.steps.order_by("id"):
            self.stdout.write(
                f"  {step.recorded_at:%Y-%m-%d %H:%M:%S} UTC  {step.before or '-'} -> {step.after}  "
                f"{step.actor}  {explain_detail(step.detail)}".rstrip()
            )

    def _customer(self, *, organization: str, **options: object) -> None:
        given = [(way, str(options[way.value])) for way in Way if options[way.value]]
        if len(given) != 1:
            raise CommandError("Give exactly one of " + ", ".join(f"--{way}" for way in Way) + ".")
        way, value = given[0]
        customer = find_customer(
            organization=_organization(organization),
            way=way,
            value=value,
            requested_by=SHELL.name,
            now=db_clock.now(),
        )
        self.stdout.write(f"{customer.iiko_id}  {customer}")
        for wallet in customer.wallets.order_by("id"):
            balance = balance_text(wallet, customer.organization.currency)
            self.stdout.write(f"  {wallet.iiko_id}  {balance}  {wallet} ({kind_text(wallet)})")

    def _check(self, **_: object) -> None:
        result = balance_check.check_all(clock=db_clock.now)
        self.stdout.write(
            f"{result.wallets} wallets compared, {result.differences} differences, "
            f"{result.found_late} found late, {result.failures} guests could not be read."
        )
        if result.differences or result.failures:
            raise CommandError("Not everything agrees; see Loyalty, Differences in the admin.")

    # --- waiting -------------------------------------------------------------------------------------

    def _follow(self, operation: LoyaltyOperation, wait_s: float) -> None:
        """Take the steps here: a worker may be taking them too, and only one of us succeeds."""
        until = time.monotonic() + wait_s
        while not operation.is_final and time.monotonic() < until:
            dispatch.advance(operation.pk, clock=db_clock.now)
            operation.refresh_from_db()
            if not operation.is_final:
                time.sleep(0.5)
        self._tell(operation)
        if operation.state in ("rejected", "expired"):
            raise CommandError(operation.trouble)
        if operation.state == "cancelled":
            raise CommandError(f"{operation.cancelled_by} cancelled it. {operation.cancel_comment}".strip())
        if not operation.is_final:
            words = (
                f"Not over yet; the worker goes on with it. Look with: manage.py loyalty show {operation.pk}"
            )
            raise CommandError(words, returncode=UNDER_WAY)

    def _tell(self, operation: LoyaltyOperation) -> None:
        amount = to_major(MinorUnits(operation.amount_minor))
        words = [f"#{operation.pk}", operation.kind, str(amount), operation.state]
        words += [operation.transaction_id] if operation.transaction_id else []
        self.stdout.write("  ".join(words))
        now = db_clock.now()
        if waits := wait_text(wait_of(operation, now=now), UTC, now=now):
            self.stdout.write(f"  {waits} (UTC)")


def _add_wait(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--wait", type=float, default=20, metavar="S", help="seconds to wait for the outcome (default: 20)"
    )


def _organization(iiko_id: str) -> Organization:
    found = Organization.objects.filter(iiko_id=searchable_id(iiko_id)).first()
    if found is None:
        raise UnknownOrganization(f"There is no organization {iiko_id}.")
    return found
