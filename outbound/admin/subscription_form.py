"""The form of a subscription. It never shows the stored address, which may hold secrets."""

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from core.access import AnyUser
from organizations.access import is_restricted
from outbound.acts import check_url
from outbound.errors import BadAddress
from outbound.events.catalogue import SUBSCRIBABLE, title_of
from outbound.models.subscriptions import Subscription
from outbound.subscribing import LONGEST_URL, PEOPLE_UNSEEN, Maker

_TELLING = frozenset({"is_active", "url", "organizations", "event_types", "includes_personal_data"})


class SubscriptionForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    url = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=LONGEST_URL,
        # After an error in another field what was typed is there again; what is stored never is.
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "off", "spellcheck": "false", "type": "url"}
        ),
    )
    event_types = forms.MultipleChoiceField(
        label=_("Events"), required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    user: AnyUser
    """Whoever fills it in: a subscription tells no more than they may see. Set by a class of the request."""

    class Meta:
        model = Subscription
        fields = (
            *("name", "url", "is_active", "event_types", "organizations", "includes_personal_data"),
            "description",
        )
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 2})}
        help_texts = {
            "organizations": _("None ticked: all of them, and what is about the hub itself."),
            "includes_personal_data": _(
                "Names, phones, addresses and words of guests are in the messages. Whoever receives them "
                "keeps them: allow it only where the law does. Otherwise they are masked as ***."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "event_types" in self.fields:
            self.fields["event_types"].choices = self._type_choices()  # type: ignore[attr-defined]
            self.fields["event_types"].help_text = _(
                "None ticked: all events, and those that are added later."
            )
        if "organizations" in self.fields and is_restricted(self.user):
            self.fields["organizations"].required = True
            self.fields["organizations"].help_text = _("You see some restaurants: tick which of them.")
        if "url" in self.fields:
            self._hide_url()

    def _type_choices(self) -> list[tuple[str, str]]:
        known = [(one.name.value, f"{one.title} ({one.name.value})") for one in SUBSCRIBABLE]
        former = set(self.instance.event_types) - {name for name, _title in known}
        return [*known, *((name, name) for name in sorted(former))]

    def _hide_url(self) -> None:
        field, is_set = self.fields["url"], bool(self.instance.pk)
        field.required = not is_set
        placeholder = (
            gettext("set; leave empty to keep it") if is_set else "https://example.com/hooks/iikohub"
        )
        field.widget.attrs["placeholder"] = placeholder
        field.help_text = gettext(
            "Where events are posted to: https, a public server. It is stored encrypted and not shown again."
        )
        self.initial["url"] = ""

    def clean_url(self) -> str:
        given: str = self.cleaned_data["url"].strip()
        if not given:
            kept: str = self.instance.url
            return kept
        try:
            check_url(given)
        except BadAddress as error:
            raise forms.ValidationError(error.detail, code=error.code) from error
        return given

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self._tells_more(cleaned):
            self._check_rights(cleaned)
        return cleaned

    def _tells_more(self, cleaned: dict[str, Any]) -> bool:
        """Tell whether this may send more, or to somebody else; what is set already is no matter."""
        changed = set(self.changed_data) & _TELLING
        return bool(changed if cleaned.get("is_active", True) else changed - {"is_active"})

    def _check_rights(self, cleaned: dict[str, Any]) -> None:
        maker = Maker(user=self.user)  # type: ignore[arg-type]  # nobody fills in a form without signing in
        if unseen := maker.unseen(cleaned.get("event_types") or ()):
            words = _("You may not see what these events tell, so choose others: %(events)s.")
            names = "; ".join(title_of(name) for name in unseen)
            self.add_error("event_types", words % {"events": names})
        if cleaned.get("includes_personal_data") and not maker.sees_people:
            self.add_error("includes_personal_data", PEOPLE_UNSEEN)
