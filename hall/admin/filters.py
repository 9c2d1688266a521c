"""Named sets of rows in the lists of the hall."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.admin.filters import States

TABLE_STATES: States = {
    "open": (_("open"), lambda rows: rows.filter(is_open=True)),
    "unknown": (
        _("with an unknown status"),
        lambda rows: rows.filter(is_open=True, status=None, raw_status__isnull=False),
    ),
    "refused": (
        _("not accepted by the POS"),
        lambda rows: rows.filter(status=None, creation_status="Error"),
    ),
    "deleted": (
        pgettext_lazy("reserves", "deleted in iiko"),
        lambda rows: rows.filter(Q(is_deleted=True) | Q(status="Deleted")),
    ),
}
RESERVE_STATES: States = {
    **TABLE_STATES,
    "cancelled": (
        pgettext_lazy("reserves", "cancelled"),
        lambda rows: rows.filter(cancel_reason__isnull=False),
    ),
}
