"""The admin's door to each action: what a person fills in; the action itself judges it.

A form names its action, and ``asked`` makes of its input what the action takes. ``FORMS`` lists them.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _, gettext_lazy, ngettext
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.database import db_clock
from core.display import currency_sign, money
from core.mirror.precedence import is_told
from iiko_client.endpoints.deliveries import LONGEST_COMMENT
from iiko_client.models.statuses import DeliveryStatus
from iiko_client.units import MinorUnits, NotMoney, to_major, to_minor
from orders.actions.base import AnyAction
from orders.actions.cancel import CancelOrder, CancelParams, is_made, needs_removal_type
from orders.actions.courier import AssignCourier, CourierParams
from orders.actions.discount.action import ApplyDiscount
from orders.actions.discount.calculation import AskedDiscount, base_of, takes_sum, types_of
from orders.actions.payment import AskedPayment, UpdatePayment
from orders.actions.rules import subject_of
from orders.actions.status import HANDED_OVER, StatusParams, UpdateStatus
from orders.admin.bill import Bill
from orders.admin.choices import cancel_causes, couriers, payment_types, removal_choices
from orders.admin.command_display import reason_text
from orders.errors import NotAllowed
from orders.models.order import Order, Status
from orders.payments.settlement import settlement_of
from organizations.clock_ranges import read_span
from organizations.models.dictionaries import DictionaryEntry

PAYMENT_ROWS = 4

_BY_KITCHEN = frozenset(
    {DeliveryStatus.READY_FOR_COOKING, DeliveryStatus.COOKING_STARTED, DeliveryStatus.COOKING_COMPLETED}
)
SETTABLE = tuple(
    status
    for status in DeliveryStatus
    if status not in _BY_KITCHEN and status is not DeliveryStatus.CANCELLED
)

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise
_COURSE = list(DeliveryStatus)

_AMOUNT = re.compile(r"(?P<whole>\d+|\d{1,3}([,.])\d{3}(\2\d{3})*)([,.](?P<part>\d{1,2}))?")


class MoneyFormField(forms.CharField):
    """An amount in major units as people write it, ``1 520,50 ₽``; cleaned to 1/100.

    Spaces and, before two places, commas or points may stand between thousands. ``sign`` is the currency's
    and may end the text.
    """

    sign = ""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(widget=UnfoldAdminTextInputWidget(attrs=attrs), max_length=30, **kwargs)

    def clean(self, value: object) -> MinorUnits | None:
        text = "".join(super().clean(value).split()).removesuffix(self.sign)
        if not text:
            return None
        minor = _amount(text)
        if minor <= 0:
            raise forms.ValidationError(_("The amount must be more than 0."))
        return minor


def _amount(text: str) -> MinorUnits:
    found = _AMOUNT.fullmatch(text)
    # 1,520 may be either: a thousand and a half, or one and a half.
    if found is None or (found[2] and found["part"] is None):
        raise forms.ValidationError(_("Write an amount such as 1520,50."))
    try:
        return to_minor(f"{re.sub(r'[,.]', '', found['whole'])}.{found['part'] or 0}")
    except NotMoney as error:
        raise forms.ValidationError(_("Write an amount such as 1520,50.")) from error


class ActionForm(forms.Form):
    """One command for one or several orders; ``orders`` are never none.

    ``key`` is drawn when the form is shown, so that a form sent twice requests once.
    """

    action: ClassVar[AnyAction]
    slug: ClassVar[str]
    """The last part of its address."""
    bulk: ClassVar[tuple[str, StrOrPromise] | None] = None
    """Name and title of the action on many orders at once; None: each order has a form of its own."""
    template = "admin/orders/order/ask_fields.html"
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, orders: Sequence[Order], data: QueryDict | None = None) -> None:
        super().__init__(data, initial={"key": uuid.uuid4()})
        self.orders = orders
        self.first = orders[0]
        self.set_up()

    def set_up(self) -> None:
        """Fill in what may be chosen."""

    @property
    def hint(self) -> str:
        """What to know before filling it in."""
        return ""

    def offer(self, name: str, choices: Sequence[tuple[str, str]], *, help_text: str = "") -> None:
        """Say what may be chosen in a field."""
        field = cast("forms.ChoiceField", self.fields[name])
        field.choices, field.help_text = choices, help_text or field.help_text

    @property
    def is_bulk(self) -> bool:
        return len(self.orders) > 1

    @property
    def one_restaurant(self) -> str | None:
        """iiko's id of the restaurant of all the orders, if they have one in common."""
        ids = {order.organization_id for order in self.orders}
        return ids.pop() if len(ids) == 1 else None

    @property
    def zone(self) -> tzinfo:
        return self.first.organization.zone()

    @property
    def has_no_choices(self) -> bool:
        """Whether there is nothing to choose from."""
        return False

    def why_refused(self, judge: Callable[[], None]) -> str:
        """Say in a person's words what a check of the action refuses; empty: nothing."""
        offer = self.action.offer(judge)
        return reason_text(offer["code"], offer["reason"])

    def why_not(self, order: Order) -> str:
        """Say why it cannot be requested of an order, as far as is known before it is; empty: it can."""
        return self.why_refused(partial(self.action.check, subject_of(order))) or self.why_none(order)

    def why_none(self, order: Order) -> str:
        """Say why this form cannot request it though the order would allow it; empty: it can."""
        return ""

    def params_digest(self) -> str:
        params = {name: value for name, value in self.data.items() if name not in _TECHNICAL}
        return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()

    def asked(self, order: Order) -> Any:  # noqa: ANN401  # each action takes its own
        """Return what the valid form asks of one of its orders, as its action takes it.

        Raises:
            NotAllowed: this form cannot request it.
        """
        raise NotImplementedError


