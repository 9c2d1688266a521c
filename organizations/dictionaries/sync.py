"""Read restaurants and their dictionaries from iiko into the hub.

Rows are written only where something changed; what is gone from iiko is marked, not removed. A zone or a
name that an operator set (it differs from iiko's last one) is kept.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db import models, transaction

from core.errors import HubError
from iiko_client import vendor_time
from iiko_client.client import IikoClient
from iiko_client.http import responses
from iiko_client.http.errors import IikoAuthFailed, IikoBlocked, IikoError
from iiko_client.models import dictionaries as wire
from iiko_client.models.dictionaries import OrganizationInfo, TerminalGroupInfo
from organizations.connection.clients import client_for
from organizations.models.connection import ApiLogin
from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization, TerminalGroup
from organizations.stop_lists.refresh import want_lists

logger = logging.getLogger(__name__)

M = TypeVar("M", TerminalGroup, Courier, DictionaryEntry)
Report = Callable[[str], None]
Row = dict[str, Any]
Entry = (
    wire.CourierInfo
    | wire.CancelCause
    | wire.RemovalType
    | wire.PaymentType
    | wire.DiscountType
    | wire.OrderTypeInfo
    | wire.ProductInfo
    | wire.ProductSize
)

# How long 429s are waited out: nobody waits for this work.
PATIENCE_S = 60.0
UNKNOWN_ZONE = "UTC"


@dataclass(slots=True)
class SyncResult:
    """What a run read and changed; ``failures`` are sentences for an operator.

    ``is_answered``: iiko answered which restaurants there are, whether or not they could be read.
    """

    is_answered: bool = False
    organizations: int = 0
    created: int = 0
    changed: int = 0
    gone: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, other: SyncResult) -> None:
        self.organizations += other.organizations
        self.created += other.created
        self.changed += other.changed
        self.gone += other.gone
        self.failures += other.failures


def sync_login(login: ApiLogin, *, now: datetime, report: Report) -> SyncResult:
    """Read all restaurants of a login; one that fails does not stop the others.

    An error of iiko is part of the result, and stands on the login. ``report`` gets a line for each
    restaurant.
    """
    result = _sync_login(login, now, report)
    changes: Row = {"sync_error": "\n".join(result.failures)}
    if result.is_answered:
        changes["synced_at"] = now
    ApiLogin.objects.filter(pk=login.pk).update(**changes)
    return result


def sync_logins(logins: Iterable[ApiLogin], *, now: datetime) -> None:
    """Read all restaurants of these logins; what failed is logged and stands on each login."""
    for login in logins:
        result = sync_login(login, now=now, report=lambda _line: None)
        logger.log(
            logging.WARNING if result.failures else logging.INFO,
            "dictionaries.synced",
            extra={
                "api_login": login.pk,
                "organizations": result.organizations,
                "created_count": result.created,
                "changed_count": result.changed,
                "gone_count": result.gone,
                "failures": len(result.failures),
            },
        )


def _sync_login(login: ApiLogin, now: datetime, report: Report) -> SyncResult:
    result = SyncResult()
    try:
        client = client_for(login, requested_by="sync_dictionaries", wait_s=PATIENCE_S)
        offered = client.organizations()
    except (IikoError, HubError) as error:
        result.failures.append(f"Login {login.name!r}: {error}")
        return result
    result.is_answered = True
    for info in offered:
        try:
            result.add(_Reading(client, login, report).of(info, now))
        except IikoError as error:
            result.failures.append(f"{_label(info)}: {error}")
            if _concerns_login(error):
                result.failures.append(f"Login {login.name!r}: stopped, the rest would be refused too.")
                break
    missing = login.organizations.filter(is_active=True).exclude(iiko_id__in=[info.id for info in offered])
    for organization in missing:
        report(f"{organization.name}: no longer among the restaurants of the login {login.name!r}.")
    return result


def _concerns_login(error: IikoError) -> bool:
    if isinstance(error, IikoAuthFailed):
        return error.code != responses.RIGHT_MISSING
    return isinstance(error, IikoBlocked)


_DICTIONARIES: dict[str, tuple[DictionaryKind | None, Callable[[IikoClient, str], Iterable[Entry]]]] = {
    "couriers": (None, lambda client, one: client.couriers(organization_ids=[one])),
    "cancel causes": (
        DictionaryKind.CANCEL_CAUSE,
        lambda client, one: client.cancel_causes(organization_id=one),
    ),
    "removal types": (
        DictionaryKind.REMOVAL_TYPE,
        lambda client, one: client.removal_types(organization_id=one),
    ),
    "payment types": (
        DictionaryKind.PAYMENT_TYPE,
        lambda client, one: client.payment_types(organization_id=one),
    ),
    "discounts": (DictionaryKind.DISCOUNT, lambda client, one: client.discounts(organization_ids=[one])),
    "order types": (
        DictionaryKind.ORDER_TYPE,
        lambda client, one: client.order_types(organization_ids=[one]),
    ),
}
"""Of what kind the entries are (None: they are couriers), and how they are read."""


class _Reading:
    """Reads one restaurant with a login, and counts what changed."""

    organization: Organization

    def __init__(self, client: IikoClient, login: ApiLogin, report: Report) -> None:
        self._client = client
        self._login = login
        self._report = report
        self._result = SyncResult(organizations=1)

    def of(self, info: OrganizationInfo, now: datetime) -> SyncResult:
        """Read a restaurant with all its dictionaries.

        Raises:
            IikoError: of the terminal groups, or one that the whole login would meet.
        """
        # First, because a new restaurant takes its time zone from its terminal groups.
        groups = self._client.terminal_groups(organization_ids=[info.id])
        result = self._result
        with transaction.atomic():
            organization = self.organization = self._keep_organization(info, _common_zone(groups))
            self._keep_groups(groups)
        for what, (kind, read) in _DICTIONARIES.items():
            try:
                self._keep_entries(kind, read(self._client, organization.iiko_id))
            except IikoError as error:
                if _concerns_login(error):
                    raise
                result.failures.append(f"{organization.name}, {what}: {error}")
        if not result.failures:
            Organization.objects.filter(pk=organization.pk).update(dictionaries_synced_at=now)
        self._read_menu()
        want_lists([organization.iiko_id], now=now)
        self._report(
            f"{organization.name}: {result.created} new, {result.changed} changed, {result.gone} gone"
            + (f", {len(result.failures)} not read" if result.failures else "")
        )
        if organization.timezone == UNKNOWN_ZONE and not organization.vendor_timezone:
            self._report(f"{organization.name}: iiko tells no time zone, taken for UTC. Set it in the admin.")
        return result

    def _keep_organization(self, info: OrganizationInfo, zone: str) -> Organization:
        facts: Row = {
            "pos_version": (info.version or "")[:100],
            "payment_settings": (info.delivery_order_payment_settings or "")[:100],
            "is_confirmation_enabled": info.is_confirmation_enabled,
        }
        name = _label(info)[:200]
        new: Row = {
            "name": name,
            "vendor_name": name,
            "timezone": zone or UNKNOWN_ZONE,
            "vendor_timezone": zone,
            "currency": _currency(info.currency),
            "api_login": self._login,
        }
        # A starting worker and the command may both find a new restaurant: there is no row to lock yet, and
        # the second of the two continues with the row of the first.
        rows = Organization.objects.select_for_update(no_key=True)
        organization, is_new = rows.get_or_create(iiko_id=info.id, defaults=new | facts)
        if is_new:
            self._result.created += 1
            return organization
        facts |= _unless_overridden(organization, "name", name) | _zone_of_organization(organization, zone)
        if organization.api_login_id is None:
            facts["api_login"] = self._login
        if _differs(organization, facts):
            self._result.changed += 1
            _assign(organization, facts)
            organization.save(update_fields=[*facts, "updated_at"])
        return organization

    def _keep_groups(self, groups: Iterable[TerminalGroupInfo]) -> None:
        known = {group.iiko_id: group for group in self.organization.terminal_groups.all()}
        wanted: dict[str, Row] = {}
        for info in groups:
            wanted[info.id] = {
                "name": info.name[:200] or info.id,
                "pos_version": (info.pos_version or "")[:100],
                "is_in_sleep": info.is_in_sleep,
                "is_deleted": False,
            }
            if zone := _readable_zone(info.time_zone):
                here = known.get(info.id, TerminalGroup())
                wanted[info.id] |= _unless_overridden(here, "timezone", zone)
        self._keep(TerminalGroup, wanted)

    def _keep_entries(
        self, kind: DictionaryKind | None, entries: Iterable[Entry], *, is_all: bool = True
    ) -> None:
        wanted = {one.id: _row_of(one) for one in entries}
        if kind is None:
            self._keep(Courier, wanted)
        else:
            self._keep(DictionaryEntry, wanted, is_all=is_all, kind=kind)

    def _read_menu(self) -> None:
        """Read the names of products and sizes; stop lists have ids only.

        A login without a right to the menu serves for all else; stop lists then show product ids. Whether
        iiko answers with the whole menu or with the changes since the revision is not documented
        (docs/iiko.md#menu-by-revision): what an answer leaves out is not taken for gone.
        """
        here = self.organization
        try:
            menu = self._client.menu(organization_id=here.iiko_id, start_revision=here.menu_revision)
        except IikoError as error:
            self._report(f"{here.name}, menu: {error}. Products on stop lists go by their ids.")
            logger.warning("dictionaries.menu_not_read", extra={"organization": here.iiko_id})
            return
        with transaction.atomic():
            self._keep_entries(DictionaryKind.PRODUCT, menu.products, is_all=False)
            self._keep_entries(DictionaryKind.SIZE, menu.sizes, is_all=False)
            Organization.objects.filter(pk=here.pk).update(menu_revision=menu.revision)

    @transaction.atomic
    def _keep(
        self, model: type[M], wanted: dict[str, Row], *, is_all: bool = True, **scope: DictionaryKind
    ) -> None:
        """Make the restaurant's rows of ``scope`` equal to ``wanted``; write only what differs.

        A row that is not wanted is marked as gone from iiko, unless ``wanted`` is only a part (``is_all``).
        """
        here: Row = {"organization": self.organization, **scope}
        # One run at a time for a restaurant; writing events (which refer to it) does not wait.
        Organization.objects.select_for_update(no_key=True).get(pk=self.organization.pk)
        known = {row.iiko_id: row for row in model._default_manager.filter(**here)}
        new = [model(**here, iiko_id=ident, **row) for ident, row in wanted.items() if ident not in known]
        changed = [row for ident, row in known.items() if ident in wanted and _differs(row, wanted[ident])]
        for one in changed:
            _assign(one, wanted[one.iiko_id])
        gone = [row for ident, row in known.items() if is_all and ident not in wanted and not row.is_deleted]
        for one in gone:
            one.is_deleted = True
        model._default_manager.bulk_create(new, ignore_conflicts=True)
        for one in changed + gone:
            one.save()
        self._result.created += len(new)
        self._result.changed += len(changed)
        self._result.gone += len(gone)


# --- what iiko says, as columns ----------------------------------------------------------------------


def _label(info: OrganizationInfo) -> str:
    return info.name or info.id


def _currency(text: str | None) -> str:
    code = (text or "").strip().upper()
    return code if len(code) == 3 and code.isascii() and code.isalpha() else "RUB"


def _common_zone(groups: Iterable[TerminalGroupInfo]) -> str:
    """Return the zone of most terminal groups; empty where none can be read."""
    zones = Counter(zone for group in groups if (zone := _readable_zone(group.time_zone)))
    return min(zones, key=lambda zone: (-zones[zone], zone)) if zones else ""


def _readable_zone(text: str | None) -> str:
    zone = (text or "").strip()
    try:
        vendor_time.zone(zone)
    except vendor_time.NotAZone:
        return ""
    return zone if len(zone) <= 64 else ""


def _zone_of_organization(organization: Organization, zone: str) -> Row:
    is_guess = organization.timezone == UNKNOWN_ZONE and not organization.vendor_timezone
    if zone and is_guess and organization.vendor_name:  # from a run without a zone
        return {"timezone": zone, "vendor_timezone": zone}
    return _unless_overridden(organization, "timezone", zone) if zone else {}


def _unless_overridden(row: Organization | TerminalGroup, name: str, value: str) -> Row:
    """Return what changes with iiko's ``value``: not the field itself where an operator set it."""
    is_ours = getattr(row, name) != getattr(row, f"vendor_{name}")
    return {f"vendor_{name}": value} | ({} if is_ours else {name: value})


def _row_of(entry: Entry) -> Row:
    """Return the columns of a dictionary's entry; what has none of its own is in ``data``."""
    if isinstance(entry, wire.CourierInfo):
        full = " ".join(part for part in (entry.last_name, entry.first_name, entry.middle_name) if part)
        return {
            "name": (entry.display_name or full)[:400],
            "code": (entry.code or "")[:200],
            "is_deleted": entry.is_deleted,
        }
    data = {name: _plain(value) for name, value in asdict(entry).items() if name not in _COLUMNS}
    return {"name": entry.name[:400], "is_deleted": entry.is_deleted, "data": data}


_COLUMNS = frozenset({"id", "organization_id", "name", "is_deleted"})


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    return list(value) if isinstance(value, tuple) else value


def _differs(row: models.Model, wanted: Row) -> bool:
    return any(getattr(row, name) != value for name, value in wanted.items())


def _assign(row: models.Model, wanted: Row) -> None:
    for name, value in wanted.items():
        setattr(row, name, value)
