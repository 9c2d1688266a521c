"""Settings, read from the environment (and a ``.env`` file beside manage.py).

``.env.example`` lists every variable with what it does. What is wrong stops the start with a
sentence that says what to do.
"""

from datetime import timedelta
from pathlib import Path

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from iiko_client.units import MinorUnits, NotMoney, to_minor
from iikohub.configuration.addresses import base_url, host_names, host_of, origins_of, trusted_origins
from iikohub.configuration.collectors import check_collector, check_dsn
from iikohub.configuration.env_file import read_env_file
from iikohub.configuration.ownership import not_allowed
from iikohub.configuration.secrets import kept_secret, make_credentials_key, make_secret_key
from iikohub.operations.logs import LOG_FORMATS, configure_structlog, logging_config
from iikohub.pages.unfold import UNFOLD  # noqa: F401  # a setting of its own file

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = BASE_DIR / ".data"

env = environ.Env()
read_env_file(BASE_DIR / ".env")


def _whole_number(name: str, default: int, *, lowest: int) -> int:
    text = env.str(name, default="") or str(default)
    try:
        value = int(text)
    except ValueError:
        value = lowest - 1
    if value < lowest:
        raise ImproperlyConfigured(f"{name} must be a whole number of at least {lowest}, not {text!r}.")
    return value


def _amount_minor(name: str, default: str) -> int:
    """Read major units of the currency, at most two places, as whole 1/100."""
    text = env.str(name, default="").strip() or default
    try:
        minor = to_minor(text)
    except NotMoney:
        minor = MinorUnits(-1)
    if minor < 0:
        raise ImproperlyConfigured(f"{name} must be an amount such as 5000 or 5000.50, not {text!r}.")
    return minor


def _share(name: str, *, default: float) -> float:
    text = env.str(name, default="").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ImproperlyConfigured(f"{name} must be a number from 0 to 1, such as 0.1, not {text!r}.")
    return value


def _flag(name: str, *, default: bool) -> bool:
    text = env.str(name, default="").strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    if text:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {text!r}.")
    return default


