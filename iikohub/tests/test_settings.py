"""Settings from the environment: what is taken, and that what is wrong is said in a sentence.

Each case is a process of its own, since settings are read once.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

NOT_POSTGRESQL = (
    "DATABASE_URL must name a PostgreSQL database (postgresql://user:password@host:5432/name); "
    "the hub uses no other. Unset it to use the embedded server."
)
UNREADABLE_URL = (
    "DATABASE_URL cannot be read. Write it as postgresql://user:password@host:5432/name; in a password "
    "write @ : / ? # % as %40 %3A %2F %3F %23 %25."
)
PUBLIC_DEBUG = (
    "DEBUG=1 shows the hub's settings and its guests to whoever meets an error, and WEBHOOK_BASE_URL is a "
    "public address. Set DEBUG=0."
)
BAD_KEYS = (
    "CREDENTIALS_KEYS must be Fernet keys (32 bytes, URL-safe base64), separated by commas. Make one: "
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)
ROOT = Path(__file__).resolve().parents[2]
MARK = "the settings are: "


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in an environment with these variables and no others of ours."""
    names = (
        "DATABASE_URL SECRET_KEY DEBUG ALLOWED_HOSTS CSRF_TRUSTED_ORIGINS WEBHOOK_BASE_URL WEBHOOK_SECRET_KEY"
        " WEBHOOK_MAX_BODY_BYTES INBOX_RETENTION_DAYS CREDENTIALS_KEYS EMBEDDED_POSTGRES_DIR LOG_FORMAT"
        " IIKO_API_URL IIKO_API_KEY IIKO_APP_ID IIKO_CLIENT_SECRET IIKO_LOG_PERSONAL_DATA"
        " IIKO_CALL_LOG_DAYS WEBHOOK_AUTO_REGISTER API_ACTIONS_PER_MINUTE"
        " LOYALTY_MAX_OPERATION LOYALTY_MAX_DAY"
    )
    clean = {name: value for name, value in os.environ.items() if name not in names.split()}
    # Translated texts cannot be shown before the apps are there; nobody asks for them here.
    show = (
        "import json; from pathlib import Path; from iikohub import settings as s;"
        "plain = lambda value: str(value) if isinstance(value, Path) else None;"
        f"print({MARK!r} + json.dumps({{n: v for n, v in vars(s).items() if n.isupper()}}, default=plain))"
    )
    return subprocess.run(
        [sys.executable, "-c", show],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def settings(**environment: str) -> dict[str, Any]:
    done = start(**environment)
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout.split(MARK)[1])
    return read


