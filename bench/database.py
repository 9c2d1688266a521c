"""What the measurements do to the throw-away database beside measuring."""

from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from psycopg.conninfo import make_conninfo

from bench.bodies import ORGANIZATION_ID, TERMINAL_GROUP_ID
from organizations.models.organization import TerminalGroup
from organizations.provisioning import add_organization, create_api_key
from webhooks.receiving.configs import new_token, set_webhook_token

_EMPTIED = (
    "webhook_events, webhook_event_keys, order_timeline, orders, procrastinate_jobs, procrastinate_events"
)


def add_restaurant() -> str:
    """Add the restaurant that the bodies name; returns the token to show."""
    organization = add_organization(iiko_id=ORGANIZATION_ID, name="Bench", timezone="Asia/Yekaterinburg")
    TerminalGroup.objects.create(organization=organization, iiko_id=TERMINAL_GROUP_ID, name="Центр")
    token = new_token()
    set_webhook_token(organization=organization, token=token)
    return token


def add_key() -> str:
    return create_api_key(name="bench")[1]


def operator_session() -> str:
    """Sign an operator in; returns the value of the session cookie."""
    group = Group.objects.get(name="Operator")
    user, _is_new = User.objects.get_or_create(username="bench", defaults={"is_staff": True})
    user.groups.set([group])
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "iikohub.sign_in.gate.PeopleBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def empty() -> None:
    """Give each run the same start: no rows, current statistics, no checkpoint due."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_EMPTIED} RESTART IDENTITY CASCADE")
    checkpoint()


def checkpoint() -> None:
    """Have one now, where we may, so that none falls into a measurement."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone() == (True,):
            cursor.execute("CHECKPOINT")


def analyse() -> None:
    """Do what autovacuum would have done in a database that lives longer than a benchmark."""
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {_EMPTIED}")


def value(statement: str, *parameters: str) -> Any:  # noqa: ANN401  # what the statement gives
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
        return row[0] if row else None


def conninfo() -> str:
    """How another program reaches the same database."""
    connection.ensure_connection()
    info = connection.connection.info
    password = {"password": info.password} if info.password else {}
    return make_conninfo(host=info.host, port=info.port, user=info.user, dbname=info.dbname, **password)


def facts() -> dict[str, str]:
    settings = ("server_version", "synchronous_commit", "fsync", "full_page_writes", "shared_buffers")
    return {name: value(f"SHOW {name}") for name in settings}
