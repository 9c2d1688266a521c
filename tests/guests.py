"""A hub in which every column that the registry says tells of guests holds a text of its own: a marker.

The rows are those of ``other_restaurant``. A marker names its column, so that a page that shows one says
which it is.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone

from core.privacy.registry import declarations
from core.privacy.shown import masks_of
from core.privacy.treatments import FOLLOWS
from orders.models.order import Order, TimelineEntry
from tests.other_restaurant import NUMBER, other_restaurant

_WORD, _PHONE = "zzq", "7999"
_MARKERS = re.compile(rf"{_WORD}\d\d(?:[a-z]+)?|{_PHONE}77\d{{5}}")

Value = Callable[[str, str], Any]
"""Makes what a column holds, of its marker and a phone."""


def _customer(word: str, phone: str) -> Any:
    return {
        "id": "qzxelsewhere-guest",
        "name": f"{word}name",
        "surname": f"{word}surname",
        "comment": f"{word}comment",
        "birthdate": f"{word}birth",
        "is_in_blacklist": True,
        "blacklist_reason": f"{word}blacklist",
    }


def _address(word: str, phone: str) -> Any:
    names = ("index", "region", "city", "street", "house", "line1", "flat", "entrance", "floor", "doorphone")
    return {name: f"{word}{name}" for name in (*names, "comment")}


def _items(word: str, phone: str) -> Any:
    dish = {"name": "Суп", "amount": "1", "kind": "Product", "result_minor": 100, "is_deleted": True}
    return [dish | {"comment": f"{word}dish", "deletion_reason": f"{word}why"}]


def _body(word: str, phone: str) -> Any:
    street = {"name": f"{word}street"}
    order = {
        "customer": {"name": f"{word}name", "surname": f"{word}surname"},
        "phone": f"+{phone}",
        "comment": f"{word}comment",
        "deliveryPoint": {"address": {"street": street, "house": f"{word}house"}},
    }
    return {"orderId": NUMBER, "order": order, "message": f"No guest of the phone +{phone}"}


_WRITTEN: dict[str, Value] = {
    "orders.Order.customer": _customer,
    "orders.Order.address": _address,
    "orders.Order.tracking_link": lambda word, _phone: f"https://track.example.com/{word}",
    "orders.Order.items": _items,
    "orders.Order.loyalty": lambda word, _phone: {"coupon": f"{word}coupon"},
    "orders.Order.external_data": lambda word, _phone: [{"key": "note", "value": f"{word}data"}],
    "orders.Order.error_info": lambda word, _phone: {"code": "Common", "message": f"{word}error"},
    "orders.OrderCommand.params": lambda word, _phone: {"reason": word, "comment": f"{word}comment"},
    "orders.OrderCommand.state_data": lambda word, _phone: {"comment": word},
    "orders.TimelineEntry.from_value": lambda word, _phone: f"{word}from",
    "orders.TimelineEntry.to_value": lambda word, _phone: f"{word}to",
    "hall.TableOrder.customer": _customer,
    "hall.TableOrder.items": _items,
    "hall.TableOrder.loyalty": lambda word, _phone: {"coupon": f"{word}coupon"},
    "hall.TableOrder.external_data": lambda word, _phone: [{"key": "note", "value": f"{word}data"}],
    "hall.TableOrder.error_info": lambda word, _phone: {"code": "Common", "message": f"{word}error"},
    "hall.Reserve.customer": _customer,
    "hall.Reserve.items": _items,
    "hall.Reserve.loyalty": lambda word, _phone: {"coupon": f"{word}coupon"},
    "hall.Reserve.external_data": lambda word, _phone: [{"key": "note", "value": f"{word}data"}],
    "hall.Reserve.error_info": lambda word, _phone: {"code": "Common", "message": f"{word}error"},
    "loyalty.Customer.cards": lambda word, _phone: [{"number": f"{word}number", "track": f"{word}track"}],
    "loyalty.Customer.email": lambda word, _phone: f"a{word}@example.com",
    "organizations.ApiCall.request": _body,
    "organizations.ApiCall.response": _body,
    "organizations.ApiCall.response_text": lambda word, phone: json.dumps(_body(word, phone))[:-3],
    "webhooks.WebhookEvent.payload": _body,
    "webhooks.WebhookEvent.raw_body": lambda word, phone: json.dumps(_body(word, phone)).encode(),
    "webhooks.WebhookEvent.processing_error": lambda word, phone: f"ValueError: {word}error +{phone}",
    "webhooks.WebhookEvent.notes": lambda word, phone: [f"phone: {word}note +{phone}"],
}
"""What no plain text stands for."""


def columns() -> Iterator[tuple[str, str]]:
    """Yield the columns that tell of guests, or by which staff are reached: label of the model and name."""
    for declared in declarations():
        for name in masks_of(declared.label):
            if declared.personal[name].treatment is not FOLLOWS:
                yield declared.label, name


def marked_hub() -> tuple[dict[str, Any], dict[str, str]]:
    """Make the hub; returns its rows, and the columns by the markers they hold."""
    rows, markers = other_restaurant(), dict[str, str]()
    order = rows["orders.order"]
    by = User.objects.create_user("who changed it")
    rows["admin.logentry"] = LogEntry.objects.create(
        user=by,
        content_type=ContentType.objects.get_for_model(Order),
        object_id=str(order.pk),
        object_repr="x",
        action_flag=CHANGE,
        action_time=timezone.now(),
    )
    for number, (label, name) in enumerate(columns()):
        row = rows[label.lower()]
        word, phone = f"{_WORD}{number:02}", f"{_PHONE}77{number:05}"
        markers |= {word: f"{label}.{name}", phone: f"{label}.{name}"}
        value = _value(label, name, word, phone)
        type(row)._default_manager.filter(pk=row.pk).update(**{name: value})
        if label == "orders.Order":
            _in_timeline(order, name, value)
    for row in rows.values():
        if isinstance(row, models.Model) and row._meta.label_lower != "orders.orderterms":
            row.refresh_from_db()
    return rows, markers


def _value(label: str, name: str, word: str, phone: str) -> Any:
    if made := _WRITTEN.get(f"{label}.{name}"):
        return made(word, phone)
    column = apps.get_model(label)._meta.get_field(name)
    assert isinstance(column, models.CharField | models.TextField), f"say what {label}.{name} is to hold"
    is_phone = masks_of(label) and name.endswith("phone")
    return f"+{phone}" if is_phone else word


def _in_timeline(order: Order, name: str, value: Any) -> None:
    told = {"what": name, "from_value": None, "to_value": value, "recorded_at": timezone.now()}
    TimelineEntry.objects.create(order=order, **told)


def guests_in(text: str, markers: dict[str, str]) -> set[str]:
    """Return the columns of which a text tells; a phone in any writing."""
    plain = re.sub(r"(?<=\d)[\s\u00a0()\-]+(?=\d)", "", text.lower())
    found = {marker for source in (text.lower(), plain) for marker in _MARKERS.findall(source)}
    return {column for marker, column in markers.items() if any(one.startswith(marker) for one in found)}
