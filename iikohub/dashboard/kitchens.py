"""What kitchens are out of, and which couriers are at work, for the overview."""

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext_lazy

from core.access import AnyUser, visible_to
from core.display import EMPTY
from iikohub.dashboard.tiles import Tile, bounded, list_url
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem

_COURIERS = ngettext_lazy("courier on shift", "couriers on shift")
_FAILING = ngettext_lazy(
    "the lists of %(count)d restaurant cannot be read",
    "the lists of %(count)d restaurants cannot be read",
    "count",
)
_UNREAD = ngettext_lazy(
    "the lists of %(count)d restaurant have not been read yet",
    "the lists of %(count)d restaurants have not been read yet",
    "count",
)


def tiles(user: AnyUser) -> list[Tile]:
    """Tell what is not to be had and who is at work, as far as the person may see either."""
    found = []
    if user.has_perm("organizations.view_stoplistitem"):
        found.append(_out_of_stock(user))
    if user.has_perm("organizations.view_shift") and visible_to(user, Shift.objects.all()).exists():
        count = _couriers(user)
        found.append(Tile(_COURIERS % count, count, _couriers_url(user)))
    return found


def _out_of_stock(user: AnyUser) -> Tile:
    """Count what is out of stock as far as the lists were read; where none was, it claims no number."""
    url = list_url("organizations_stoplistitem", state="out")
    count = bounded(visible_to(user, StopListItem.objects.current().filter(is_out_of_stock=True)))
    restaurants = visible_to(user, Organization.objects.filter(is_active=True))
    was_read, fails = (
        Q(stop_list_reading__read_at__isnull=False),
        Q(stop_list_reading__failing_since__isnull=False),
    )
    failing, unread = bounded(restaurants.filter(fails)), bounded(restaurants.exclude(was_read | fails))
    is_known = bool(count) or not failing + unread or restaurants.filter(was_read).exists()
    notes = [
        words % {"count": number} for words, number in ((_FAILING, failing), (_UNREAD, unread)) if number
    ]
    return Tile(_("out of stock now"), count, url, "warn", "; ".join(notes), "" if is_known else EMPTY)


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