DEBUG = _flag("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or kept_secret(DATA_DIR / "secret_key", make_secret_key)

# Keys that encrypt tokens at rest, newest first; old ones stay listed until everything is re-encrypted.
CREDENTIALS_KEYS: list[str] = [key for key in env.list("CREDENTIALS_KEYS", default=[]) if key] or [
    kept_secret(DATA_DIR / "credentials_key", make_credentials_key)
]
try:
    for _key in CREDENTIALS_KEYS:
        Fernet(_key)
except ValueError as error:
    raise ImproperlyConfigured(
        "CREDENTIALS_KEYS must be Fernet keys (32 bytes, URL-safe base64), separated by commas. Make one: "
        'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
    ) from error

# --- where iiko reaches us -------------------------------------------------------------------------

WEBHOOK_BASE_URL = base_url(env.str("WEBHOOK_BASE_URL", default=""))
WEBHOOK_SECRET_KEY = env.str("WEBHOOK_SECRET_KEY", default="")
# Whether a worker that starts registers the webhooks of all restaurants by itself.
WEBHOOK_AUTO_REGISTER = _flag("WEBHOOK_AUTO_REGISTER", default=bool(WEBHOOK_BASE_URL))
WEBHOOK_MAX_BODY_BYTES = _whole_number("WEBHOOK_MAX_BODY_BYTES", 5 * 1024 * 1024, lowest=1)
# How long a request may take to arrive, head and body together (iikohub/operations/buffering_worker.py).
REQUEST_ARRIVES_WITHIN_S = _whole_number("GUNICORN_READ_TIMEOUT", 30, lowest=1)
# Big webhook bodies (from 64 KiB) that one web process reads apart at a time, in bytes together.
WEBHOOK_PARSING_BYTES = _whole_number("WEBHOOK_PARSING_BYTES", 5 * 1024 * 1024, lowest=1)
# Bodies of the API beside webhooks.
API_MAX_BODY_BYTES = _whole_number("API_MAX_BODY_BYTES", 1024 * 1024, lowest=1)
# Requests with a wrong token from one address in a minute (of one web process); 0: any number.
WEBHOOK_WRONG_TOKENS_PER_MINUTE = _whole_number("WEBHOOK_WRONG_TOKENS_PER_MINUTE", 60, lowest=0)
# Finished events older than so many days are deleted; 0 keeps them for ever.
INBOX_RETENTION_DAYS = _whole_number("INBOX_RETENTION_DAYS", 90, lowest=0)
# The same for items of the attention list that are over, with their history.
ATTENTION_RETENTION_DAYS = _whole_number("ATTENTION_RETENTION_DAYS", 90, lowest=0)
# Guests are removed from orders, tables, reserves and wallets without news for so long; 0: never.
PERSONAL_DATA_DAYS = _whole_number("PERSONAL_DATA_DAYS", 365, lowest=0)
# What was done in Django's admin is forgotten after so many days; 0: never.
ADMIN_LOG_DAYS = _whole_number("ADMIN_LOG_DAYS", 365, lowest=0)
# Entries of the audit log older than so many days are deleted.
AUDIT_RETENTION_DAYS = _whole_number("AUDIT_RETENTION_DAYS", 365, lowest=30)

ALLOWED_HOSTS = host_names(env.list("ALLOWED_HOSTS", default=[]))
if not ALLOWED_HOSTS:
    ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    if _own_host := host_of(WEBHOOK_BASE_URL):
        ALLOWED_HOSTS.append(_own_host)
# Whose forms are taken: those of our own pages, whatever the proxy makes of host and port.
CSRF_TRUSTED_ORIGINS = [
    *origins_of(hosts=ALLOWED_HOSTS, address=WEBHOOK_BASE_URL),
    *trusted_origins(env.list("CSRF_TRUSTED_ORIGINS", default=[])),
]
CSRF_FAILURE_VIEW = "iikohub.pages.refusals.csrf_failure"
# The proxy that ends TLS must set this header itself, whatever the client sent (docs/install.md).
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HTTPS = WEBHOOK_BASE_URL.startswith("https://")
if DEBUG and SECURE_HTTPS:
    raise ImproperlyConfigured(
        "DEBUG=1 shows the hub's settings and its guests to whoever meets an error, and WEBHOOK_BASE_URL is "
        "a public address. Set DEBUG=0."
    )
SESSION_COOKIE_SECURE = SECURE_HTTPS
CSRF_COOKIE_SECURE = SECURE_HTTPS
SESSION_COOKIE_HTTPONLY = True
# A session ends so long after the last act, and so long after signing in (iikohub/sign_in/sessions.py).
SESSION_HOURS = _whole_number("SESSION_HOURS", 12, lowest=1)
SESSION_MAX_DAYS = _whole_number("SESSION_MAX_DAYS", 7, lowest=1)
SESSION_COOKIE_AGE = SESSION_HOURS * 3600
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# For so long browsers open the hub by https alone; of this name only, others of its domain may not be ours.
SECURE_HSTS_SECONDS = _whole_number("HSTS_SECONDS", 30 * 24 * 3600 if SECURE_HTTPS else 0, lowest=0)
# W005 and W021: see above. W008: the proxy that ends TLS redirects (docs/install.md); the hub behind it would
# send a webhook away with its body, and in circles where the proxy does not say which scheme it was.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021", "security.W008"]

# --- how we reach iiko -----------------------------------------------------------------------------

# With the key alone it is an API login (v1); with the application's id and secret an API key (v2).
IIKO_API_URL = env.str("IIKO_API_URL", default="") or "https://api-ru.iiko.services"
IIKO_API_KEY = env.str("IIKO_API_KEY", default="").strip()
IIKO_APP_ID = env.str("IIKO_APP_ID", default="").strip()
IIKO_CLIENT_SECRET = env.str("IIKO_CLIENT_SECRET", default="").strip()
if bool(IIKO_APP_ID) != bool(IIKO_CLIENT_SECRET):
    raise ImproperlyConfigured("IIKO_APP_ID and IIKO_CLIENT_SECRET belong together: set both or neither.")
if IIKO_APP_ID and not IIKO_API_KEY:
    raise ImproperlyConfigured("IIKO_APP_ID is set without IIKO_API_KEY, the key to use it with.")
IIKO_ALLOW_PRIVATE_ADDRESSES = _flag("IIKO_ALLOW_PRIVATE_ADDRESSES", default=False)
IIKO_LOG_PERSONAL_DATA = _flag("IIKO_LOG_PERSONAL_DATA", default=False)
IIKO_CALL_LOG_DAYS = _whole_number("IIKO_CALL_LOG_DAYS", 30, lowest=1)
# Actions on orders that one API key or person may ask for in a minute; 0: any number.
API_ACTIONS_PER_MINUTE = _whole_number("API_ACTIONS_PER_MINUTE", 600, lowest=0)
# Whether notifications may go to this machine and the local network (attention/notifications/services.py).
NOTIFY_ALLOW_PRIVATE_ADDRESSES = _flag("NOTIFY_ALLOW_PRIVATE_ADDRESSES", default=False)
# Days that what was sent, or not, is kept.
NOTIFICATIONS_RETENTION_DAYS = _whole_number("NOTIFICATIONS_RETENTION_DAYS", 30, lowest=1)
# Whether outbound webhooks may go to this machine and the local network, and without TLS.
OUTBOUND_ALLOW_PRIVATE_ADDRESSES = _flag("OUTBOUND_ALLOW_PRIVATE_ADDRESSES", default=False)
# Days that outbound events are kept, with their deliveries.
OUTBOUND_RETENTION_DAYS = _whole_number("OUTBOUND_RETENTION_DAYS", 30, lowest=7)
# Off in tests, which write the log of calls themselves.
IIKO_CALL_LOG_THREAD = True
# Open boards that ask within so many seconds are given one answer; 0: each its own.
BOARD_TICK_S = 0.5

# Wallets of guests: at most so much at once, and in a day in or out of one wallet; 0 sets no limit.
LOYALTY_MAX_OPERATION_MINOR = _amount_minor("LOYALTY_MAX_OPERATION", "30000")
LOYALTY_MAX_DAY_MINOR = _amount_minor("LOYALTY_MAX_DAY", "100000")

# --- what is installed -----------------------------------------------------------------------------

# They bring `manage.py iiko_sandbox` and `manage.py demo`; an image for production has neither folder.
_DEVELOPMENT_APPS = [name for name in ("sandbox", "demo") if (BASE_DIR / name / "apps.py").exists()]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "audit",  # before Django's own, so that its commands stand in place of theirs
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "procrastinate.contrib.django",
    "axes",
    "django_htmx",
    "core",
    "organizations",
    "orders",
    "loyalty",
    "hall",
    "webhooks",
    "analytics",
    "attention",
    "outbound",
    "console",
    "iikohub",
    *_DEVELOPMENT_APPS,
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "iikohub.pages.middleware.TextGZipMiddleware",
    "iikohub.pages.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "iikohub.sign_in.sessions.keep_session",
    "django.middleware.locale.LocaleMiddleware",
    "iikohub.pages.middleware.PagesMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "iikohub.sign_in.gate.GateMiddleware",
    "audit.middleware.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "iikohub.urls"
WSGI_APPLICATION = "iikohub.wsgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "iikohub" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- database --------------------------------------------------------------------------------------

EMBEDDED_POSTGRES_DIR = Path(
    env.str("EMBEDDED_POSTGRES_DIR", default="") or DATA_DIR / "postgres"
).expanduser()
DATABASE_URL = env.str("DATABASE_URL", default="")
CONNECT_TIMEOUT_S = 2  # libpq's least

if DATABASE_URL:
    try:
        _database = env.db_url_config(DATABASE_URL)
    except Exception as error:
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read. Write it as postgresql://user:password@host:5432/name; in a "
            "password write @ : / ? # % as %40 %3A %2F %3F %23 %25."
        ) from error
    if _database.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            "DATABASE_URL must name a PostgreSQL database (postgresql://user:password@host:5432/name); "
            "the hub uses no other. Unset it to use the embedded server."
        )
