"""Addresses of the first steps."""

from django.urls import path

from iikohub.first_steps import pages

app_name = "first_steps"
urlpatterns = [
    path("", pages.steps, name="steps"),
    path("address/", pages.ask_address, name="ask-address"),
    path("zones/", pages.confirm, name="confirm-zones"),
    path("register/", pages.register, name="register"),
    path("register/<int:pk>/", pages.register_one, name="register-one"),
]
