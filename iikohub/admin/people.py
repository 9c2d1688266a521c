"""People and groups in the admin. Nobody gives a right that they lack, or touches a stronger account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from axes.models import AccessFailureLog
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin, UserAdmin as BaseUserAdmin
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import (
    Exists,
    F,
    ManyToManyField,
    Model,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.functions import Concat
from django.forms import BaseFormSet, ModelForm, ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy as _, gettext_noop, pgettext_lazy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from core.access import visible_to
from core.admin.base import AuditedHistory, BoundedPaginator, ListedLookups, MirrorAdmin, VisibleRows, Worded
from core.values.name_keys import folded, has_words
from iikohub.admin.restaurant_access import (
    ACCESS_FIELDS,
    ACCESS_WORDS,
    RestaurantsForm,
    ShowsRestaurants,
)
from iikohub.admin.sign_in import SIGN_IN_FIELDS, SignsPeopleOut, TwoStepGroupForm
from iikohub.models.sign_in import SecondFactor
from organizations.access import is_restricted

AnyUser = User | AnonymousUser

GROUP_NAMES = (
    gettext_noop("Dispatcher"),
    gettext_noop("Operator"),
    gettext_noop("Administrator"),
    gettext_noop("Analyst"),
)
"""The groups that the migrations make. They are stored in English and shown in the reader's language."""

OWN_PERMISSIONS = (
    gettext_noop("Can change the status of orders in iiko"),
    gettext_noop("Can assign couriers in iiko"),
    gettext_noop("Can change payments in iiko"),
    gettext_noop("Can give discounts in iiko"),
    gettext_noop("Can cancel orders in iiko"),
    gettext_noop("Can export lists of orders"),
    gettext_noop("Can take, snooze and resolve what needs attention"),
    gettext_noop("Can see analytics"),
    gettext_noop("Can replay events"),
    gettext_noop("Can send tests and send events again"),
    gettext_noop("Can have stop lists read again"),
    gettext_noop("Can see guests of the hall: names, phones, comments"),
    gettext_noop("Can see guests: names, phones, addresses, cards"),
    gettext_noop("Can top up wallets in iiko"),
    gettext_noop("Can withdraw from wallets in iiko"),
    gettext_noop("Can hold money in wallets in iiko and release it"),
)

_USUAL = {
    "view": pgettext_lazy("permission", "view"),
    "add": pgettext_lazy("permission", "add"),
    "change": pgettext_lazy("permission", "change"),
    "delete": pgettext_lazy("permission", "delete"),
}


def group_title(group: Group) -> str:
    return gettext(group.name) if group.name in GROUP_NAMES else group.name


def permission_title(permission: Permission) -> str:
    """Say it as ``Orders: view``; Django stores English sentences."""
    kind = permission.content_type
    model = kind.model_class()
    things = capfirst(str(model._meta.verbose_name_plural)) if model else kind.name
    verb, _rest, name = permission.codename.partition("_")
    may = _USUAL[verb] if verb in _USUAL and name == kind.model else gettext(permission.name)
    return f"{things}: {may}"


# Lists, pickers, filters, headings and messages all write ``str()`` of them.
Group.add_to_class("__str__", group_title)
Permission.add_to_class("__str__", permission_title)


def rights_of(user: AnyUser) -> QuerySet[Permission]:
    """All that a person was given, be the account active or not."""
    if user.is_superuser:
        return Permission.objects.all()
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def may_give(user: AnyUser, rights: QuerySet[Permission]) -> bool:
    return user.is_superuser or not rights.exclude(pk__in=rights_of(user).values("pk")).exists()


def is_within_reach(user: AnyUser, obj: Model) -> bool:
    """Whether an account or group can do nothing that ``user`` cannot.

    Who sets a password can sign in with it, and who changes a group changes all in it.
    """
    if isinstance(obj, User):
        return user.is_superuser or (not obj.is_superuser and may_give(user, rights_of(obj)))
    return may_give(user, Permission.objects.filter(group=obj.pk))


def offered_rights(user: AnyUser) -> QuerySet[Permission]:
    """List the rights that a person may give, of what has a page here."""
    kinds = ContentType.objects.get_for_models(*admin.site._registry).values()  # noqa: SLF001  # has no other name
    rights = rights_of(user).filter(content_type__in=kinds).select_related("content_type")
    return rights.order_by("content_type__app_label", "content_type__model", "pk")


