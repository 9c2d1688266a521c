"""The form of a channel. It never shows the address, which holds passwords and tokens."""

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from attention.access import rules_for
from attention.models.channels import Channel, Language
from attention.models.items import Severity
from attention.rules.registry import RULES
from core.access import AnyUser
from core.display import Text
from core.privacy.rights import sees_guests
from organizations.access import is_restricted
from organizations.admin.login_form import SecretInput

_TELLING = frozenset(
    {"is_active", "address", "restaurants", "rules", "least_severity", "allows_personal_data"}
)
_NO_HINTS = {"autocomplete": "off", "spellcheck": "false"}


def _clock(label: Text) -> forms.TimeField:
    widget = UnfoldAdminTextInputWidget(attrs={"type": "time"})
    return forms.TimeField(label=label, required=False, widget=widget)


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    address = forms.CharField(required=False, max_length=4000, widget=SecretInput(attrs=_NO_HINTS))
    rules = forms.MultipleChoiceField(
        label=_("Rules"), required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    least_severity = forms.TypedChoiceField(
        label=_("From which severity on"),
        coerce=int,
        choices=[(value, capfirst(text)) for value, text in Severity.choices],
        widget=UnfoldAdminRadioSelectWidget,
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=Language.choices, widget=UnfoldAdminSelectWidget
    )
    quiet_from = _clock(_("Quiet from"))
    quiet_until = _clock(_("Quiet until"))
    user: AnyUser
    """Whoever fills it in: a channel tells no more than they may see. Set by a class of the request."""

    class Meta:
        model = Channel
        fields = (
            *("name", "is_active", "address", "restaurants", "rules", "least_severity"),
            *("most_per_hour", "repeat_minutes", "quiet_from", "quiet_until", "critical_breaks_quiet"),
            *("language", "allows_personal_data"),
        )
        widgets = {"restaurants": UnfoldAdminCheckboxSelectMultipleWidget}
        help_texts = {
            "restaurants": _("None ticked: all of them, and what is about the hub itself."),
            "most_per_hour": _("The others come together as one message, as soon as there is room again."),
            "repeat_minutes": _("0: each comes once. Otherwise until somebody takes it, or it ends."),
            "critical_breaks_quiet": _(
                "What else is found in quiet hours comes as one message when they end."
            ),
            "allows_personal_data": _(
                "Messages about an order name the guest. They are kept by the service that carries them, "
                "perhaps abroad: allow it only where the law does."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        texts = {
            "rules": _("None ticked: all of them, and those that are added later."),
            "quiet_from": _("On the clock of each restaurant. Leave both empty for no quiet hours."),
        }
        for name, text in texts.items():
            if name in self.fields:
                self.fields[name].help_text = text
        if "rules" in self.fields:
            self.fields["rules"].choices = self._rule_choices()  # type: ignore[attr-defined]
        if "restaurants" in self.fields and is_restricted(self.user):
            self.fields["restaurants"].required = True
            self.fields["restaurants"].help_text = _("You see some restaurants: tick which of them.")
        if "address" in self.fields:
            self._hide_address()
        self.initial["least_severity"] = int(self.instance.least_severity)

    def _rule_choices(self) -> list[tuple[str, str]]:
        known = [(rule.name, str(rule.title)) for rule in RULES]
        former = set(self.instance.rules) - {name for name, _title in known}
        return [*known, *((name, name) for name in sorted(former))]

    def _hide_address(self) -> None:
        field, is_set = self.fields["address"], bool(self.instance.pk)
        field.label = gettext("Address")
        field.required = not is_set
        field.widget.attrs["placeholder"] = gettext("set; leave empty to keep it") if is_set else ""
        field.help_text = gettext(
            "How to write it is told above. It is stored encrypted and not shown again."
        )
        self.initial["address"] = ""

    def clean_address(self) -> str:
        from attention.notifications.services import BadAddress, check_address  # heavy: see there

        given: str = self.cleaned_data["address"].strip()
        if not given:
            kept: str = self.instance.address
            return kept
        try:
            self.instance.service, self.instance.shown_address = check_address(given)
        except BadAddress as error:
            raise forms.ValidationError(str(error)) from error
        return given

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        begins, ends = cleaned.get("quiet_from"), cleaned.get("quiet_until")
        if (begins is None) != (ends is None):
            missing = "quiet_from" if begins is None else "quiet_until"
            self.add_error(missing, _("Quiet hours need a beginning and an end."))
        elif begins is not None and begins == ends:
            self.add_error("quiet_until", _("They would end when they begin. Leave both empty for none."))
        if self._tells_more(cleaned):
            self._check_rights(cleaned)
        return cleaned

    def _tells_more(self, cleaned: dict[str, Any]) -> bool:
        """Tell whether more may be told by this, or to somebody else; what stands already is no matter."""
        changed = set(self.changed_data) & _TELLING
        return bool(changed if cleaned.get("is_active") else changed - {"is_active"})

    def _check_rights(self, cleaned: dict[str, Any]) -> None:
        titles = {rule.name: capfirst(str(rule.title)) for rule in RULES}
        chosen = set(cleaned.get("rules") or titles)
        hidden = [titles[name] for name in titles if name in chosen - set(rules_for(self.user))]
        if hidden:
            text = _("You may not see what these rules find, so tick others: %(rules)s.")
            self.add_error("rules", text % {"rules": "; ".join(hidden)})
        if cleaned.get("allows_personal_data") and not sees_guests(self.user):
            text = _(
                "You may not see names and phones of guests in full, so a channel of yours may not, either."
            )
            self.add_error("allows_personal_data", text)
