"""Restricting a person to restaurants, on the person's page.

Nobody gives more restaurants than they see, so that whoever is restricted restricts everybody they change.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext, gettext_lazy as _, ngettext, pgettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminRadioSelectWidget

from core.access import visible_to
from organizations.access import is_restricted
from organizations.models.access import RestaurantAccess
from organizations.models.organization import Organization

ALL, SOME = "all", "some"
ACCESS_FIELDS = ("sees", "restaurants")
ACCESS_WORDS = _(
    "Who sees only some restaurants finds nothing of the others on any page, in the search, in exports and "
    "over the API. A restaurant that is added later is not theirs until it is ticked here."
)

_CHOICES = (
    (ALL, pgettext_lazy("restaurants", "all of them, and those that are added later")),
    (SOME, pgettext_lazy("restaurants", "only these")),
)
_NAMED = 3


class RestaurantsForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The part of a person's form that says which restaurants they see; ``giver`` fills it in."""

    giver: User
    sees = forms.ChoiceField(
        label=_("Sees"), choices=_CHOICES, initial=ALL, widget=UnfoldAdminRadioSelectWidget
    )
    restaurants = forms.ModelMultipleChoiceField(
        Organization.objects.none(),
        label=_("Restaurants"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "sees" not in self.fields:
            return  # no right to change
        self.fields["restaurants"].queryset = visible_to(self.giver, Organization.objects.all())  # type: ignore[attr-defined]
        if is_restricted(self.giver):
            self.fields["sees"].choices = _CHOICES[1:]  # type: ignore[attr-defined]
            self.initial["sees"] = SOME
        if access := access_of(self.instance):
            self.initial["sees"] = SOME if access.is_restricted else ALL
            self.initial["restaurants"] = list(access.restaurants.all())

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        given = self.cleaned_data
        if given.get("sees") == SOME:
            if given.get("is_superuser", self.instance.is_superuser):
                self.add_error("sees", _("A superuser sees all restaurants."))
            elif "restaurants" in given and not given["restaurants"]:
                words = _("Tick at least one. To shut a person out, switch “Active” off.")
                self.add_error("restaurants", words)
        return cleaned

    def save_access(self) -> None:
        """Store what was chosen; the person is saved by now."""
        if "sees" not in self.cleaned_data:
            return
        with transaction.atomic():
            access, _is_new = RestaurantAccess.objects.update_or_create(
                user=self.instance, defaults={"is_restricted": self.cleaned_data["sees"] == SOME}
            )
            access.restaurants.set(self.cleaned_data["restaurants"])


def access_of(user: User) -> RestaurantAccess | None:
    return RestaurantAccess.objects.filter(user=user).first() if user.pk else None


def restaurants_text(user: User) -> str:
    """Name the restaurants that a person sees, the first of many; the list reads them with the people."""
    access: RestaurantAccess | None = getattr(user, "restaurant_access", None)
    if user.is_superuser or access is None or not access.is_restricted:
        return gettext("all")
    return _names(one.name for one in access.restaurants.all())


def _names(names: Iterable[str]) -> str:
    named = list(names)
    if not named:
        return gettext("none")
    more = len(named) - _NAMED
    text = "; ".join(named[:_NAMED])  # many a name has a comma
    if more <= 0:
        return text
    return ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", more) % {
        "names": text,
        "count": more,
    }


class ShowsRestaurants:
    """What the admin of people shows of it: a column, and the fields for those who may only look."""

    @admin.display(description=_("restaurants"))
    def restaurant_names(self, user: User) -> str:
        return restaurants_text(user)

    @admin.display(description=_("sees"))
    def sees(self, user: User) -> str:
        access = access_of(user)
        is_some = access is not None and access.is_restricted and not user.is_superuser
        return str(dict(_CHOICES)[SOME if is_some else ALL])

    @admin.display(description=_("restaurants"))
    def restaurants(self, user: User) -> str:
        return restaurants_text(user)
