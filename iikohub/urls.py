"""Every address of the hub."""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularSwaggerSplitView

from iikohub.operations import health
from iikohub.pages.home import home
from iikohub.pages.schema_view import SchemaView
from iikohub.sign_in.pages import sign_in
from organizations.api.views import UnknownAddress

handler400 = "iikohub.pages.refusals.bad_request"
handler500 = "iikohub.pages.refusals.server_error"

urlpatterns = [
    path("", home, name="home"),
    path("admin/first-steps/", include("iikohub.first_steps.urls")),
    path("admin/login/", sign_in, name="sign-in"),
    path("admin/two-steps/", include("iikohub.sign_in.urls")),
    path("admin/trace/", include("iikohub.trace.urls")),
    path("admin/", admin.site.urls),
    path("console/", include("console.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include("webhooks.api.urls")),
    path("api/v1/", include("orders.api.urls")),
    path("api/v1/", include("loyalty.api.urls")),
    path("api/v1/", include("hall.api.urls")),
    path("api/v1/", include("analytics.api.urls")),
    path("api/v1/", include("organizations.api.urls")),
    path("api/v1/", include("attention.api.urls")),
    path("api/v1/", include("outbound.api.urls")),
    re_path(r"^api/v1(?:/|$)", UnknownAddress.as_view(), name="unknown-address"),
    re_path(r"^api/schema/?$", SchemaView.as_view(), name="schema"),
    re_path(r"^api/docs/?$", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path(r"^healthz/?$", health.healthz, name="healthz"),
    re_path(r"^readyz/?$", health.readyz, name="readyz"),
    re_path(r"^metrics/?$", health.metrics, name="metrics"),
]
