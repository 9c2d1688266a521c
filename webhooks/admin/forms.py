"""What a person fills in to let iiko call the hub."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from webhooks.models.inbox import WebhookConfig
from webhooks.receiving.configs import BadToken, check_token


class WebhookConfigForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    new_token = forms.CharField(
        label=_("New token"),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    forgets_previous = forms.BooleanField(
        label=_("Refuse the previous token"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Once iiko shows the new one. Until then both are accepted."),
    )

    class Meta:
        model = WebhookConfig
        fields = ("organization", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Somebody who may only look gets no fields.
        if (token := self.fields.get("new_token")) is None:
            return
        if self.instance.pk is None:
            token.help_text = _("Leave it empty and the hub makes one. It is shown once.")
        else:
            token.help_text = _(
                "Leave it empty to keep the present one. The present one stays valid beside it."
            )

    def clean_new_token(self) -> str:
        token: str = self.cleaned_data["new_token"].strip()
        if not token:
            return ""
        try:
            return check_token(token)
        except BadToken as error:
            raise forms.ValidationError(
                _("A token has at least 8 printable ASCII characters: it travels in a header.")
            ) from error

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        organization = (
            self.instance.organization if self.instance.pk else self.cleaned_data.get("organization")
        )
        first = WebhookConfig.objects.filter(organization=organization).order_by("id").first()
        is_token_given = self.instance.pk is None or self.cleaned_data.get("new_token")
        if first is not None and is_token_given and first.pk != self.instance.pk:
            raise forms.ValidationError(
                _("This restaurant has its webhook settings already. Change the token there.")
            )
        return cleaned
