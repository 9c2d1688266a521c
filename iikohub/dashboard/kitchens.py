"""What kitchens are out of, and which couriers are at work, for the overview."""

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext

from core.access import AnyUser, visible_to
from iikohub.dashboard.tiles import Tile, bounded, list_url
from organizations.models.dictionaries import Courier
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem, StopListReading


def tiles(user: AnyUser) -> list[Tile]:
    """Tell what is not to be had and who is at work, as far as the person may see either."""
    found = []
    if user.has_perm("organizations.view_stoplistitem"):
        out = bounded(visible_to(user, StopListItem.objects.current().filter(is_out_of_stock=True)))
        url = list_url("organizations_stoplistitem", state="out")
        found.append(Tile(_("out of stock now"), out, url, "warn", _unread_text(user)))
    if user.has_perm("organizations.view_shift"):
        found.append(Tile(_("couriers on shift"), _couriers(user), _couriers_url(user)))
    return found


def _couriers(user: AnyUser) -> int:
    """Count the people: who works for two restaurants is one."""
    shifts = Shift.objects.open().filter(
        organization_id=OuterRef("organization_id"), employee_id=OuterRef("iiko_id")
    )
    at_work = Courier.objects.filter(Exists(shifts), is_deleted=False, organization__is_active=True)
    return visible_to(user, at_work).order_by().values("iiko_id").distinct().count()


def _couriers_url(user: AnyUser) -> str:
    if user.has_perm("orders.view_order"):
        return reverse("console:dispatch")
    return reverse("admin:organizations_shift_changelist")


def _unread_text(user: AnyUser) -> str:
    failing = StopListReading.objects.filter(failing_since__isnull=False, organization__is_active=True)
    count = bounded(visible_to(user, failing))
    words = ngettext(
        "the lists of %(count)d restaurant cannot be read",
        "the lists of %(count)d restaurants cannot be read",
        count,
    )
    return words % {"count": count} if count else ""
