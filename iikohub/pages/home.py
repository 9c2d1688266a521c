"""The address without a path: it leads each person to where they work."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url

WORKS_ON_THE_BOARD = ("Dispatcher", "Operator")


def home(request: HttpRequest) -> HttpResponse:
    """Lead dispatchers and operators to the board, others to the overview, strangers to the sign-in page."""
    user = request.user
    if not user.is_authenticated:
        return redirect_to_login(request.get_full_path(), resolve_url("admin:login"))
    is_operator = not user.is_superuser and user.groups.filter(name__in=WORKS_ON_THE_BOARD).exists()
    return redirect("console:board" if is_operator else "admin:index")
