"""Pages of the admin that speak of several apps: restaurants with their traffic."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _
from procrastinate.contrib.django.models import ProcrastinateJob

from core.database import db_clock
from core.display import EMPTY, ago_text, badge
from organizations.admin.display import answers_text, silent_pos_badges
from organizations.admin.organizations import USUAL_TYPE_FIELDS, OrganizationAdmin as BaseOrganizationAdmin
from organizations.models.organization import Organization, TerminalGroup
from webhooks.admin.display import heard_text
from webhooks.models.inbox import WebhookConfig
from webhooks.monitoring.inbox_state import last_received
from webhooks.receiving.configs import receive_url

if TYPE_CHECKING:

    class ListedOrganization(Organization):
        """A row with what ``get_queryset`` adds."""

        is_open_to_iiko: bool
        last_received: datetime | None
        silent_groups: list[TerminalGroup]


# procrastinate's list of jobs is not made for this admin.
admin.site.unregister(ProcrastinateJob)


@admin.register(Organization)
class OrganizationAdmin(BaseOrganizationAdmin):
    list_display = ("sorted_name", "iiko_id", "timezone", "is_active", "webhook", "heard_of")
    sortable_by = ("sorted_name",)
    fieldsets = (
        *BaseOrganizationAdmin.fieldsets,
        (
            _("Usual payment types"),
            {
                "fields": tuple(USUAL_TYPE_FIELDS.values()),
                "description": _(
                    "Which type is meant where a payment names a kind alone and the restaurant has several "
                    "types of it. Types are read from iiko with the dictionaries."
                ),
            },
        ),
        (_("From iiko"), {"fields": ("dictionaries_read", "pos_version", "pos_state", "from_iiko")}),
        (_("Webhook"), {"fields": ("webhook_address", "webhook_links", "heard_of")}),
    )
    add_fieldsets = BaseOrganizationAdmin.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        of_iiko = ("dictionaries_read", "pos_version", "pos_state", "from_iiko")
        of_webhook = ("webhook_address", "webhook_links", "heard_of")
        return (*super().get_readonly_fields(request, obj), *of_iiko, *of_webhook)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        organizations: QuerySet[Organization] = super().get_queryset(request)
        configs = WebhookConfig.objects.filter(organization=OuterRef("iiko_id"), is_active=True)
        silent = TerminalGroup.objects.silent(db_clock.now()).select_related("organization")
        return organizations.annotate(
            last_received=last_received("iiko_id"), is_open_to_iiko=Exists(configs)
        ).prefetch_related(Prefetch("terminal_groups", queryset=silent, to_attr="silent_groups"))

    # --- columns; a row is an Organization with what get_queryset added -----------------------------------

    @admin.display(description=_("webhook"))
    def webhook(self, organization: ListedOrganization) -> SafeString:
        is_open = organization.is_open_to_iiko
        token = badge("on", gettext("token set")) if is_open else badge("off", gettext("no token"))
        silent = silent_pos_badges(organization.silent_groups, db_clock.now())
        return format_html("{} {}", token, silent)

    @admin.display(description=_("POS"), empty_value=EMPTY)
    def pos_state(self, organization: ListedOrganization) -> str | SafeString:
        now = db_clock.now()
        if silent := silent_pos_badges(organization.silent_groups, now):
            return silent
        answers = (answers_text(group, now) for group in organization.terminal_groups.all())
        return next((one for one in answers if one != EMPTY), EMPTY)

    @admin.display(description=_("last event"))
    def heard_of(self, organization: ListedOrganization) -> str | SafeString:
        return heard_text(organization.last_received, organization.zone(), db_clock.now())

    @admin.display(description=_("dictionaries read"))
    def dictionaries_read(self, organization: Organization) -> str:
        read = organization.dictionaries_synced_at
        return ago_text(read, db_clock.now()) if read else gettext("not yet")

    @admin.display(description=_("what iiko says"))
    def from_iiko(self, organization: Organization) -> SafeString:
        titles = {
            "courier": gettext("Couriers"),
            "terminalgroup": gettext("Terminal groups"),
            "dictionaryentry": gettext("Dictionaries"),
            "apicall": gettext("Calls to iiko"),
        }
        query = urlencode({"organization": organization.iiko_id})
        return _links(
            (f"{reverse(f'admin:organizations_{name}_changelist')}?{query}", title)
            for name, title in titles.items()
        )

    @admin.display(description=_("address for iiko"))
    def webhook_address(self, _organization: Organization) -> SafeString:
        return format_html('<span class="hub-mono">{}</span>', receive_url())

    @admin.display(description=_("token"))
    def webhook_links(self, organization: Organization) -> SafeString:
        query = urlencode({"organization": organization.iiko_id})
        to_add = (f"{reverse('admin:webhooks_webhookconfig_add')}?{query}", gettext("Set the token"))
        pages = [
            (reverse("admin:webhooks_webhookconfig_change", args=[config.pk]), gettext("Webhook settings"))
            for config in organization.webhook_configs.order_by("id")
        ]
        return _links(pages or [to_add])


def _links(links: Iterable[tuple[str, str]]) -> SafeString:
    """Write addresses with their titles."""
    return format_html_join(", ", '<a class="hub-link" href="{}">{}</a>', links)
