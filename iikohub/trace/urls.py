"""The address of a trace."""

from django.urls import path

from iikohub.trace.page import trace_page

urlpatterns = [path("<str:trace_id>/", trace_page, name="trace")]
