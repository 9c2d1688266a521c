"""Looking at the admin's pages as a person would."""

import html
import re
from typing import Any

from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.utils.html import strip_tags

ORDERS = "/admin/orders/order/"
EVENTS = "/admin/webhooks/webhookevent/"
CONFIGS = "/admin/webhooks/webhookconfig/"
ORGANIZATIONS = "/admin/organizations/organization/"
API_KEYS = "/admin/organizations/apikey/"
COMMANDS = "/admin/orders/ordercommand/"
LOGINS = "/admin/organizations/apilogin/"
RESERVES = "/admin/hall/reserve/"
TABLE_ORDERS = "/admin/hall/tableorder/"
CALLS = "/admin/organizations/apicall/"


def sign_in(client: Client, *permissions: str, name: str = "operator") -> User:
    """Sign in a member of staff with these permissions (``orders.view_order``) and no others."""
    user = User.objects.create_user(name, is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client.force_login(user)
    return user


def sign_in_superuser(client: Client) -> User:
    user = User.objects.create_superuser("chief")
    client.force_login(user)
    return user


def markup(response: Any) -> str:
    """Return the page's own part, without head and sidebar."""
    answer: HttpResponse = response
    page = answer.content.decode()
    at = page.find('<div id="main"')
    return page[at:] if at >= 0 else page


def text(response: Any) -> str:
    """Return what the page says, on one line; spaces that do not break become spaces."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", markup(response), flags=re.DOTALL)
    page = html.unescape(strip_tags(page.replace("<", " <")))
    return " ".join(page.replace("\N{NO-BREAK SPACE}", " ").split())


def rows(response: Any) -> list[str]:
    """Return what each row of a list says."""
    found = re.findall(r'<tr class="data-row.*?</tr>', markup(response), flags=re.DOTALL)
    return [text(HttpResponse(row)) for row in found]
