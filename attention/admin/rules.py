"""Settings of the rules: on or off, and their limits, for one restaurant or for all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy as _, pgettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from attention.models.items import RuleSetting
from attention.rules.base import MINUTE, Rule
from attention.rules.registry import RULES, rule_of
from core.admin.base import HubAdmin
from core.admin.filters import Choice, choices_filter
from core.display import EMPTY
from organizations.access import is_restricted
from organizations.admin.filters import restaurant_filter

LONGEST_LIMIT = timedelta(days=1)


def _title(rule: Rule) -> str:
    """Name a rule, with its usual limit if it has one."""
    title = str(rule.title)
    if rule.limit is None:
        return title
    usual = gettext("usually %(limit)s") % {"limit": _limit_text(rule, rule.limit)}
    return f"{title} ({usual})"


def _limit_text(rule: Rule, limit: int) -> str:
    words = gettext("%(count)d s") if rule.step < MINUTE else gettext("%(count)d min")
    return words % {"count": limit}


def rule_choices(_request: HttpRequest | None = None) -> list[Choice]:
    return sorted(((rule.name, _title(rule)) for rule in RULES), key=lambda choice: choice[1])


class RuleSettingForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    rule = forms.ChoiceField(label=_("Rule"), widget=UnfoldAdminSelectWidget)
    is_of_restricted = False
    """Whether the person sees some restaurants alone, and so may set nothing for all of them."""

    class Meta:
        model = RuleSetting
        fields = ("rule", "organization", "is_on", "limit")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "rule" in self.fields:
            self.fields["rule"].choices = [("", EMPTY), *rule_choices()]  # type: ignore[attr-defined]  # it is a ChoiceField
        if "organization" in self.fields:
            self.fields["organization"].help_text = _(
                "Empty: all restaurants that have no setting of their own."
            )
        if "limit" in self.fields:
            self.fields["limit"].help_text = _(
                "For how long it must be so before it counts, in the unit that stands beside the rule. "
                "Empty: the usual limit."
            )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        limit, name = cleaned.get("limit"), cleaned.get("rule")
        if self.is_of_restricted and "organization" in self.fields and cleaned.get("organization") is None:
            self.add_error("organization", _("Choose one of your restaurants."))
        if limit is not None and name and rule_of(name).limit is None:
            self.add_error("limit", _("This rule has no limit: leave it empty."))
        elif limit is not None and name and limit > LONGEST_LIMIT // rule_of(name).step:
            self.add_error("limit", _("At most a day."))
        return cleaned


@admin.register(RuleSetting)
class RuleSettingAdmin(HubAdmin[RuleSetting]):
    accusative = pgettext_lazy("accusative", "setting of a rule")
    form = RuleSettingForm
    list_display = ("title", "restaurant", "is_on", "limit_text")
    list_filter = (choices_filter(_("rule"), "rule", rule_choices), restaurant_filter())
    list_select_related = ("organization",)
    ordering = ("rule", "organization__name", "id")
    empty_words = _("All rules are on, with their usual limits.")

    def get_form(
        self, request: HttpRequest, obj: RuleSetting | None = None, change: bool = False, **kwargs: Any
    ) -> type[RuleSettingForm]:
        form = super().get_form(request, obj, change, **kwargs)
        return type("OwnForm", (form,), {"is_of_restricted": is_restricted(request.user)})

    @admin.display(description=_("rule"), ordering="rule")
    def title(self, row: RuleSetting) -> str:
        known = {rule.name: rule for rule in RULES}
        return str(known[row.rule].title) if row.rule in known else row.rule

    @admin.display(description=_("restaurant"))
    def restaurant(self, row: RuleSetting) -> str:
        return row.organization.name if row.organization is not None else gettext("all restaurants")

    @admin.display(description=_("limit"))
    def limit_text(self, row: RuleSetting) -> str:
        known = {rule.name: rule for rule in RULES}
        rule = known.get(row.rule)
        limit = row.limit if row.limit is not None else rule.limit if rule else None
        return self.get_empty_value_display() if rule is None or limit is None else _limit_text(rule, limit)