def offered_groups(user: AnyUser) -> QuerySet[Group]:
    if user.is_superuser:
        return Group.objects.order_by("name")
    beyond = Permission.objects.filter(group=OuterRef("pk")).exclude(pk__in=rights_of(user).values("pk"))
    return Group.objects.filter(~Exists(beyond)).order_by("name")


_OFFERED = {"permissions": offered_rights, "user_permissions": offered_rights, "groups": offered_groups}
_LINKS = (User.groups, User.user_permissions, Group.permissions)


class Giving(AuditedHistory[Any], VisibleRows[Any], ListedLookups[Any], Worded[Any]):
    """An admin that offers rights and groups; only those of the person who gives them."""

    paginator = BoundedPaginator

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Model, Model], request: HttpRequest, **kwargs: object
    ) -> ModelMultipleChoiceField[Any] | None:
        if offered := _OFFERED.get(db_field.name):
            kwargs["queryset"] = offered(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        may: bool = super().has_change_permission(request, obj)
        return may and (obj is None or is_within_reach(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        may: bool = super().has_delete_permission(request, obj)
        return may and (obj is None or is_within_reach(request.user, obj))

    def get_deleted_objects(
        self, objs: QuerySet[Model] | Sequence[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the rows alone; Django lists each of their links to groups and rights by its number."""
        _rows, counts, lacking, protected = super().get_deleted_objects(objs, request)
        links = {str(one.through._meta.verbose_name_plural) for one in _LINKS}
        counted = {name: count for name, count in counts.items() if str(name) not in links}
        return [str(one) for one in objs], counted, lacking, protected


_STAFF_WORDS = _(
    "Whoever is in a group, or has rights of their own, may sign in here. "
    "Without any of them, nobody can. To shut a person out, switch “Active” off."
)

_STRONGER_WORDS = _("This account may do more than yours, so that you cannot change it.")


def let_sign_in(users: Iterable[User]) -> None:
    """Let each sign in as long as they have something to do here."""
    for user in users:
        user.is_staff = user.is_superuser or user.groups.exists() or user.user_permissions.exists()
        user.save(update_fields=["is_staff"])


admin.site.unregister([User, Group])


class PersonForm(RestaurantsForm, UserChangeForm):  # type: ignore[misc]  # Unfold is untyped
    pass


class NewPersonForm(RestaurantsForm, UserCreationForm):  # type: ignore[misc]  # Unfold is untyped
    pass


@admin.register(User)
class UserAdmin(Giving, SignsPeopleOut, ShowsRestaurants, BaseUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]  # untyped; no [User] at run time
    form = PersonForm
    add_form = NewPersonForm
    change_password_form = AdminPasswordChangeForm
    accusative = pgettext_lazy("accusative", "user")
    list_display = (
        *("username", "full_name", "group_names", "restaurant_names"),
        *("may_sign_in", "takes_two_steps", "last_login"),
    )
    list_filter = ("is_active", "groups", "is_superuser")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (
            _("Permissions"),
            {
                "description": _STAFF_WORDS,
                "fields": ("is_active", "is_superuser", "groups", "user_permissions"),
            },
        ),
        (_("Restaurants"), {"description": ACCESS_WORDS, "fields": ACCESS_FIELDS}),
        (_("Signing in"), {"fields": SIGN_IN_FIELDS}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "description": _STAFF_WORDS,
                "fields": (
                    *("username", "first_name", "last_name"),
                    *("usable_password", "password1", "password2", "groups"),
                ),
            },
        ),
        (_("Restaurants"), {"classes": ("wide",), "description": ACCESS_WORDS, "fields": ACCESS_FIELDS}),
    )
    readonly_fields = ("last_login", "date_joined", *SIGN_IN_FIELDS)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:  # noqa: ANN401  # nested TypedDicts
        """Only a superuser makes superusers; a password that cannot be changed is not mentioned."""
        hidden = set() if request.user.is_superuser else {"is_superuser"}
        note: str | Promise = ""
        if obj is not None and not self.has_change_permission(request, obj):
            hidden, note = (
                {"password", *SIGN_IN_FIELDS},
                "" if is_within_reach(request.user, obj) else _STRONGER_WORDS,
            )
        sets = super().get_fieldsets(request, obj)
        shown = [
            (title, options | {"fields": fields})
            for title, options in sets
            if (fields := tuple(name for name in options["fields"] if name not in hidden))
        ]
        return [(shown[0][0], shown[0][1] | {"description": note}), *shown[1:]] if note else shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users: QuerySet[User] = super().get_queryset(request)
        factors = SecondFactor.objects.filter(user=OuterRef("pk"), confirmed_at__isnull=False)
        return (
            users.select_related("restaurant_access")
            .prefetch_related("groups", "restaurant_access__restaurants")
            .annotate(is_two_stepped=Exists(factors))
        )

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[User]]:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.giver = request.user
        own: type[ModelForm[User]] = form
        return own

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """Find people by parts of their names as names are found everywhere: е stands for ё."""
        if not search_term.strip():
            return queryset, False
        parts = [part for name in self.search_fields for part in (F(name), Value(" "))]
        people = queryset.alias(person_key=folded(Concat(*parts, output_field=TextField())))
        return people.filter(has_words(search_term, "person_key")), False

    def save_related(
        self,
        request: HttpRequest,
        form: ModelForm[User],
        formsets: Sequence[BaseFormSet[ModelForm[Model]]],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        cast("RestaurantsForm", form).save_access()
        let_sign_in([form.instance])
        if not form.instance.is_staff:
            words = gettext("%(name)s cannot sign in: choose a group.") % {"name": form.instance}
            messages.warning(request, words)

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=pgettext_lazy("person", "Name"), ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description=_("groups"))
    def group_names(self, user: User) -> str:
        names = [str(group) for group in user.groups.all()]
        return ", ".join([gettext("superuser"), *names] if user.is_superuser else names)

    @admin.display(description=_("may sign in"), boolean=True)
    def may_sign_in(self, user: User) -> bool:
        return user.is_active and user.is_staff


@admin.register(Group)
class GroupAdmin(Giving, BaseGroupAdmin, ModelAdmin):  # type: ignore[misc]  # Unfold is untyped
    form = TwoStepGroupForm
    accusative = pgettext_lazy("accusative", "group")
    list_display = ("__str__", "people", "asks_two_steps")
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "asks_two_steps", "permissions"),
                "description": _(
                    "Everybody in the group has its rights. You can give only those that you have yourself. "
                    "Dispatcher, Operator, Administrator and Analyst are stored so and shown in your "
                    "language."
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        groups: QuerySet[Group] = super().get_queryset(request)
        people = visible_to(request.user, User.objects.order_by("username"))
        return groups.select_related("two_steps").prefetch_related(Prefetch("user_set", people))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not is_restricted(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # The people in a group may be of any restaurant.
        return super().has_change_permission(request, obj) and not is_restricted(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not is_restricted(request.user)

    def save_related(
        self,
        request: HttpRequest,
        form: ModelForm[Group],
        formsets: Sequence[BaseFormSet[ModelForm[Model]]],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        cast("TwoStepGroupForm", form).save_two_steps()

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        self.delete_queryset(request, Group.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        members = list(User.objects.filter(groups__in=queryset).distinct())
        super().delete_queryset(request, queryset)
        let_sign_in(members)

    @admin.display(description=_("two steps"), boolean=True)
    def asks_two_steps(self, group: Group) -> bool:
        return hasattr(group, "two_steps")

    @admin.display(description=_("people"))
    def people(self, group: Group) -> str:
        return ", ".join(user.get_username() for user in group.user_set.all())


_AXES_TEXTS = (gettext_noop("access failure"), gettext_noop("access failures"))
"""django-axes says them badly in Russian."""


@admin.register(AccessFailureLog)
class SignInFailureAdmin(MirrorAdmin[AccessFailureLog]):
    """Who tried a wrong password, from where: written by django-axes, kept for ``SIGN_IN_FAILURES_DAYS``."""

    list_display = ("attempt_time", "username", "ip_address", "locked_out", "user_agent")
    list_display_links = ("attempt_time",)
    list_filter = ("locked_out",)
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time",)
    fields = ("attempt_time", "username", "ip_address", "locked_out", "user_agent", "path_info")
    empty_words = _("Nobody has given a wrong password lately.")
