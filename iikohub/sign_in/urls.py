"""Addresses of the second step of signing in."""

from django.urls import path

from iikohub.sign_in import pages

app_name = "sign_in"
urlpatterns = [
    path("", pages.own_page, name="two-steps"),
    path("code/", pages.code, name="code"),
    path("leave/", pages.leave, name="leave"),
]