def complaint(**environment: str) -> str:
    """Return the last line of stderr: what an operator reads."""
    done = start(**environment)
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def test_defaults_are_safe() -> None:
    read = settings()

    assert read["DEBUG"] is False
    assert len(read["SECRET_KEY"]) >= 50
    assert read["WEBHOOK_MAX_BODY_BYTES"] == 5 * 1024 * 1024
    assert read["INBOX_RETENTION_DAYS"] == 90
    assert read["WEBHOOK_SECRET_KEY"] == ""
    assert read["WEBHOOK_AUTO_REGISTER"] is False
    assert read["IIKO_CALL_LOG_DAYS"] == 30
    assert read["API_ACTIONS_PER_MINUTE"] == 600
    assert (read["LOYALTY_MAX_OPERATION_MINOR"], read["LOYALTY_MAX_DAY_MINOR"]) == (30_000_00, 100_000_00)
    assert read["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]
    assert read["DATABASES"]["default"]["ENGINE"] == "iikohub.db_backends.embedded"
    assert read["EMBEDDED_POSTGRES_DIR"] == str(ROOT / ".data" / "postgres")
    assert (read["SESSION_COOKIE_HTTPONLY"], read["SESSION_COOKIE_SECURE"]) == (True, False)


def test_address_of_the_hub_opens_its_host_and_makes_cookies_secure() -> None:
    read = settings(WEBHOOK_BASE_URL="https://hub.example.org/")

    assert read["WEBHOOK_BASE_URL"] == "https://hub.example.org"
    assert read["ALLOWED_HOSTS"][-1] == "hub.example.org"
    assert "https://hub.example.org" in read["CSRF_TRUSTED_ORIGINS"]
    assert (read["SESSION_COOKIE_SECURE"], read["CSRF_COOKIE_SECURE"]) == (True, True)


def test_hub_that_knows_its_address_registers_by_itself_unless_switched_off() -> None:
    address = {"WEBHOOK_BASE_URL": "https://hub.example.org"}

    assert settings(**address)["WEBHOOK_AUTO_REGISTER"] is True
    assert settings(**address, WEBHOOK_AUTO_REGISTER="")["WEBHOOK_AUTO_REGISTER"] is True
    assert settings(**address, WEBHOOK_AUTO_REGISTER="0")["WEBHOOK_AUTO_REGISTER"] is False
    assert settings(WEBHOOK_AUTO_REGISTER="1")["WEBHOOK_AUTO_REGISTER"] is True


def test_lists_are_separated_by_commas() -> None:
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()

    read = settings(ALLOWED_HOSTS="a.example.org,.example.com,", CREDENTIALS_KEYS=f"{first},{second}")

    assert read["ALLOWED_HOSTS"] == ["a.example.org", ".example.com"]
    assert read["CREDENTIALS_KEYS"] == [first, second]


def test_database_url_names_the_server() -> None:
    read = settings(DATABASE_URL="postgresql://hub:p%40ss@db.example.org:5433/orders")

    database = read["DATABASES"]["default"]
    assert {
        name: database[name]
        for name in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "CONN_MAX_AGE")
    } == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "orders",
        "USER": "hub",
        "PASSWORD": "p@ss",
        "HOST": "db.example.org",
        "PORT": 5433,
        "CONN_MAX_AGE": 60,
    }


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("no", False)]
)
def test_flags_are_read_in_any_usual_way(text: str, value: bool) -> None:
    assert settings(DEBUG=text)["DEBUG"] is value


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"DATABASE_URL": "sqlite:///db.sqlite3"}, NOT_POSTGRESQL),
        ({"DATABASE_URL": "mysql://u:p@h/n"}, NOT_POSTGRESQL),
        ({"DATABASE_URL": "db.example.org"}, NOT_POSTGRESQL),
        ({"DATABASE_URL": "postgresql://u:p@host:port/name"}, UNREADABLE_URL),
        ({"DATABASE_URL": "postgresql://u:a/b@host:5432/name"}, UNREADABLE_URL),
        (
            {"WEBHOOK_MAX_BODY_BYTES": "5MB"},
            "WEBHOOK_MAX_BODY_BYTES must be a whole number of at least 1, not '5MB'.",
        ),
        (
            {"WEBHOOK_MAX_BODY_BYTES": "0"},
            "WEBHOOK_MAX_BODY_BYTES must be a whole number of at least 1, not '0'.",
        ),
        (
            {"LOYALTY_MAX_DAY": "1.001"},
            "LOYALTY_MAX_DAY must be an amount such as 5000 or 5000.50, not '1.001'.",
        ),
        ({"DEBUG": "maybe"}, "DEBUG must be 1 or 0, not 'maybe'."),
        ({"CREDENTIALS_KEYS": "too-short"}, BAD_KEYS),
        ({"CREDENTIALS_KEYS": "тайна"}, BAD_KEYS),
    ],
    ids=lambda value: "=".join(*value.items()) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_said_in_a_sentence(environment: dict[str, str], sentence: str) -> None:
    assert complaint(**environment) == f"django.core.exceptions.ImproperlyConfigured: {sentence}"


def test_errors_are_shown_to_nobody_at_a_public_address() -> None:
    said = complaint(DEBUG="1", WEBHOOK_BASE_URL="https://hub.example.com")

    assert said == f"django.core.exceptions.ImproperlyConfigured: {PUBLIC_DEBUG}"
    assert settings(DEBUG="1", WEBHOOK_BASE_URL="http://127.0.0.1:8000")["DEBUG"] is True


def test_complaint_does_not_show_the_password() -> None:
    done = start(DATABASE_URL="postgresql://u:hunter2hunter2@host:port/name")

    assert done.returncode != 0
    assert "hunter2hunter2" not in done.stderr


def test_complaint_does_not_show_the_keys() -> None:
    done = start(CREDENTIALS_KEYS="a-key-that-is-too-short")

    assert "a-key-that-is-too-short" not in done.stderr


def test_iiko_is_called_in_russia_unless_set_otherwise() -> None:
    read = settings()

    assert read["IIKO_API_URL"] == "https://api-ru.iiko.services"
    assert (read["IIKO_API_KEY"], read["IIKO_APP_ID"], read["IIKO_CLIENT_SECRET"]) == ("", "", "")
    assert read["IIKO_LOG_PERSONAL_DATA"] is False


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"IIKO_API_KEY": "k", "IIKO_APP_ID": "a"},
            "IIKO_APP_ID and IIKO_CLIENT_SECRET belong together: set both or neither.",
        ),
        (
            {"IIKO_APP_ID": "a", "IIKO_CLIENT_SECRET": "s"},
            "IIKO_APP_ID is set without IIKO_API_KEY, the key to use it with.",
        ),
    ],
)
def test_half_a_credential_for_iiko_stops_the_start(environment: dict[str, str], sentence: str) -> None:
    assert complaint(**environment).endswith(sentence)


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "worker", "--drain"],
        ["manage.py", "check"],
        ["manage.py", "demo", "--port", "8000"],
        ["-m", "iikohub.operations.web_server"],
    ],
    ids=lambda command: command[1],
)
def test_command_says_what_is_wrong_in_the_settings_and_nothing_else(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"WEBHOOK_AUTO_REGISTER": "maybe"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "WEBHOOK_AUTO_REGISTER must be 1 or 0, not 'maybe'.\n"
