"""Every address, asked with the rights to see guests, with every other right, and by a key that reads.

In ``tests.guests`` each column that tells of guests holds a text of its own. The first is shown them, which
proves that the walk can see; the others are shown none, whatever page, list, file or search they open.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from core.privacy.rights import GUESTS, HALL_GUESTS
from orders.models.order import Order
from organizations.models.api_keys import KeyRight
from organizations.provisioning import create_api_key
from tests.acting import Acting
from tests.builders import authorized, cloud_event, customer, drain, post, product
from tests.guests import columns, guests_in, marked_hub
from tests.other_restaurant import NUMBER
from tests.simulated_iiko import SimulatedIiko, refusal
from tests.test_restricted_people import PLAIN, addresses_of_rows, arguments_of, autocompletes, body

# A list of choices without an order is no concern of this walk.
_UNORDERED = "ignore::django.core.paginator.UnorderedObjectListWarning"
pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings(_UNORDERED)]

Ask = Callable[[str], Any]

NOT_SHOWN = {
    "admin.LogEntry.object_repr": "shown to who did it alone",
    "admin.LogEntry.change_message": "the history of an object is the audit log's",
    "outbound.OutboundEvent.personal_body": "shown where a subscription tells of guests; none does here",
    "orders.OrderCommand.state_data": "kept for the worker",
}
"""Columns that no page shows to anybody."""


@pytest.fixture(scope="module")
def hub(rows_of_module: None) -> tuple[dict[str, Any], dict[str, str]]:
    return marked_hub()


@pytest.fixture(autouse=True)
def shared_answers(settings: LazySettings) -> None:
    """Share the answers of a board, as at work."""
    settings.BOARD_TICK_S = 2.0


def person(name: str, *, lacks: tuple[str, ...] = ()) -> Client:
    user = User.objects.create_user(name, is_staff=True)
    rights = Permission.objects.select_related("content_type")
    user.user_permissions.set(
        [one for one in rights if f"{one.content_type.app_label}.{one.codename}" not in lacks]
    )
    client = Client()
    client.force_login(user)
    return client


def addresses(rows: dict[str, Any]) -> Iterator[str]:
    """Yield what can be opened: lists in several views, files, and the pages of the rows."""
    for name in PLAIN:
        for query in queries(name):
            yield reverse(name) + query
    for name, needed in addresses_of_rows().items():
        if name == "admin:auth_user_password_change":
            yield f"/admin/auth/user/{rows['auth.user'].pk}/password/"
        elif not name.startswith(("admin:axes_", "admin:auth_group_")):
            yield reverse(name, args=arguments_of(needed, rows))
    order = rows["orders.order"].pk
    for slug in ("status", "courier", "payment", "cancel", "discount"):
        yield reverse("admin:orders_order_ask", args=[order, slug])
        yield reverse("console:act", args=[order, slug])


def queries(name: str) -> tuple[str, ...]:
    if name in {"console:changes", "console:dispatch-changes", "console:attention-changes"}:
        since = timezone.now() - timedelta(minutes=30)
        return (f"?{urlencode({'since': since.isoformat()})}",)
    if name == "admin:autocomplete":
        return autocompletes()
    if name.endswith("_add"):
        return ("",)  # a form is narrowed by nothing
    if name.startswith("admin:"):
        return ("", "?state=all", f"?q={NUMBER}")
    return ("", f"?search={NUMBER}", f"?q={NUMBER}&list", f"?order={NUMBER}", "?format=csv", "?format=xlsx")


def walked(
    ask: Ask, rows: dict[str, Any], markers: dict[str, str], *, below: str = "/"
) -> dict[str, set[str]]:
    """Return the columns that each address tells of, of those that tell of any."""
    found = (url for url in addresses(rows) if url.startswith(below))
    told = {url: guests_in(body(ask(url)), markers) for url in found}
    return {url: found for url, found in told.items() if found}


def test_guests_are_shown_to_those_with_the_rights_alone(
    hub: tuple[dict[str, Any], dict[str, str]],
) -> None:
    rows, markers = hub

    shown = walked(person("sees guests").get, rows, markers)
    masked = walked(person("sees none", lacks=(GUESTS, HALL_GUESTS)).get, rows, markers)

    assert masked == {}
    every = {f"{label}.{name}" for label, name in columns()}
    assert every - set[str]().union(*shown.values()) == set(NOT_SHOWN)


@pytest.mark.parametrize("acts", [True, False])
def test_key_that_only_reads_is_shown_no_guest(
    hub: tuple[dict[str, Any], dict[str, str]], acts: bool
) -> None:
    rows, markers = hub
    _row, key = create_api_key(name="k", organization_ids=[], rights=tuple(KeyRight) if acts else ())

    def ask(url: str) -> Any:
        answer: Any = Client().get(url, headers=authorized(key))
        return answer

    shown = walked(ask, rows, markers, below="/api/")

    assert bool(shown) == acts, shown


@pytest.mark.parametrize(
    ("lacks", "hidden"),
    [(GUESTS, ("orders.", "loyalty.", "attention.")), (HALL_GUESTS, ("hall.",))],
)
def test_each_right_opens_its_own_guests(
    hub: tuple[dict[str, Any], dict[str, str]], lacks: str, hidden: tuple[str, ...]
) -> None:
    rows, markers = hub

    shown = set[str]().union(
        *walked(person("half", lacks=(lacks,)).get, rows, markers, below="/api/").values()
    )

    assert [column for column in shown if column.startswith(hidden)] == []
    assert any(column.startswith(("hall.", "orders.")) for column in shown)


# --- finding ---------------------------------------------------------------------------------------------

LISTS = {
    "/admin/orders/order/?q=": ("orders.Order", ("phone", "customer", "address")),
    "/console/search?list&q=": ("orders.Order", ("phone", "customer", "address")),
    "/api/v1/orders?search=": ("orders.Order", ("phone", "customer", "address")),
    "/admin/orders/ordercommand/?q=": ("orders.Order", ("phone",)),
    "/admin/webhooks/webhookevent/?q=": ("orders.Order", ("phone",)),
    "/admin/hall/reserve/?q=": ("hall.Reserve", ("phone",)),
    "/admin/hall/tableorder/?q=": ("hall.TableOrder", ("phone",)),
    "/api/v1/reserves?search=": ("hall.Reserve", ("phone",)),
    "/api/v1/table-orders?search=": ("hall.TableOrder", ("phone",)),
    "/admin/loyalty/customer/?q=": ("loyalty.Customer", ("phone", "email", "name", "cards")),
    "/admin/loyalty/loyaltyoperation/?q=": ("loyalty.Customer", ("phone",)),
}
"""Where one searches, and by which columns guests are found there."""


def words_of(value: Any) -> list[str]:
    """Return what is typed to find a guest by what a column holds."""
    if isinstance(value, list):
        return words_of(value[0])
    if isinstance(value, dict):
        return [value[name] for name in ("name", "street", "number") if name in value]
    return [value, value[-4:]] if value.startswith("+") else [value]


def found_by(client: Client, url: str, typed: str, rows: dict[str, Any]) -> bool:
    answer = client.get(f"{url}{quote(typed)}")
    assert answer.status_code == 200, url
    if url.startswith("/api/"):
        return bool(answer.json()["results"])
    if url.startswith("/console/"):
        return f'data-panel="{rows["orders.order"].pk}"' in answer.text
    return bool(answer.context["cl"].result_count)


@pytest.mark.parametrize("url", LISTS)
def test_guest_is_found_by_those_with_the_rights_alone(
    hub: tuple[dict[str, Any], dict[str, str]], url: str
) -> None:
    rows, _markers = hub
    label, names = LISTS[url]
    typed = [word for name in names for word in words_of(getattr(rows[label.lower()], name))]
    sees, sees_none = person("sees guests"), person("sees none", lacks=(GUESTS, HALL_GUESTS))

    assert any(found_by(sees, url, word, rows) for word in typed)
    assert [word for word in typed if found_by(sees_none, url, word, rows)] == []


def test_order_is_found_by_its_number_without_the_right(hub: tuple[dict[str, Any], dict[str, str]]) -> None:
    rows, _markers = hub
    client = person("sees none", lacks=(GUESTS, HALL_GUESTS))

    for url in ("/admin/orders/order/?q=", "/console/search?list&q=", "/api/v1/orders?search="):
        assert found_by(client, url, NUMBER, rows), url


# --- the rows themselves ---------------------------------------------------------------------------------


def test_row_without_its_guest_is_not_saved(hub: tuple[dict[str, Any], dict[str, str]]) -> None:
    before = Order.objects.values("customer", "phone").get()
    order = Order.objects.shown(people=False).get()

    with pytest.raises(TypeError, match="without its guests"):
        order.save()

    assert Order.objects.values("customer", "phone").get() == before


def test_what_is_read_later_is_hidden_too(hub: tuple[dict[str, Any], dict[str, str]]) -> None:
    order = Order.objects.shown(people=False).only("readable_number").get()

    assert order.customer == {"id": "qzxelsewhere-guest", "name": "***"}
    assert order.address == {"line1": "***"}
    assert (order.comment, order.tracking_link) == ("***", None)
    assert order.courier_name == "qzxelsewhere-courier_name"


def test_right_that_is_lost_empties_the_open_board(hub: tuple[dict[str, Any], dict[str, str]]) -> None:
    """Its answers are shared, and who asks is remembered with the rights."""
    _rows, markers = hub
    client = person("sees guests")
    since = urlencode({"since": (timezone.now() - timedelta(minutes=30)).isoformat()})
    first = client.get(f"/console/changes?{since}")
    user = User.objects.get(username="sees guests")
    user.user_permissions.remove(
        Permission.objects.get(codename="view_personal_data", content_type__app_label="loyalty")
    )

    after = client.get(f"/console/changes?{since}")

    assert guests_in(body(first), markers)
    assert (after.status_code, guests_in(body(after), markers)) == (200, set())
    assert "***" in body(after)
    # The open page shows what its reader may see no longer: it is loaded again.
    assert client.get(f"/console/changes?{since}&state={first['X-Board-State']}").status_code == 205


# --- the log ---------------------------------------------------------------------------------------------

SAID = ("Zzqmaria", "Zzqlunina", "Zzqstreet", "Zzqcomment", "Zzqcard", "79997700001", "9997700001")


def test_log_names_no_guest(
    iiko: SimulatedIiko, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What came, what was applied, what failed, what was asked, and what iiko refused."""
    words = "Guest Zzqmaria of 79997700001, Zzqstreet: Zzqcomment"
    guest = {"customer": customer(name="Zzqmaria", surname="Zzqlunina"), "phone": "+79997700001"}
    order: dict[str, Any] = guest | {"comment": "Zzqcomment", "problem": words}
    acting = Acting(iiko)
    caplog.set_level(logging.DEBUG, logger="webhooks")

    not_begun: dict[str, Any] = {"whenPrinted": None, "items": [product(whenPrinted=None, status="Added")]}
    acting.has(status="Unconfirmed", **not_begun, **order)
    post(Client(), b'[{"eventType": "DeliveryOrderUpdate", "phone": "+79997700001", "name": "Zzqmaria"')
    with monkeypatch.context() as broken:
        broken.setattr("orders.mirror.apply._apply", _fails(words))
        post(Client(), [cloud_event(timestamp=1, order_id=str(uuid4()), **order)])
        drain()
    command = acting.asked("cancel", {"cancel_reason": words})
    iiko.answers("deliveries/cancel", refusal(words), status=400)
    acting.step(command)
    Client().get(f"/api/v1/orders?search={quote('+79997700001')}", headers=authorized(acting.key))
    Client().get("/api/v1/orders?format=csv&search=Zzqmaria", headers=authorized(acting.key)).getvalue()

    text = "\n".join(map(written, caplog.records)).lower()
    assert "command." in text
    assert "event" in text
    lines = [line for line in text.splitlines() if any(one.lower() in line for one in SAID)]
    assert lines == []


def written(record: logging.LogRecord) -> str:
    """Return all that a line of the log may hold, with its traceback."""
    trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
    return f"{record.getMessage()} {record.__dict__} {trace}"


def _fails(words: str) -> Callable[..., None]:
    def fail(*_given: object, **_named: object) -> None:
        raise ValueError(words)

    return fail
