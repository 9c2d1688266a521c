"""What a person fills in to find a guest or to move money."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.access import AnyUser, visible_to
from core.privacy.rights import sees_guests
from iiko_client.units import MinorUnits, NotMoney, text_to_minor
from loyalty.wallets.customers import Way
from loyalty.wallets.submission import LONGEST_COMMENT
from organizations.models.organization import Organization

_WAYS = [
    (Way.PHONE.value, _("phone")),
    (Way.CARD.value, _("card")),
    (Way.EMAIL.value, _("e-mail")),
    (Way.ID.value, _("iiko id")),
]


def _text(**attributes: str) -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", **attributes})


class FindGuestForm(forms.Form):
    organization = forms.ModelChoiceField(
        Organization.objects.filter(is_active=True),
        label=_("restaurant"),
        to_field_name="iiko_id",
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )
    way = forms.ChoiceField(label=_("by"), choices=_WAYS, widget=UnfoldAdminSelectWidget)
    value = forms.CharField(label=_("value"), max_length=200, widget=_text())

    def __init__(self, *args: Any, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not sees_guests(user):
            # That there is a guest of some phone tells of that guest.
            self.fields["way"].choices = _WAYS[-1:]  # type: ignore[attr-defined]
        offered = visible_to(user, Organization.objects.filter(is_active=True))
        self.fields["organization"].queryset = offered  # type: ignore[attr-defined]


class ReasonForm(forms.Form):
    """``token`` makes a form that is sent twice one operation."""

    reason = forms.CharField(
        label=_("reason"),
        max_length=LONGEST_COMMENT,
        widget=_text(),
        help_text=_("Kept in the ledger and sent to iiko."),
    )
    token = forms.CharField(max_length=60, widget=forms.HiddenInput)


class CancelForm(forms.Form):
    reason = forms.CharField(
        label=_("reason"),
        max_length=LONGEST_COMMENT,
        widget=_text(),
        help_text=_("Kept in the ledger, with your name."),
    )


class MoveMoneyForm(ReasonForm):
    amount = forms.CharField(
        label=_("amount"),
        max_length=20,
        widget=_text(inputmode="decimal"),
        help_text=_("With at most two decimal places: 1520.50"),
    )
    order_number = forms.CharField(
        label=_("order"),
        max_length=200,
        required=False,
        widget=_text(),
        help_text=_("Its number or id, if it is for one."),
    )
    field_order = ("amount", "reason", "order_number", "token")

    def clean_amount(self) -> MinorUnits:
        text = "".join(self.cleaned_data["amount"].split()).replace(",", ".")
        try:
            minor = text_to_minor(text)
        except NotMoney as error:
            raise forms.ValidationError(_("Write an amount such as 1520.50.")) from error
        if minor <= 0:
            raise forms.ValidationError(_("The amount must be more than 0."))
        return minor

    def shown(self) -> dict[str, str]:
        """Return what was typed, to be sent again with the confirmation."""
        return {name: self.data.get(name, "") for name in self.fields}
