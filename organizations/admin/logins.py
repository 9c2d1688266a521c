"""API logins in the admin: credentials, their state, and a check of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, pgettext, pgettext_lazy

from core.admin.base import Context, HubAdmin
from core.admin.list_links import keep_filters
from core.database import db_clock
from core.display import EMPTY, ago_text
from core.jobs.scheduling import enqueue
from organizations.access import is_restricted
from organizations.admin.display import check_words, notices, state_badge, token_words
from organizations.admin.login_form import V2, ApiLoginForm, EnvironmentLoginForm, kind_of
from organizations.connection.clients import ENVIRONMENT_LOGIN
from organizations.connection.status import check_login, login_status
from organizations.models.connection import ApiLogin
from organizations.tasks import sync_one_login

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class Counted(TypedDict):
    restaurant_count: int


_CREDENTIALS = ("kind", "api_login", "api_key", "app_id", "client_secret")


@admin.register(ApiLogin)
class ApiLoginAdmin(HubAdmin[ApiLogin]):
    accusative = pgettext_lazy("accusative", "API login")
    form = ApiLoginForm
    list_display = ("sorted_name", "state", "kind", "restaurants", "used", "read")
    list_filter_submit = False
    sortable_by = ("sorted_name",)
    search_fields = ("name_key",)
    search_help_text = _("A part of the name")
    empty_words = _(
        "No logins yet: add the API login from iikoWeb, and the hub reads the restaurants from it. "
        "Or set IIKO_API_KEY."
    )
    change_form_outer_before_template = "admin/organizations/apilogin/state.html"
    fieldsets = (
        (None, {"fields": ("name", "base_url", "is_active")}),
        (
            _("Credentials"),
            {
                "fields": _CREDENTIALS,
                "description": _("They are stored encrypted, and nobody is shown them again."),
            },
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A login brings restaurants of its own, which nobody who is restricted may see.
        return super().has_add_permission(request) and not is_restricted(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: ApiLogin | None = None) -> bool:
        # Switched off instead: the log of calls tells with which login they were made.
        return False

    def get_fieldsets(self, request: HttpRequest, obj: ApiLogin | None = None) -> list[Any] | tuple[Any, ...]:
        if obj is not None and (is_of_environment(obj) or not self.has_change_permission(request, obj)):
            return ((None, {"fields": ("name", "base_url", "is_active")}),)
        return super().get_fieldsets(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiLogin | None = None) -> tuple[str, ...]:
        # Its credentials are in the environment, and so is their address: IIKO_API_URL.
        return ("name", "base_url") if obj is not None and is_of_environment(obj) else ()

    def get_form(
        self, request: HttpRequest, obj: ApiLogin | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[ApiLogin]]:
        if obj is not None and is_of_environment(obj):
            # Its credentials come from the environment, so the form requires none.
            kwargs["form"] = EnvironmentLoginForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiLogin]:
        return super().get_queryset(request).annotate(restaurant_count=Count("organizations"))

    def save_model(
        self, request: HttpRequest, obj: ApiLogin, form: ModelForm[ApiLogin], change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if obj.is_active and (not change or {"base_url", *_CREDENTIALS} & set(form.changed_data)):
            enqueue(sync_one_login, login_pk=obj.pk)
            words = gettext("The hub reads the restaurants of this login now; reload the page in a moment.")
            messages.info(request, words)

    def page_context(self, request: HttpRequest, row: ApiLogin) -> Context:
        now = db_clock.now()
        state = login_status(row, now=now)
        read = ago_text(row.synced_at, now) if row.synced_at else gettext("not yet")
        return {
            "login": row,
            "badge": state_badge(row, state),
            "notices": list(notices(row, state, now)),
            "headline": [
                (gettext("Token"), token_words(state, now)),
                (gettext("Last used"), ago_text(row.last_used_at, now) if row.last_used_at else EMPTY),
                (gettext("Dictionaries read"), read),
            ],
            "restaurants": row.organizations.all(),
            "is_of_environment": is_of_environment(row),
            "may_act": self.has_change_permission(request, row),
            "sees_calls": request.user.has_perm("organizations.view_apicall"),
            "sees_restaurants": request.user.has_perm("organizations.view_organization"),
        }

    # --- actions ---------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:pk>/check/", self.admin_site.admin_view(self.check_view), name=f"{_NAME}_check"),
            path("<int:pk>/read/", self.admin_site.admin_view(self.read_view), name=f"{_NAME}_read"),
        ]
        return [*own, *super().get_urls()]

    def check_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask iiko which restaurants the login offers, and show the result."""
        login = self._login(request, pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        check = check_login(login, requested_by=request.user.get_username())
        level = messages.SUCCESS if check.restaurants else messages.ERROR
        messages.add_message(request, level, check_words(check, now=db_clock.now()))
        return _back(request, login)

    def read_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for confirmation on GET; on POST queue the reading of restaurants and dictionaries."""
        login = self._login(request, pk)
        if request.method != "POST":
            return self.ask_first(
                request,
                title=gettext("Read restaurants and dictionaries?"),
                words_template="admin/organizations/apilogin/read_words.html",
                verb=pgettext("button", "Read"),
                back=keep_filters(request, "../change/"),
            )
        if not login.is_active:
            messages.error(request, gettext("The login is switched off; nothing is read with it."))
            return _back(request, login)
        enqueue(sync_one_login, login_pk=login.pk)
        words = gettext("The hub reads the restaurants of this login now; reload the page in a moment.")
        messages.success(request, words)
        return _back(request, login)

    def _login(self, request: HttpRequest, pk: int) -> ApiLogin:
        login = self.get_queryset(request).filter(pk=pk).first()
        if not self.has_change_permission(request, login):
            raise PermissionDenied
        if login is None:
            raise Http404
        return login

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("state"))
    def state(self, login: ApiLogin) -> SafeString:
        return state_badge(login, login_status(login, now=db_clock.now()))

    @admin.display(description=_("kind"))
    def kind(self, login: ApiLogin) -> str:
        return gettext("key, v2") if kind_of(login) == V2 else gettext("login, v1")

    @admin.display(description=_("restaurants"))
    def restaurants(self, login: WithAnnotations[ApiLogin, Counted]) -> str:
        return str(login.restaurant_count or EMPTY)

    @admin.display(description=_("last used"))
    def used(self, login: ApiLogin) -> str:
        return ago_text(login.last_used_at, db_clock.now()) if login.last_used_at else EMPTY

    @admin.display(description=_("dictionaries read"))
    def read(self, login: ApiLogin) -> str:
        return ago_text(login.synced_at, db_clock.now()) if login.synced_at else EMPTY


_NAME = "organizations_apilogin"


def is_of_environment(login: ApiLogin) -> bool:
    return login.name == ENVIRONMENT_LOGIN


def _back(request: HttpRequest, login: ApiLogin) -> HttpResponseRedirect:
    url = reverse("admin:organizations_apilogin_change", args=[login.pk])
    return HttpResponseRedirect(keep_filters(request, url))
