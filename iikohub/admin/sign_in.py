"""What the admin of people shows and does of signing in: the second step, and sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy as _, pgettext
from unfold.widgets import UnfoldBooleanSwitchWidget

from iikohub.models.sign_in import SecondFactor, TwoStepGroup
from iikohub.sign_in import second_factor
from iikohub.sign_in.sessions import sign_out_everywhere

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _Base = ModelAdmin[User]
else:
    _Base = object

SIGN_IN_FIELDS = ("two_steps", "sessions")


def has_two_steps(user: User) -> bool:
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).exists()


class SignsPeopleOut(_Base):
    """Adds to a person's page: take the second step off (a lost phone), and sign out everywhere."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/two-steps-off/", view(self.two_steps_off_view), name="auth_user_two_steps_off"),
            path("<int:pk>/sign-out/", view(self.sign_out_view), name="auth_user_sign_out"),
        ]
        return [*own, *super().get_urls()]

    def two_steps_off_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask on GET; on POST take it off. One's own needs a code: a session alone must not end it."""
        user = self._person(request, pk)
        if user == request.user:
            return redirect("sign_in:two-steps")
        return self._after_asking(
            request,
            user,
            title=gettext("Take the two-step sign-in off %(name)s?") % {"name": user},
            words=gettext(
                "The password alone lets them in then, until they set it up again. "
                "Be sure that it is they who ask."
            ),
            verb=pgettext("button", "Take off"),
            act=second_factor.remove,
            done=gettext("The two-step sign-in of %(name)s is off.") % {"name": user},
        )

    def sign_out_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask on GET; on POST end all sessions of the person."""
        user = self._person(request, pk)
        return self._after_asking(
            request,
            user,
            title=gettext("Sign %(name)s out everywhere?") % {"name": user},
            words=gettext(
                "Every browser in which they are signed in asks for the password at its next question."
            ),
            verb=pgettext("button", "Sign out everywhere"),
            act=sign_out_everywhere,
            done=gettext("%(name)s is signed out everywhere.") % {"name": user},
        )

    def _person(self, request: HttpRequest, pk: int) -> User:
        user = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        return user

    def _after_asking(
        self,
        request: HttpRequest,
        user: User,
        *,
        title: str,
        words: str,
        verb: str,
        act: Callable[[User], object],
        done: str,
    ) -> HttpResponse:
        if request.method != "POST":
            context = self.admin_site.each_context(request) | {
                "opts": self.opts,
                "title": title,
                "verb": verb,
            }
            shown = {"words": words, "words_template": "admin/auth/user/ask_words.html"}
            return TemplateResponse(request, "admin/confirm.html", context | shown)
        act(user)
        self.log_change(request, user, done)
        messages.success(request, done)
        if user == request.user:
            return redirect("admin:login")
        return redirect("admin:auth_user_change", user.pk)

    # --- fields ----------------------------------------------------------------------------------------

    @admin.display(description=_("two-step sign-in"))
    def two_steps(self, user: User) -> str:
        if not has_two_steps(user):
            return gettext("off; each sets it up in the menu of their name")
        url = reverse("admin:auth_user_two_steps_off", args=[user.pk])
        link = '{} <a class="hub-link" href="{}">{}</a>'
        return format_html(link, gettext("on."), url, gettext("Take it off (a lost phone)"))

    @admin.display(description=_("sessions"))
    def sessions(self, user: User) -> str:
        url = reverse("admin:auth_user_sign_out", args=[user.pk])
        return format_html('<a class="hub-link" href="{}">{}</a>', url, gettext("Sign out everywhere"))

    @admin.display(description=_("two steps"), boolean=True)
    def takes_two_steps(self, user: User) -> bool:
        return bool(user.is_two_stepped)  # type: ignore[attr-defined]  # the list reads it with the people


class TwoStepGroupForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The part of a group's form that says whether its people sign in by two steps."""

    asks_two_steps = forms.BooleanField(
        label=_("Asks for two-step sign-in"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Everybody in the group has to set it up at the next page they open."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["asks_two_steps"] = TwoStepGroup.objects.filter(pk=self.instance.pk).exists()

    def save_two_steps(self) -> None:
        """Store what was chosen; the group is saved by now."""
        if self.cleaned_data.get("asks_two_steps"):
            TwoStepGroup.objects.get_or_create(group=self.instance)
        elif "asks_two_steps" in self.cleaned_data:
            TwoStepGroup.objects.filter(group=self.instance).delete()
