"""What `make run` starts with: the sandbox's restaurants, the first steps done, and two who may sign in."""

import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection

from attention.models.channels import Channel
from attention.notifications.plan import plan_test
from core.database import db_clock
from iikohub.configuration.secrets import kept_secret
from iikohub.models import ZoneConfirmation
from organizations.models.connection import ApiLogin
from organizations.models.organization import Organization, TerminalGroup
from sandbox.catalogue.world import build_world
from webhooks.receiving.configs import set_webhook_token

ADMIN_NAME = "admin"
OPERATOR_NAME = "operator"
LOGIN_NAME = "sandbox"
API_LOGIN = "demo-hub"


def password_file() -> Path:
    return Path(settings.DATA_DIR) / "demo_admin_password"


def ensure_demo(*, seed: int, webhook_token: str, sandbox_url: str) -> None:
    """Add the sandbox's restaurants with its token and a login to it; what is there stays as it is."""
    # The address is written at each start, so that a command in another terminal asks the sandbox too.
    login, _ = ApiLogin.objects.update_or_create(
        name=LOGIN_NAME,
        defaults={"base_url": sandbox_url},
        create_defaults={"api_login": API_LOGIN, "base_url": sandbox_url},
    )
    for restaurant in build_world(seed).organizations:
        organization, _ = Organization.objects.get_or_create(
            iiko_id=str(restaurant.id),
            defaults={"name": restaurant.name, "timezone": restaurant.time_zone, "api_login": login},
        )
        # Of a demo that is older than the login.
        Organization.objects.filter(pk=organization.pk, api_login=None).update(api_login=login)
        for group in restaurant.terminal_groups:
            TerminalGroup.objects.get_or_create(
                organization=organization,
                iiko_id=str(group.id),
                defaults={"name": group.name, "timezone": group.time_zone},
            )
        set_webhook_token(organization=organization, token=webhook_token)
        ZoneConfirmation.objects.get_or_create(
            organization=organization,
            defaults={
                "timezone": organization.timezone,
                "confirmed_by": ADMIN_NAME,
                "confirmed_at": db_clock.now(),
            },
        )


def ensure_channel(sandbox_url: str) -> None:
    """Have the sandbox told of what needs attention; the worker sends the test that the first steps want."""
    now = db_clock.now()
    leads = {
        "address": channel_address(sandbox_url),
        "service": "JSON",
        "shown_address": "json://127.0.0.1/…",
    }
    channel, _ = Channel.objects.update_or_create(
        name=LOGIN_NAME, defaults=leads, create_defaults=leads | {"active_since": now}
    )
    if channel.tried_at is None:
        plan_test(channel, now=now)


def channel_address(sandbox_url: str) -> str:
    return f"{sandbox_url.replace('http://', 'json://')}/notifications"


def empty_database() -> None:
    """Drop all that the database holds; only for the one of ``make run EMPTY=1``."""
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def ensure_admin() -> str | None:
    """Make the user ``admin`` once and return the password; None if somebody changed it since.

    The password is random and kept in the data folder, so that the next start can show it again.
    """
    user = User.objects.filter(username=ADMIN_NAME).first()
    if user is None:
        password = kept_secret(password_file(), lambda: secrets.token_urlsafe(9))
        User.objects.create_superuser(ADMIN_NAME, "", password)
        return password
    kept = password_file().read_text().strip() if password_file().exists() else ""
    return kept if kept and user.check_password(kept) else None


def ensure_operator() -> None:
    """Make the user ``operator`` once, who works on the board; the password is the first one of ``admin``."""
    if User.objects.filter(username=OPERATOR_NAME).exists():
        return
    password = kept_secret(password_file(), lambda: secrets.token_urlsafe(9))
    operator = User.objects.create_user(OPERATOR_NAME, "", password)
    operator.groups.add(Group.objects.get(name="Operator"))
