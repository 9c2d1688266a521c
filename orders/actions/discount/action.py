"""Giving a discount: what may be asked. How it is carried out, in several steps: ``saga``."""

from functools import partial

from django.utils.translation import gettext, gettext_lazy

from orders.actions.base import Action, Display, Fields, Offer, Target
from orders.actions.discount import reissue_request
from orders.actions.discount.calculation import AskedDiscount, DiscountParams, discount
from orders.actions.discount.replacement import discounts_about
from orders.actions.rules import ALWAYS, Subject, pos_from, run, subject_of
from orders.commands.refusals import ANY, OF_DISCOUNT_ASKED, OF_REBUILDING, refusal
from orders.errors import NotAllowed
from orders.models.command import OPEN_STATES, CommandKind, CommandState, Phase
from orders.models.order import Order


def can_be_reissued(subject: Subject) -> None:
    """Require an order that can be reissued: iiko gives a discount at creation alone."""
    pos_from(7, 5, 4)(subject)
    reissue_request.check(reissue_request.checked_fields(subject.order))


class ApplyDiscount(Action[AskedDiscount, DiscountParams]):
    """Give a discount. iiko gives none to an order it has, so whoever asks must allow a new order."""

    kind = CommandKind.APPLY_DISCOUNT
    title = gettext_lazy("Give a discount")
    permission = "orders.apply_order_discount"
    params = DiscountParams
    refusals = ANY | OF_DISCOUNT_ASKED | OF_REBUILDING
    rules = (can_be_reissued,)
    is_destructive = True
    first_phase = Phase.READ

    def offers(self, subject: Subject) -> list[Offer]:
        """Allow it where the order can be reissued: whoever asks must agree to that, as the code says."""
        [offer] = super().offers(subject)
        if not offer["allowed"]:
            return [self.offer(partial(self.check_without_reissue, subject))]
        words = gettext(
            "Only by re-issuing the order (reissue: true): it gets another number and id, and this one is "
            "cancelled."
        )
        return [offer | {"code": "needs_reissue", "reason": words}]

    def check_without_reissue(self, subject: Subject) -> None:
        """Raise why no discount can be given, though another way may be open.

        Raises:
            NotAllowed: always, with what to do instead (docs/iiko.md#discounts-of-existing-orders).
        """
        run(ALWAYS, subject)
        try:
            can_be_reissued(subject)
        except NotAllowed as error:
            raise refusal("discount_not_supported_by_iiko.nor_by_reissue", why=error.detail) from error
        raise refusal("discount_not_supported_by_iiko")

    def resolve(self, subject: Subject, asked: AskedDiscount) -> DiscountParams:
        if asked.reissue:
            self.check(subject)
        else:
            self.check_without_reissue(subject)
        _check_no_other_discount(subject.order)
        params = discount(subject.order, asked)
        reissue_request.check_payments(subject.order, params)
        return params

    def total(self, order: Order, asked: AskedDiscount) -> int | None:
        """Return what the order will cost, in 1/100; None where only the POS knows.

        Raises:
            NotAllowed, InvalidParams: it cannot be given.
        """
        self.check(subject_of(order))
        params = discount(order, asked)
        reissue_request.check_payments(order, params)
        fields = reissue_request.checked_fields(order)
        return reissue_request.expected_total(fields, params, order.organization_id)[0]

    def ask_again(self, params: DiscountParams) -> AskedDiscount:
        return AskedDiscount(
            type_id=params.discount_id,
            # A percentage was made a sum; of an order that costs something else by now it is another.
            sum_minor=None if params.percent else params.sum_minor,
            percent=params.percent,
            reissue=params.reissue,
        )

    def send(self, target: Target, params: DiscountParams) -> str:
        raise NotImplementedError("A discount is sent in phases: ``saga.send``.")

    def is_fulfilled(self, params: DiscountParams, fields: Fields) -> bool:
        return False  # two orders say what became of it, not one

    def describe(self, params: DiscountParams, display: Display) -> str:
        sizes = [f"{format(params.percent, 'f').replace('.', ',')} %"] if params.percent else []
        sizes += [display.money(params.sum_minor)] if params.sum_minor else []
        return f"{params.name} {' = '.join(sizes)}".strip()


def _check_no_other_discount(order: Order) -> None:
    """One discount at a time: two would make two orders of one."""
    about = discounts_about(order)
    if about.filter(state=CommandState.NEEDS_ATTENTION).exists():
        raise refusal("discount_unsettled")
    if about.filter(state__in=OPEN_STATES).exists():
        raise refusal("already_asked.discount")
