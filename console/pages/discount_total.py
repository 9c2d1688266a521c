"""What an order will cost with the discount that a person is filling in."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from core.display import money
from core.errors import HubError
from orders.admin.command_display import refusal_text
from orders.admin.forms import DiscountForm

_INPUTS = ("type", "sum", "percent")


@dataclass(frozen=True, slots=True)
class NewTotal:
    """The words, and the ``token`` that the form sends back once they were shown; empty: it is refused."""

    words: str
    token: str = ""


def new_total(form: DiscountForm) -> NewTotal:
    """Work it out from a bound form, whether or not its consequences are agreed to yet."""
    wrong = [str(message) for name in _INPUTS for message in form.errors.get(name, ())]
    if wrong:
        return NewTotal(" ".join(wrong))
    order = form.first
    try:
        total = DiscountForm.action.total(order, form.asked(order))
    except HubError as error:
        return NewTotal(refusal_text(error))
    if total is None:
        words = _("Only the POS knows what the order will cost: it works this discount out by dish.")
        return NewTotal(words, "unknown")
    currency = order.organization.currency
    words = _("The order will cost %(total)s instead of %(now)s.")
    return NewTotal(
        words % {"total": money(total, currency), "now": money(order.amount_minor, currency)}, str(total)
    )


def is_shown(form: DiscountForm, seen: str) -> bool:
    """Whether the total was shown to the person who sends the form; what is refused has none."""
    token = new_total(form).token
    return not token or token == seen