_TECHNICAL = frozenset({"key", "csrfmiddlewaretoken", "order"})


class StatusField(forms.ChoiceField):
    """Takes statuses that are not offered any more: they are refused later, with the reason."""

    def valid_value(self, value: object) -> bool:
        return value in Status.values and value != Status.CANCELLED


class StatusForm(ActionForm):
    action = UpdateStatus()
    slug = "status"
    bulk = ("change_status", gettext_lazy("Change the status"))
    status = StatusField(label=gettext_lazy("New status"), widget=forms.RadioSelect)
    delivered_at = forms.CharField(
        label=gettext_lazy("When the guest had it"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "class": " ".join(INPUT_CLASSES)}),
    )

    def set_up(self) -> None:
        self.refused_statuses = {order.pk: self._refusals(order) for order in self.orders}
        if self.is_bulk:
            offered: list[DeliveryStatus] = [one for one in SETTABLE if self._fitting(one)]
        else:
            not_here = {*self.refused_statuses[self.first.pk], DeliveryStatus.CANCELLED}
            offered = [one for one in DeliveryStatus if one not in not_here]
        self.offer("status", [(status.value, self._label(status)) for status in offered])
        if not self.is_bulk:
            self.initial["status"] = self._next([status.value for status in offered])
        takes_moment = self.data.get("delivered_at") or HANDED_OVER.intersection(offered)
        if not takes_moment or self.one_restaurant is None:  # each restaurant has a clock of its own
            del self.fields["delivered_at"]
            return
        self.fields["delivered_at"].help_text = _(
            "Only with Delivered and Closed; empty: now. On the restaurant's clock, %(zone)s."
        ) % {"zone": self.zone}

    def _refusals(self, order: Order) -> dict[DeliveryStatus, str]:
        """Return the statuses that an order cannot take now, each with the reason."""
        subject, action = subject_of(order), StatusForm.action
        reasons = {
            status: self.why_refused(partial(action.check_status, subject, status))
            for status in DeliveryStatus
        }
        return {status: reason for status, reason in reasons.items() if reason}

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Return the statuses that one order cannot take, and why."""
        found = {} if self.is_bulk else self.refused_statuses[self.first.pk]
        return [(str(Status(status).label), reason) for status, reason in found.items()]

    def _fitting(self, status: DeliveryStatus) -> int:
        return sum(status not in refused for refused in self.refused_statuses.values())

    def _label(self, status: DeliveryStatus) -> str:
        """Name a status, and how many of the orders can take it where not all can."""
        name = str(Status(status).label)
        fitting = self._fitting(status)
        if fitting == len(self.orders):
            return name
        words = ngettext("fits %(count)d order of %(all)d", "fits %(count)d orders of %(all)d", fitting)
        return f"{name} – {words % {'count': fitting, 'all': len(self.orders)}}"

    def why_not(self, order: Order) -> str:
        if self.is_bulk:
            return self.why_none(order)
        return _("No status can be set now.") if self.has_no_choices else ""

    def why_none(self, order: Order) -> str:
        """Say why an order can take none of the statuses; empty text if it can take one."""
        refused = self.refused_statuses[order.pk]
        if any(status not in refused for status in SETTABLE):
            return ""
        return next(refused[status] for status in SETTABLE if status != order.status)

    def _next(self, offered: Sequence[str]) -> str | None:
        """Return the status that comes next; None where that is not clear, or for the kitchen to set."""
        if self.first.status is None:
            return None
        at = _COURSE.index(DeliveryStatus(self.first.status))
        coming = takewhile(lambda status: status not in _BY_KITCHEN, _COURSE[at + 1 :])
        return next((status.value for status in coming if status.value in offered), None)

    @property
    def has_no_choices(self) -> bool:
        return not self.fields["status"].choices  # type: ignore[attr-defined]

    def clean_delivered_at(self) -> datetime | None:
        text = self.cleaned_data["delivered_at"].strip()
        if not text:
            return None
        try:
            return read_span(text, self.zone)[0]
        except ValueError as error:
            words = _("“%(text)s” is not a date. Write 31.12.2026 or 31.12.2026 18:00.")
            raise forms.ValidationError(words % {"text": text[:40]}) from error

    def asked(self, order: Order) -> StatusParams:
        status = DeliveryStatus(self.cleaned_data["status"])
        return StatusParams(status, self.cleaned_data.get("delivered_at"))


class CourierForm(ActionForm):
    """A courier, or nobody. One who is not on shift must be confirmed once more."""

    action = AssignCourier()
    slug = "courier"
    bulk = ("assign_courier", gettext_lazy("Assign a courier"))
    template = "admin/orders/order/ask_assign_courier.html"
    NOBODY = "nobody"
    courier = forms.ChoiceField(label=gettext_lazy("Courier"), widget=forms.RadioSelect)
    agreed = forms.CharField(required=False)
    """The courier whom the person chose although not on shift."""

    def set_up(self) -> None:
        offered = couriers(self.one_restaurant) if self.one_restaurant else []
        self.couriers = [
            one for one in offered if any(order.courier_id != one.iiko_id for order in self.orders)
        ]
        self.off_shift = {one.iiko_id: one.name for one in self.couriers if one.is_off_shift}
        self.asks_about = ""
        check_off = CourierForm.action.check_off
        self.offers_nobody = not all(
            self.why_refused(partial(check_off, subject_of(one))) for one in self.orders
        )
        nobody = [(self.NOBODY, _("nobody: take the courier off"))] if self.offers_nobody else []
        self.offer("courier", [*((one.iiko_id, one.label) for one in self.couriers), *nobody])

    @property
    def has_no_choices(self) -> bool:
        return not self.couriers and not self.offers_nobody

    @property
    def hint(self) -> str:
        if self.one_restaurant is None and not self.offers_nobody:
            return _(
                "The orders belong to several restaurants, and each has couriers of its own. "
                "Go back and choose orders of one restaurant: the filter Restaurant helps."
            )
        if self.has_no_choices:
            return _(
                "The hub knows no other courier of this restaurant. Have its dictionaries read again "
                "(API logins, or manage.py sync_dictionaries)."
            )
        if self.offers_nobody:
            return _(
                "Whether iiko takes a courier off at the hub's word has not been seen on a POS yet. It "
                "counts as done only when the order shows no courier."
            )
        return ""

    def clean(self) -> dict[str, object]:
        cleaned = self.cleaned_data
        chosen = cleaned.get("courier", "")
        if chosen in self.off_shift and cleaned.get("agreed") != chosen:
            self.asks_about = chosen
            words = _("%(name)s is not on shift, as far as iiko has reported. Assign all the same?")
            self.add_error("agreed", words % {"name": self.off_shift[chosen]})
        return cleaned

    def asked(self, order: Order) -> CourierParams:
        chosen = self.cleaned_data["courier"]
        return CourierParams(None if chosen == self.NOBODY else chosen)


@dataclass(frozen=True, slots=True)
class _Row:
    """A payment in the form, before the person changes it."""

    type_id: str = ""
    sum_minor: int | None = None
    is_outside: bool = False
    is_fiscalized: bool = False


class PaymentForm(ActionForm):
    """Rows of a type and a sum; rows without a sum are left out."""

    action = UpdatePayment()
    slug = "payment"
    template = "admin/orders/order/ask_update_payment.html"

    def set_up(self) -> None:
        types = payment_types(self.first)
        self.is_empty = not types
        choices = [("", "—"), *((entry.iiko_id, str(entry)) for entry in types)]
        shown = self._shown({entry.iiko_id for entry in types})
        for number in range(PAYMENT_ROWS):
            self._add_row(number, shown[number] if number < len(shown) else _Row(), choices)

    def _add_row(self, number: int, row: _Row, choices: list[tuple[str, str]]) -> None:
        self.fields[f"type_{number}"] = forms.ChoiceField(
            label=_("Payment type"),
            required=False,
            choices=choices,
            initial=row.type_id,
            widget=UnfoldAdminSelectWidget,
        )
        currency = self.first.organization.currency
        shown = "" if row.sum_minor is None else money(row.sum_minor, currency)
        field = MoneyFormField(label=_("Sum"), required=False, initial=shown)
        field.sign = currency_sign(currency)
        self.fields[f"sum_{number}"] = field
        for name, label, is_set in (
            ("outside", _("taken outside iiko"), row.is_outside),
            ("fiscal", _("receipt printed outside iiko"), row.is_fiscalized),
        ):
            self.fields[f"{name}_{number}"] = forms.BooleanField(label=label, required=False, initial=is_set)

    def _shown(self, known: set[str]) -> list[_Row]:
        """Return the present payments and what they leave to pay; where they cannot be set, the amount."""
        rows = [
            _Row(
                str(one.get("type_id") or ""),
                one.get("sum_minor"),
                is_outside=bool(one.get("is_processed_externally")),
                is_fiscalized=bool(one.get("is_fiscalized_externally")),
            )
            for one in self.first.payments
        ]
        only_type = next(iter(known)) if len(known) == 1 else ""
        missing = (self.first.amount_minor or 0) - sum(row.sum_minor or 0 for row in rows)
        if rows and all(row.type_id in known for row in rows):
            rows += [_Row(only_type, missing)] if missing > 0 else []
            if len(rows) <= PAYMENT_ROWS:
                return rows
        first_type = rows[0].type_id if rows and rows[0].type_id in known else ""
        return [_Row(first_type or only_type, self.first.amount_minor)]

    def rows(self) -> list[dict[str, forms.BoundField]]:
        """Return the fields of each row, for the template."""
        names = ("type", "sum", "outside", "fiscal")
        return [{name: self[f"{name}_{row}"] for name in names} for row in range(PAYMENT_ROWS)]

    def present(self) -> dict[str, object]:
        """Return the amount of the order and its present payments, for the template."""
        bill, settled = Bill(self.first.organization, db_clock.now()), settlement_of(self.first)
        return {
            "total": bill.money(self.first.amount_minor),
            "payments": bill.payments(self.first, settled),
            "settled": bill.settled(self.first, settled),
            "are_told": is_told(self.first.field_precedence, "payments"),
        }

    @property
    def has_no_choices(self) -> bool:
        return self.is_empty

    @property
    def hint(self) -> str:
        if not self.is_empty:
            return ""
        return _(
            "The hub knows no payment type of this restaurant. Have its dictionaries read again "
            "(API logins, or manage.py sync_dictionaries)."
        )

    def clean(self) -> dict[str, object]:
        cleaned = self.cleaned_data
        self.payments: list[AskedPayment] = []
        for row in range(PAYMENT_ROWS):
            type_id, sum_minor = cleaned.get(f"type_{row}"), cleaned.get(f"sum_{row}")
            if f"sum_{row}" in self.errors or f"type_{row}" in self.errors or sum_minor is None:
                continue
            if not type_id:
                self.add_error(f"type_{row}", _("Choose the payment type."))
                continue
            self.payments.append(
                AskedPayment(
                    sum_minor=sum_minor,
                    type_id=type_id,
                    is_processed_externally=cleaned[f"outside_{row}"],
                    is_fiscalized_externally=cleaned[f"fiscal_{row}"],
                )
            )
        if not self.payments and not self.errors:
            self.add_error(None, _("Write at least one payment with its sum."))
        return cleaned

    def asked(self, order: Order) -> list[AskedPayment]:
        return self.payments


class CancelForm(ActionForm):
    action = CancelOrder()
    slug = "cancel"
    bulk = ("cancel_orders", gettext_lazy("Cancel the orders"))
    reason = forms.CharField(
        label=gettext_lazy("In your own words"),
        required=False,
        max_length=LONGEST_COMMENT,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Why it is cancelled; the POS shows it where its version can."),
    )
    cause = forms.ChoiceField(
        label=gettext_lazy("Cause from iiko's list"), required=False, widget=UnfoldAdminSelectWidget
    )
    removal_type = forms.ChoiceField(
        label=gettext_lazy("What becomes of the food"),
        widget=UnfoldAdminSelectWidget,
        error_messages={"required": gettext_lazy("Choose: the food is being made already.")},
    )

    def set_up(self) -> None:
        subjects = [subject_of(order) for order in self.orders]
        possible = [one for one in subjects if not self.why_refused(partial(self.action.check, one))]
        self.is_any_made = any(is_made(one.order) for one in possible)
        self.made = {one.order.pk for one in possible if needs_removal_type(one)}
        """The orders whose cancellation is possible and removes food."""
        restaurant = self.one_restaurant
        if restaurant is None:
            # Each restaurant has causes of its own; the reason finds those of the same name.
            del self.fields["cause"], self.fields["removal_type"]
            return
        self.offer("cause", cancel_causes(restaurant))
        offered = removal_choices(restaurant)
        if not self.made or len(offered) == 1:
            del self.fields["removal_type"]
            return
        self.offer("removal_type", offered, help_text=self._about_removal())

    def _about_removal(self) -> str:
        if not self.is_bulk:
            return _("The kitchen has this order: its dishes are removed by this type of iiko's.")
        words = ngettext(
            "The kitchen has %(count)d of these orders: its dishes are removed by this type of iiko's.",
            "The kitchen has %(count)d of these orders: their dishes are removed by this type of iiko's.",
            len(self.made),
        )
        return words % {"count": len(self.made)}

    @property
    def hint(self) -> str:
        if self.has_no_choices:
            each = _("None of the orders can be cancelled here; the reason stands beside each.")
            return each if self.is_bulk else self.why_none(self.first)
        final = _("A cancelled order cannot be brought back.")
        if self.made:
            return final
        of_food = (
            _("The kitchen has this order, and iiko takes no removal type: the POS decides about the food.")
            if self.is_any_made
            else _("Nothing is made yet, so nothing is written off.")
        )
        return f"{final} {of_food}"

    @property
    def has_no_choices(self) -> bool:
        return all(self.why_none(order) for order in self.orders)

    def why_none(self, order: Order) -> str:
        if order.pk not in self.made or "removal_type" in self.fields:
            return ""
        if self.one_restaurant is None:
            return _(
                "The kitchen has this order. Cancel it on its own page, where it is chosen what becomes of "
                "the food."
            )
        return _(
            "The kitchen has this order, and the hub knows no removal type of the restaurant. Have its "
            "dictionaries read again (API logins, or manage.py sync_dictionaries)."
        )

    def clean(self) -> dict[str, object]:
        cleaned = self.cleaned_data
        is_said = (cleaned.get("reason") or "").strip() or cleaned.get("cause")
        if not is_said and not {"reason", "cause"} & self.errors.keys():
            self.add_error("reason", _("Write why, or choose a cause: the order is not cancelled without."))
        return cleaned

    def asked(self, order: Order) -> CancelParams:
        if refusal := self.why_none(order):
            raise NotAllowed("removal_type_not_chosen", refusal)
        cleaned = self.cleaned_data
        return CancelParams(
            reason=cleaned["reason"],
            cause_id=cleaned.get("cause") or None,
            removal_type_id=(cleaned.get("removal_type") or None) if order.pk in self.made else None,
        )


class DiscountForm(ActionForm):
    """A type and, where it takes one, a sum or a percentage; with the consequences agreed to."""

    action = ApplyDiscount()
    slug = "discount"
    template = "admin/orders/order/ask_apply_discount.html"
    type = forms.ChoiceField(label=gettext_lazy("Discount"), widget=UnfoldAdminSelectWidget)
    sum = MoneyFormField(label=gettext_lazy("Sum"), required=False)
    percent = forms.CharField(
        label=gettext_lazy("or per cent of the dishes"),
        required=False,
        max_length=10,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    agreed = forms.BooleanField(
        label=gettext_lazy("I have read this: reissue the order and cancel this one"),
        error_messages={"required": gettext_lazy("Agree to what it means for the order, or go back.")},
    )

    def set_up(self) -> None:
        self.types = types_of(self.first.organization_id)
        self.offer("type", [(entry.iiko_id, _size_text(entry)) for entry in self.types])
        self.takes_sum = any(takes_sum(entry) for entry in self.types)
        cast("MoneyFormField", self.fields["sum"]).sign = currency_sign(self.first.organization.currency)
        words = _("With discounts of a free sum only. The dishes cost %(base)s before discounts.")
        base = base_of(self.first.amount_minor, self.first.discounts, self.first.items)
        self.fields["sum"].help_text = words % {
            "base": "—" if base is None else money(base, self.first.organization.currency)
        }

    @property
    def has_no_choices(self) -> bool:
        return not self.types

    @property
    def hint(self) -> str:
        if self.types:
            return ""
        return _(
            "The hub knows no discount of this restaurant that can be given manually. Have its "
            "dictionaries read again (API logins, or manage.py sync_dictionaries)."
        )

    @property
    def consequences(self) -> list[str]:
        """Say what reissuing the order means to guest, kitchen and POS."""
        consequences = [
            _(
                "iiko cannot change the discount of an order it has. So a new order is made with the "
                "discount, and only when the POS has taken it this one is cancelled."
            ),
            _("The new order has another number and another id; programs that know the old one must follow."),
            _(
                "It comes to the kitchen as a new order: unconfirmed where the restaurant confirms orders, "
                "and at the end of the queue."
            ),
            _("A guest who follows the order by a link sees it cancelled: tell the guest."),
            _(
                "Promised payments are entered again, lowered by the discount; nothing is paid back or "
                "charged. With a payment that is processed already it is refused."
            ),
            _(
                "Courier, problem mark, tracking link and data of other programs that iiko does not "
                "report are not carried over."
            ),
            _(
                "If the POS does not take the new order, or the kitchen begins meanwhile, this one stays "
                "as it is. Other commands of this order wait until it is over."
            ),
        ]
        if self.first.courier_name:
            consequences.append(
                _("Courier %(name)s must be assigned again.") % {"name": self.first.courier_name}
            )
        return consequences

    def clean_percent(self) -> Decimal | None:
        text = self.cleaned_data["percent"].strip().rstrip("%").strip().replace(",", ".")
        if not text:
            return None
        if not re.fullmatch(r"\d{1,3}(\.\d{1,2})?", text) or not 0 < Decimal(text) <= 100:
            raise forms.ValidationError(_("Write a percentage such as 10 or 12,5."))
        return Decimal(text)

    def asked(self, order: Order) -> AskedDiscount:
        cleaned = self.cleaned_data
        return AskedDiscount(
            type_id=cleaned["type"], sum_minor=cleaned["sum"], percent=cleaned["percent"], reissue=True
        )


def _size_text(entry: DictionaryEntry) -> str:
    """Name a discount with its size, as far as its name does not tell."""
    match entry.data.get("mode"):
        case "FlexibleSum":
            size = _("a sum of your choice")
        case "FixedSum":
            size = str(to_major(MinorUnits(entry.data.get("sum_minor") or 0)))
        case _other:
            percent = format(Decimal(entry.data.get("percent") or 0).normalize(), "f").replace(".", ",")
            size = "" if entry.data.get("is_categorised") else f"{percent} %"
    return f"{entry} – {size}" if size and size not in entry.name.replace("\u00a0", " ") else str(entry)


FORMS: dict[str, type[ActionForm]] = {
    form.slug: form
    for form in (
        StatusForm,
        CourierForm,
        PaymentForm,
        DiscountForm,
        CancelForm,
    )
}
"""By the last part of their addresses, in the order of their buttons."""
