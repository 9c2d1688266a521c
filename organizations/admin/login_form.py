"""The form of an API login; it never shows a secret."""

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from iiko_client.http.addresses import NotPublic, check_public_url
from iiko_client.http.exchange import normalise_base_url
from organizations.connection.clients import may_be_private
from organizations.models.connection import ApiLogin

V1, V2 = "v1", "v2"
_PARTS = {V1: ("api_login",), V2: ("api_key", "app_id", "client_secret")}
_SECRETS = ("api_login", "api_key", "client_secret")
_NO_HINTS = {"autocomplete": "off", "spellcheck": "false"}


def kind_of(login: ApiLogin) -> str:
    return V2 if login.api_key or login.app_id or login.client_secret else V1


class SecretInput(UnfoldAdminTextInputWidget):  # type: ignore[misc]  # Unfold is untyped
    """Never renders its value, not even after an error in another field."""

    def format_value(self, value: object) -> None:
        return None


class EnvironmentLoginForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Without credentials and address: the environment has them."""

    class Meta:
        model = ApiLogin
        fields: tuple[str, ...] = ("is_active",)


class ApiLoginForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    kind = forms.ChoiceField(
        label=_("Kind of credential"),
        choices=[
            (V1, _("API login alone (v1)")),
            (V2, _("API key with application (v2)")),
        ],
        widget=UnfoldAdminRadioSelectWidget,
        help_text=_("The other kind is forgotten."),
    )

    class Meta:
        model = ApiLogin
        fields: tuple[str, ...] = (
            "name",
            "base_url",
            "is_active",
            "api_login",
            "api_key",
            "app_id",
            "client_secret",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            self.fields["kind"].initial = kind_of(self.instance)
        for name in _SECRETS:
            if name in self.fields:
                self._hide(name)

    def _hide(self, name: str) -> None:
        is_set = bool(getattr(self.instance, name))
        placeholder = _("set; leave empty to keep it") if is_set else _("not set")
        former = self.fields[name]
        self.fields[name] = forms.CharField(
            label=former.label,
            required=False,
            max_length=2000,
            widget=SecretInput(attrs=_NO_HINTS | {"placeholder": placeholder}),
        )
        self.initial[name] = ""

    def clean_base_url(self) -> str:
        url: str = self.cleaned_data["base_url"].strip()
        if not url:
            return url
        try:
            base_url = normalise_base_url(url)
            if not may_be_private(base_url):
                check_public_url(base_url)
            return base_url
        except NotPublic as error:
            words = _(
                "Write a public address with https. Another is called only where the hub's environment "
                "allows it: IIKO_ALLOW_PRIVATE_ADDRESSES=1."
            )
            raise forms.ValidationError(words) from error
        except ValueError as error:
            words = _(
                "Write a whole address without a name or password, such as https://api-ru.iiko.services."
            )
            raise forms.ValidationError(words) from error

    def clean(self) -> dict[str, object]:
        """Keep what was left empty, forget the other kind, and demand that this one is complete."""
        super().clean()
        cleaned = self.cleaned_data
        kind = cleaned.get("kind")
        if kind not in _PARTS:
            return cleaned
        before = {name: getattr(self.instance, name) for name in (*_SECRETS, "app_id")}
        # A stored secret is not sent to a changed address: the person who changes it may not know the secret.
        is_moved = cleaned.get("base_url", self.instance.base_url) != self.instance.base_url
        for other, names in _PARTS.items():
            for name in names:
                given = (cleaned.get(name) or "").strip()
                keeps = not given and name in _SECRETS and not is_moved
                cleaned[name] = (before[name] if keeps else given) if other == kind else ""
                if other == kind and not cleaned[name]:
                    self.add_error(name, self._missing(is_moved=is_moved and bool(before[name])))
        return cleaned

    def _missing(self, *, is_moved: bool) -> str:
        if is_moved:
            return gettext("The address is another one: enter it again, it is sent there.")
        return gettext("This kind of credential needs it.")
