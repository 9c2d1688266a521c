"""How the admin looks and what its sidebar holds (the ``UNFOLD`` setting)."""

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Entry = dict[str, object]

_ANALYTICS = ("orders.view_order", "analytics.view_analytics")


def _section(title: str | Promise, *items: Entry, separator: bool = True) -> Entry:
    return {"title": title, "separator": separator, "items": items}


def _page(title: str | Promise, icon: str, model: str) -> Entry:
    """Lead to the list of ``app.model``, for those who may look at it."""
    app, name = model.split(".")

    def may_see(request: HttpRequest) -> bool:
        return any(request.user.has_perm(f"{app}.{verb}_{name}") for verb in ("view", "change"))

    link = reverse_lazy(f"admin:{app}_{name}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": may_see}


UNFOLD: Entry = {
    "LOGIN": {"form": "iikohub.pages.sign_in.SignInForm"},
    "SITE_TITLE": "iikohub",
    "SITE_HEADER": "iikohub",
    "SITE_SUBHEADER": _("the hub beside iiko"),
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "sizes": "any",
            "href": lambda _request: static("iikohub/favicon.svg"),
        }
    ],
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "DASHBOARD_CALLBACK": "iikohub.dashboard.overview.fill",
    "STYLES": [
        lambda _request: static("iikohub/colors.css"),
        lambda _request: static("iikohub/admin.css"),
    ],
    "SCRIPTS": [
        lambda _request: static("iikohub/admin.js"),
        lambda _request: static("iikohub/live.js"),
    ],
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Two-step sign-in"), "link": reverse_lazy("sign_in:two-steps")},
        ]
    },
    # They stand in colors.css: Unfold would write them into each page, which its content policy forbids.
    "COLORS": lambda _request: {},
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            _section(
                _("Work"),
                {"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")},
                _page(_("Board"), "view_kanban", "orders.order") | {"link": reverse_lazy("console:board")},
                _page(_("Couriers"), "moped", "orders.order") | {"link": reverse_lazy("console:dispatch")},
                _page(_("Attention"), "notification_important", "attention.attentionitem")
                | {"link": reverse_lazy("console:attention")},
                {
                    "title": _("Analytics"),
                    "icon": "monitoring",
                    "link": reverse_lazy("console:analytics"),
                    "permission": lambda request: request.user.has_perms(_ANALYTICS),
                },
                _page(_("Orders"), "receipt_long", "orders.order"),
                _page(_("Commands"), "send", "orders.ordercommand"),
                _page(_("Stop lists"), "remove_shopping_cart", "organizations.stoplistitem"),
                _page(_("Shifts"), "badge", "organizations.shift"),
                _page(_("Events"), "inbox", "webhooks.webhookevent"),
                _page(_("Calls to iiko"), "swap_vert", "organizations.apicall"),
                separator=False,
            ),
            _section(
                _("Hall"),
                _page(_("Reserves"), "event_seat", "hall.reserve"),
                _page(_("Table orders"), "table_restaurant", "hall.tableorder"),
            ),
            _section(
                _("Loyalty"),
                _page(_("Customers"), "loyalty", "loyalty.customer"),
                _page(_("Loyalty operations"), "account_balance_wallet", "loyalty.loyaltyoperation"),
                _page(_("Differences"), "difference", "loyalty.balancedifference"),
            ),
            _section(
                _("Set-up"),
                {
                    "title": _("First steps"),
                    "icon": "checklist",
                    "link": reverse_lazy("first_steps:steps"),
                    "permission": "iikohub.first_steps.pages.may_open",
                },
                _page(_("API logins"), "login", "organizations.apilogin"),
                _page(_("Organizations"), "storefront", "organizations.organization"),
                _page(_("Webhook settings"), "webhook", "webhooks.webhookconfig"),
                _page(_("API keys"), "key", "organizations.apikey"),
            ),
            _section(
                _("Attention"),
                _page(_("Attention list"), "history", "attention.attentionitem"),
                _page(_("Rules of attention"), "rule_settings", "attention.rulesetting"),
                _page(_("Notification channels"), "notifications", "attention.channel"),
                _page(_("Notifications"), "outgoing_mail", "attention.notification"),
            ),
            _section(
                _("Outbound webhooks"),
                _page(_("Subscriptions"), "rss_feed", "outbound.subscription"),
                _page(_("Deliveries of webhooks"), "outbound", "outbound.delivery"),
            ),
            _section(
                _("From iiko"),
                _page(_("Couriers"), "delivery_dining", "organizations.courier"),
                _page(_("Terminal groups"), "point_of_sale", "organizations.terminalgroup"),
                _page(_("Dictionary entries"), "menu_book", "organizations.dictionaryentry"),
            ),
            _section(
                _("People"),
                _page(_("Users"), "person", "auth.user"),
                _page(_("Groups"), "group", "auth.group"),
                _page(_("Audit log"), "policy", "audit.auditentry"),
                _page(_("Access failures"), "gpp_maybe", "axes.accessfailurelog"),
            ),
            _section(_("Help"), {"title": _("API reference"), "icon": "api", "link": reverse_lazy("docs")}),
        ],
    },
}
