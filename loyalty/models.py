"""Guests of the loyalty programme, their wallets, and the ledger of what the hub moved in them."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from django.db import models
from django.db.models import Exists, OuterRef, Q, Sum
from django.utils.translation import gettext_lazy as _

from core.outbox import OutboxQuerySet, OutboxRow
from core.privacy.rows import PeopleQuerySet, PeopleRow
from core.values.name_keys import name_key
from core.values.phones import phone_key
from iiko_client.models.statuses import DeliveryStatus
from loyalty.refusals import explain
from orders.models.order import CreationStatus, Order
from organizations.models.organization import Organization, parents_organization


def cancelled_or_refused(path: str = "") -> Q:
    """Orders that were cancelled or deleted, or that the POS refused; ``path`` leads to the order.

    A refused creation may still become a success; by then its money is back in the wallet, and the POS
    charges the wallet when the order is closed (docs/iiko.md#lost-creation, docs/iiko.md#holds).
    """
    cancelled = Q(**{f"{path}status": DeliveryStatus.CANCELLED.value})
    refused = {f"{path}creation_status": CreationStatus.ERROR, f"{path}raw_status__isnull": True}
    return cancelled | Q(**{f"{path}is_deleted": True}) | Q(**refused)


class WalletKind(models.IntegerChoices):
    """iiko's numbers."""

    DEPOSIT = 0, _("deposit")
    BONUS = 1, _("bonuses")
    PRODUCTS = 2, _("products")
    DISCOUNT = 3, _("discount")
    CERTIFICATE = 4, _("certificate")


IN_MONEY = (WalletKind.DEPOSIT, WalletKind.BONUS, WalletKind.CERTIFICATE)
"""Balances in the restaurant's currency; a point of a bonus programme counts as one of it."""

_MOVABLE = (WalletKind.DEPOSIT, WalletKind.BONUS)
_WHY_NOT_MOVED: dict[int | None, str] = {
    WalletKind.PRODUCTS: "wallet_of_products",
    WalletKind.DISCOUNT: "wallet_of_discount",
    # That a change of its balance alone would not do is a guess: docs/iiko.md#kinds-of-wallets.
    WalletKind.CERTIFICATE: "wallet_of_certificate",
}


class Customer(PeopleRow):
    """A guest as iiko's loyalty last reported them; written by ``wallets.customers`` alone.

    ``phone`` is ``+`` and digits, or what iiko said where that is no phone. Until ``read_at`` is set again
    the row may be answered without asking.
    """

    organization = models.ForeignKey(
        Organization,
        models.PROTECT,
        to_field="iiko_id",
        related_name="customers",
        verbose_name=_("organization"),
        db_index=False,
    )
    iiko_id = models.CharField(_("iiko id"), max_length=200)
    name = models.TextField(_("name"), blank=True)
    surname = models.TextField(_("surname"), blank=True)
    name_key = name_key("name", "surname")
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    email = models.CharField(_("e-mail"), max_length=320, blank=True)
    cards = models.JSONField(_("cards"), default=list)
    is_deleted = models.BooleanField(_("deleted in iiko"), default=False)
    read_at = models.DateTimeField(_("read"))

    objects = PeopleQuerySet.as_manager()

    class Meta:
        db_table = "loyalty_customers"
        ordering = ("-id",)
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        permissions = [("view_personal_data", "Can see guests: names, phones, addresses, cards")]
        constraints = [
            models.UniqueConstraint(
                fields=("organization", "iiko_id"), name="loyalty_customers_one_per_iiko_id"
            )
        ]
        indexes = [
            models.Index("phone", name="loyalty_customers_phone"),
            models.Index(phone_key("phone"), name="loyalty_customers_phone_key"),
            models.Index("iiko_id", name="loyalty_customers_iiko_id"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.surname}".strip() or self.iiko_id

    @property
    def is_nameless(self) -> bool:
        """Whether nothing is known of the guest but iiko's id, as after an erasure."""
        return not (self.name or self.surname or self.phone or self.email or self.cards)

    def masked_value(self, name: str, value: object) -> object:
        # One mask stands for both names.
        return "" if name == "surname" else super().masked_value(name, value)


class Wallet(models.Model):
    """A guest's wallet. ``balance`` is what iiko said at ``read_at``; null: never read.

    The row is what operations of the wallet are locked by. ``checked_at`` and ``checked_balance`` belong
    to the daily check.
    """

    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="wallets", verbose_name=_("customer"), db_index=False
    )
    organization = parents_organization()
    iiko_id = models.CharField(_("iiko id"), max_length=200)
    name = models.CharField(_("name"), max_length=400, blank=True)
    kind = models.IntegerField(_("kind"), choices=WalletKind, null=True)
    balance = models.DecimalField(_("balance"), max_digits=24, decimal_places=6, null=True)
    read_at = models.DateTimeField(_("read"), null=True)
    checked_at = models.DateTimeField(_("checked"), null=True)
    checked_balance = models.DecimalField(
        _("balance when checked"), max_digits=24, decimal_places=6, null=True
    )

    class Meta:
        db_table = "loyalty_wallets"
        ordering = ("customer_id", "id")
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        constraints = [
            models.UniqueConstraint(fields=("customer", "iiko_id"), name="loyalty_wallets_one_per_iiko_id")
        ]

    def __str__(self) -> str:
        return self.name or self.iiko_id

    @property
    def balance_minor(self) -> int | None:
        """Return what can be spent, in 1/100: points may be finer, a part of a kopeck cannot be spent."""
        return None if self.balance is None else minor_floor(self.balance)

    @property
    def holds_money(self) -> bool:
        """Whether the balance is an amount of the restaurant's currency."""
        return self.kind in IN_MONEY

    @property
    def money_minor(self) -> int | None:
        return self.balance_minor if self.holds_money else None

    @property
    def currency(self) -> str | None:
        """Return the currency; None where the wallet holds no money."""
        return self.customer.organization.currency if self.holds_money else None

    @property
    def is_movable(self) -> bool:
        return self.kind in _MOVABLE

    @property
    def why_not_moved(self) -> str:
        """Return the code of why no money can move (``loyalty.refusals``); empty where it can."""
        return "" if self.is_movable else _WHY_NOT_MOVED.get(self.kind, "wallet_of_unknown_kind")


def minor_floor(balance: Decimal) -> int:
    return int((balance * 100).to_integral_value(ROUND_FLOOR))


class OperationKind(models.TextChoices):
    TOPUP = "topup", _("top-up")
    WITHDRAW = "withdraw", _("withdrawal")
    HOLD = "hold", _("hold")
    CANCEL_HOLD = "cancel_hold", _("release of a hold")


class OperationState(models.TextChoices):
    """``pending → sent → confirmed | rejected``, or ``cancelled`` before it is sent.

    ``unknown`` follows a lost answer, until iiko shows more.
    """

    PENDING = "pending", _("waiting to be sent")
    SENT = "sent", _("sent, not confirmed yet")
    UNKNOWN = "unknown", _("no answer, being looked into")
    CONFIRMED = "confirmed", _("done")
    REJECTED = "rejected", _("refused")
    EXPIRED = "expired", _("not done")
    CANCELLED = "cancelled", _("called off")


OPEN_STATES = (OperationState.PENDING, OperationState.SENT, OperationState.UNKNOWN)
SPENDING = (OperationKind.WITHDRAW, OperationKind.HOLD)
NOT_KNOWN = ("no_answer", "other_sum")
"""Why an operation expired while money may have moved: it needs attention."""


class LoyaltyOperationQuerySet(OutboxQuerySet["LoyaltyOperation"]):
    def counted(self) -> LoyaltyOperationQuerySet:
        """Done, perhaps done, or still to be done: what counts against a limit.

        A hold that was given back does not.
        """
        given_up = Q(state=OperationState.EXPIRED) & ~Q(error_code__in=NOT_KNOWN)
        not_done = Q(state__in=(OperationState.REJECTED, OperationState.CANCELLED))
        return self.exclude(given_up | not_done | Q(released_at__isnull=False))

    def of_wallet(self, wallet: Wallet) -> LoyaltyOperationQuerySet:
        """Filter the operations of iiko's wallet, whichever restaurant they were requested for.

        A guest of several restaurants of one chain has one wallet, and a row here for each.
        """
        return self.filter(wallet__iiko_id=wallet.iiko_id, wallet__customer__iiko_id=wallet.customer.iiko_id)

    def spending(self) -> LoyaltyOperationQuerySet:
        return self.filter(kind__in=SPENDING)

    def open_holds(self) -> LoyaltyOperationQuerySet:
        """Filter holds that are neither released nor, with their order closed, spent."""
        closed = Order.objects.filter(pk=OuterRef("order_id"), status=DeliveryStatus.CLOSED.value)
        return self.filter(
            ~Exists(closed),
            kind=OperationKind.HOLD,
            state=OperationState.CONFIRMED,
            released_at__isnull=True,
        )

    def total_minor(self) -> int:
        return int(self.aggregate(total=Sum("amount_minor"))["total"] or 0)


class LoyaltyOperation(OutboxRow):
    """A line of the ledger, written before anything is sent. Changed by ``wallets`` alone, step by step.

    ``marker`` is what iiko's transaction is found again by; ``transaction_id`` of a hold is of our own
    making, of others iiko's once a transaction was found. Nothing is sent while ``next_attempt_at`` is in the
    future: a worker holds it, or iiko asked to wait. ``sends`` counts the calls that may have been
    made; more than one only for the release of a hold, which cannot be made twice. ``baseline_revision`` is
    the last revision of the guest's transactions before a release, whose own transaction has no marker.
    ``cancelled_by`` and ``cancel_comment`` belong to one that was called off before it was sent.
    ``error`` holds iiko's own words, or a number for those of the hub (``loyalty.refusals``).
    """

    organization = models.ForeignKey(
        Organization,
        models.PROTECT,
        to_field="iiko_id",
        related_name="loyalty_operations",
        verbose_name=_("organization"),
        db_index=False,
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="operations", verbose_name=_("wallet"), db_index=False
    )
    kind = models.CharField(_("what"), max_length=20, choices=OperationKind)
    amount_minor = models.BigIntegerField(_("amount"))
    comment = models.CharField(_("reason"), max_length=255, blank=True)
    order = models.ForeignKey(
        Order,
        models.PROTECT,
        null=True,
        related_name="loyalty_operations",
        verbose_name=_("order"),
        db_index=False,
    )
    hold = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="releases", verbose_name=_("hold"), db_index=False
    )
    marker = models.CharField(_("marker"), max_length=40, unique=True)
    transaction_id = models.CharField(_("transaction in iiko"), max_length=200, blank=True)
    state = models.CharField(
        _("state"), max_length=12, choices=OperationState, default=OperationState.PENDING
    )
    sends = models.PositiveIntegerField(_("times sent"), default=0)
    poll_count = models.PositiveIntegerField(_("look-ups"), default=0)
    baseline_revision = models.BigIntegerField(_("last revision before"), null=True)
    released_at = models.DateTimeField(_("released"), null=True)
    cancelled_by = models.CharField(_("called off by"), max_length=200, blank=True, default="", db_default="")
    cancel_comment = models.CharField(
        _("why it was called off"), max_length=200, blank=True, default="", db_default=""
    )

    objects = LoyaltyOperationQuerySet.as_manager()

    class Meta:
        db_table = "loyalty_operations"
        ordering = ("-id",)
        verbose_name = _("loyalty operation")
        verbose_name_plural = _("loyalty operations")
        permissions = [
            ("topup_wallet", "Can top up wallets in iiko"),
            ("withdraw_wallet", "Can withdraw from wallets in iiko"),
            ("hold_wallet", "Can hold money in wallets in iiko and release it"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="loyalty_operations_amount_positive")
        ]
        indexes = [
            models.Index("wallet", "id", name="loyalty_operations_wallet"),
            models.Index("organization", "id", name="loyalty_operations_organiz"),
            models.Index("id", name="loyalty_operations_open", condition=Q(state__in=OPEN_STATES)),
            models.Index("order", name="loyalty_operations_order", condition=Q(order__isnull=False)),
            models.Index("trace_id", name="loyalty_operations_trace", condition=Q(trace_id__isnull=False)),
            models.Index("hold", name="loyalty_operations_hold", condition=Q(hold__isnull=False)),
            models.Index(
                "transaction_id", name="loyalty_operations_transaction", condition=~Q(transaction_id="")
            ),
            models.Index(
                "id",
                name="loyalty_operations_held",
                condition=Q(kind=OperationKind.HOLD, released_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"

    def hide_people(self) -> None:
        super().hide_people()
        self.wallet.customer.hide_people()

    @property
    def currency(self) -> str | None:
        """Return the currency; None where the wallet holds no money."""
        return self.organization.currency if self.wallet.holds_money else None

    @property
    def is_unsent(self) -> bool:
        """Whether it waits and no call was made for it, so that it can be called off."""
        return self.state == OperationState.PENDING and not self.sends

    @property
    def is_known(self) -> bool:
        """Whether the end tells what became of the money."""
        return self.state != OperationState.EXPIRED or self.error_code not in NOT_KNOWN

    @property
    def trouble(self) -> str:
        """Say what went wrong; empty where nothing did."""
        return explain(self.error_code, self.error)

    @property
    def sent_comment(self) -> str:
        """Return what iiko keeps beside the transaction: the marker and the reason."""
        return f"[{self.marker}] {self.comment}".strip()


class OperationStep(PeopleRow):
    """A step of an operation: what it was, what it became, and why. Only ever added."""

    operation = models.ForeignKey(
        LoyaltyOperation, models.PROTECT, related_name="steps", verbose_name=_("operation"), db_index=False
    )
    organization = parents_organization()
    before = models.CharField(_("from"), max_length=12, blank=True)
    after = models.CharField(_("to"), max_length=12)
    detail = models.TextField(_("detail"), blank=True)
    actor = models.CharField(_("who"), max_length=200)
    recorded_at = models.DateTimeField(_("when"))

    objects = PeopleQuerySet.as_manager()

    class Meta:
        db_table = "loyalty_operation_steps"
        ordering = ("id",)
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        indexes = [models.Index("operation", "id", name="loyalty_steps_operation")]

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class LoyaltyKey(models.Model):
    """A caller's name for a request (``Idempotency-Key``), so that its repeat gets the first operation."""

    owner = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    operation = models.ForeignKey(LoyaltyOperation, models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "loyalty_idempotency_keys"
        constraints = [models.UniqueConstraint(fields=("owner", "key"), name="loyalty_keys_one_per_owner")]
        indexes = [models.Index("created_at", name="loyalty_keys_created")]

    def __str__(self) -> str:
        return self.key


class DifferenceKind(models.TextChoices):
    MISSING = "missing", _("done for the hub, but not among iiko's transactions")
    UNEXPECTED = "unexpected", _("among iiko's transactions, but not done for the hub")
    TWICE = "twice", _("carried out more than once")
    OTHER_SUM = "other_sum", _("carried out with another sum")
    BALANCE = "balance", _("the balance does not follow from the transactions")


class BalanceDifference(PeopleRow):
    """Something the daily check could not explain, for a person. ``seen_at`` is when it was last so."""

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="differences", verbose_name=_("wallet"))
    organization = parents_organization()
    operation = models.ForeignKey(
        LoyaltyOperation, models.PROTECT, null=True, related_name="+", verbose_name=_("operation")
    )
    kind = models.CharField(_("what"), max_length=20, choices=DifferenceKind)
    expected_minor = models.BigIntegerField(_("expected"), null=True)
    found_minor = models.BigIntegerField(_("found"), null=True)
    detail = models.TextField(_("detail"), blank=True)
    found_at = models.DateTimeField(_("found"))
    seen_at = models.DateTimeField(_("last seen"))

    objects = PeopleQuerySet.as_manager()

    class Meta:
        db_table = "loyalty_differences"
        ordering = ("-id",)
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        indexes = [models.Index("seen_at", name="loyalty_differences_seen")]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    def hide_people(self) -> None:
        super().hide_people()
        self.wallet.customer.hide_people()