else:
    _database = {"ENGINE": "iikohub.db_backends.embedded", "NAME": "iikohub"}

# A server that is cut off is noticed in seconds, not in TCP's quarter of an hour. What DATABASE_URL says
# wins; sockets of the embedded server take no notice of TCP's. The session's limits: database_limits.
_LIBPQ = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "tcp_user_timeout": 4000,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
DATABASES = {
    "default": {
        **_database,
        "OPTIONS": {**_LIBPQ, **_database.get("OPTIONS", {})},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people ----------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
AUTHENTICATION_BACKENDS = [
    "iikohub.pages.sign_in.LockingBackend",
    "iikohub.sign_in.gate.PeopleBackend",
]
# How many proxies of ours a request passes; each adds the address it was called from to X-Forwarded-For.
TRUSTED_PROXIES = _whole_number("TRUSTED_PROXIES", 0, lowest=0)
# Wrong passwords lock one name at one address, so that nobody locks others out, whatever they try.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "iikohub.pages.sign_in.client_address"
AXES_LOCKOUT_CALLABLE = "iikohub.pages.sign_in.locked_out"
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False  # its pages are made for Django's own admin; ours: admin_people
AXES_VERBOSE = False
SIGN_IN_FAILURES_DAYS = 90
# Groups ask for two steps in the admin; superusers may be in none.
SECOND_FACTOR_FOR_SUPERUSERS = _flag("SECOND_FACTOR_FOR_SUPERUSERS", default=False)

LANGUAGE_CODE = "ru"
LANGUAGES = [("ru", _("Russian")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["iikohub.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- files -----------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"  # filled by collectstatic where a build step wants it
try:
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
except PermissionError as error:
    raise not_allowed(STATIC_ROOT, "made", give=DATA_DIR) from error
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# --- API -------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "organizations.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["organizations.api.permissions.HasApiAccess"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.ExactJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.SkipLimitPagination",
    "DEFAULT_FILTER_BACKENDS": ["core.api.filters.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.HubSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

# Which of them an operation may answer: HubSchema.
_REFUSALS = ["400", "401", "403", "404", "406", "413", "415", "422", "429", "503"]
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "core.api.errors.HubExceptionHandler",
    "ALLOWED_ERROR_STATUS_CODES": _REFUSALS,
    "ERROR_SCHEMAS": dict.fromkeys(_REFUSALS, "core.api.schema.RefusalsSerializer"),
}

SPECTACULAR_SETTINGS = {
    "TITLE": "iikohub",
    "DESCRIPTION": "The hub beside iiko: events received, orders mirrored and acted on.\n\n"
    "Authenticate with `Authorization: Api-Key <key>`; make a key with `manage.py create_api_key NAME`. "
    "Times are ISO 8601 UTC, `*_minor` is 1/100 of the currency, ids named by the vendor are iiko's.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["core.api.schema.without_slash"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "outbound.api.described.describe_webhooks",
        "core.api.schema.without_parameter_titles",
        "iikohub.api_examples.with_examples",
    ],
    "ENUM_NAME_OVERRIDES": {
        "EventStatusEnum": "webhooks.models.inbox.EventStatus",
        "OrderStatusEnum": "orders.models.order.Status",
        "TableOrderStatusEnum": "hall.models.TableOrderStatus",
        "ReserveStatusEnum": "hall.models.ReserveStatus",
        "CommandKindEnum": "orders.models.command.CommandKind",
        "CommandStateEnum": "orders.models.command.CommandState",
        "DeliveryStateEnum": "outbound.models.deliveries.DeliveryState",
        "OutboundEventTypeEnum": "outbound.models.events.EventType",
        "SubscriptionStateEnum": "outbound.states.Health",
        "LoyaltyOperationKindEnum": "loyalty.models.OperationKind",
        "LoyaltyOperationStateEnum": "loyalty.models.OperationState",
    },
}

# --- logs ------------------------------------------------------------------------------------------

LOG_FORMAT = env.str("LOG_FORMAT", default="").lower() or "auto"
if LOG_FORMAT not in LOG_FORMATS:
    raise ImproperlyConfigured(f"LOG_FORMAT must be one of {', '.join(LOG_FORMATS)}, not {LOG_FORMAT!r}.")
LOGGING = logging_config(LOG_FORMAT)

# --- what is reported to others ------------------------------------------------------------------------

# Where errors go; empty: nowhere, and nothing of it is loaded (iikohub/operations/sentry.py).
SENTRY_DSN = check_dsn(env.str("SENTRY_DSN", default="").strip())
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="") or "production"
# Where spans go, as OpenTelemetry names it; empty: nowhere, as above (iikohub/operations/otlp.py).
OTEL_EXPORTER_OTLP_ENDPOINT = check_collector(env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="").strip())
OTEL_EXPORTER_OTLP_HEADERS = env.str("OTEL_EXPORTER_OTLP_HEADERS", default="")
OTEL_SERVICE_NAME = env.str("OTEL_SERVICE_NAME", default="") or "iikohub"
OTEL_TRACES_SAMPLER_ARG = _share("OTEL_TRACES_SAMPLER_ARG", default=1.0)
LOGGING_CONFIG = "logging.config.dictConfig"
configure_structlog()
