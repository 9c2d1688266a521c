"""Addresses of channels: what apprise makes of them, which are refused, and what is sent to them.

Apprise is told to keep nothing on disk, to follow no redirects and to tell nobody but the receiver; what its
plug-ins do all the same is watched (``guard``). One channel has one receiver: of two the first would get a
message again that the second refused.

Imported by those who need it, when they do: apprise and its plug-ins take a second and 50 MB.
"""

import re
from functools import cache

import structlog
from apprise import (
    Apprise,
    AppriseAsset,
    NotifyBase,
    NotifyFormat,
    NotifyType,
    OverflowMode,
    PersistentStoreMode,
)
from apprise.manager_plugins import NotificationManager
from apprise.plugins.custom_form import NotifyForm
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.custom_xml import NotifyXML
from apprise.plugins.email import NotifyEmail
from django.conf import settings
from django.utils.translation import gettext as _

from attention.models.items import Severity
from attention.notifications.errors import CRASHED, MAIL, NO_ANSWER, REFUSED, UNREADABLE
from attention.notifications.guard import Guard, guarded, install
from attention.notifications.text import Message
from attention.notifications.vk import NotifyVk
from iiko_client.http.addresses import NotPublic, check_public_url

logger = structlog.stdlib.get_logger(__name__)

ID_HEADER, ID_FIELD = "X-Notification-Id", "notification_id"
_CONNECT_S, _READ_S = 4.0, 8.0

_OF_THIS_MACHINE = frozenset(
    {"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"}
)
"""Plug-ins that show it on the screen of the machine, or write into its log."""


class BadAddress(ValueError):
    """An address that is not taken; its text says why, to whoever typed it."""


_LEVELS = {
    Severity.INFO: NotifyType.INFO,
    Severity.WARNING: NotifyType.WARNING,
    Severity.CRITICAL: NotifyType.FAILURE,
}


@cache
def _plugins() -> NotificationManager:
    """Load the plug-ins, outside the guard: they read many files."""
    install()
    manager = NotificationManager()
    manager.load_modules()
    manager.add(NotifyVk)
    return manager


def _asset() -> AppriseAsset:
    return AppriseAsset(
        app_id="iikohub",
        app_desc="iikohub",
        app_url="",
        image_url_mask=None,
        image_url_logo=None,
        image_path_mask=False,
        storage_mode=PersistentStoreMode.MEMORY,
        allow_templates=False,
        async_mode=False,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
    )


def check_address(address: str) -> tuple[str, str]:
    """Refuse an address that nothing can be sent to; where a name leads is looked at when it is sent.

    Return what is no secret of it: the name of its service, and the schema with the server.

    Raises:
        BadAddress
    """
    _plugins()
    with guarded(may_be_private=True):
        service = open_service(address)
        receivers = len(service)
    if receivers > 1:
        raise BadAddress(_("Write one recipient, and make a channel for each further one."))
    host = _host(service)
    if host and not settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES:
        try:
            check_public_url(f"https://[{host}]" if ":" in host else f"https://{host}")
        except (NotPublic, ValueError) as error:
            words = _(
                "Write a public address. One of a private network is used only where the hub's environment "
                "allows it: NOTIFY_ALLOW_PRIVATE_ADDRESSES=1."
            )
            raise BadAddress(words) from error
    return str(service.service_name)[:200], f"{service.schema}://{host + '/' if host else ''}…"


def open_service(address: str) -> NotifyBase:
    """Let apprise read an address.

    Raises:
        BadAddress
    """
    schema = schema_of(address)
    if schema in _OF_THIS_MACHINE:
        words = _("%(schema)s:// stays on the hub's own machine. Choose another service.")
        raise BadAddress(words % {"schema": schema})
    plugins = _plugins()
    if schema in plugins and not plugins[schema].enabled:
        words = _("%(schema)s:// needs a package of Python that is not installed here: %(packages)s.")
        raise BadAddress(words % {"schema": schema, "packages": _packages(plugins[schema])})
    try:
        service = Apprise.instantiate(address, asset=_asset(), suppress_exceptions=False)
    except Exception as error:  # noqa: BLE001  # each plug-in raises what it likes of an address it cannot read
        service = None
        known = schema if schema in plugins else ""
        logger.info("notifications.address_unreadable", schema=known, error=type(error).__name__)
    if service is None:
        raise BadAddress(_unreadable(schema, is_known=schema in plugins))
    service.socket_connect_timeout, service.socket_read_timeout = _CONNECT_S, _READ_S
    service.redirects, service.overflow_mode = False, OverflowMode.TRUNCATE
    return service


def schema_of(address: str) -> str:
    """Return the schema in small letters; empty where what stands before :// is something else."""
    schema, is_there, _rest = address.partition("://")
    schema = schema.strip().lower()
    return schema if is_there and re.fullmatch(r"[a-z0-9]{1,20}", schema) else ""


def _packages(plugin: type[NotifyBase]) -> str:
    needed = plugin.requirements.get("packages_required") or "?"
    return needed if isinstance(needed, str) else ", ".join(map(str, needed))


def _unreadable(schema: str, *, is_known: bool) -> str:
    if schema in ("http", "https"):
        return _(
            "For a web hook of your own write json:// instead of http:// and jsons:// instead of https://."
        )
    if is_known:
        return _("A part of the address is missing or wrong. Compare it with the examples.")
    return _(
        "This is no address that the hub knows. It begins with tgram://, mailtos://, vk:// or jsons://, say."
    )


def _host(service: NotifyBase) -> str:
    """Return the server that an address names, empty where that place holds a token."""
    is_server = any("{host}" in template for template in service.templates)
    return str(service.host or "") if is_server else ""


def deliver(address: str, message: Message) -> str:
    """Send a message; return "" or the code of what went wrong. Takes about ten seconds at most.

    It may have arrived in spite of an error: a receiver that took it may have answered too late.
    """
    _plugins()
    with guarded(may_be_private=settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES) as guard:
        try:
            service = open_service(address)
            _tell_number(service, message)
            is_taken = service.notify(
                body=message.body,
                title=message.title,
                notify_type=_LEVELS[message.severity],
                body_format=NotifyFormat.TEXT,
            )
        except BadAddress:
            return guard.error or UNREADABLE
        except OSError:  # requests' own errors, too
            return guard.error or NO_ANSWER
        except Exception as error:  # noqa: BLE001  # a plug-in's own fault must not stop the others
            logger.warning(
                "notifications.plugin_failed", schema=schema_of(address), error=type(error).__name__
            )
            return guard.error or CRASHED
    return "" if is_taken else _error_of(guard, service)


def _error_of(guard: Guard, service: NotifyBase) -> str:
    if guard.error:
        return guard.error
    if guard.http_status:
        return f"http_{guard.http_status}"
    if isinstance(service, NotifyEmail):
        return MAIL
    return NO_ANSWER if guard.is_unanswered else REFUSED


def _tell_number(service: NotifyBase, message: Message) -> None:
    """Let programs know a message that they have already."""
    if isinstance(service, NotifyVk):
        service.message_id = message.number
    elif isinstance(service, NotifyJSON | NotifyForm | NotifyXML):
        service.headers[ID_HEADER] = str(message.number)
        service.payload_extras |= {ID_FIELD: message.number} | message.facts
    elif isinstance(service, NotifyEmail):
        service.headers[ID_HEADER] = str(message.number)
