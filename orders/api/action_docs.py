"""How the actions are described: what they answer, with the refusals of each by example."""

from collections.abc import Callable
from typing import Any

from django.utils import translation
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.api.schema import RefusalsSerializer
from core.api.strict import UnknownField
from core.errors import HubError
from core.idempotency import IdempotencyKeyReused
from orders.actions.registry import action_of
from orders.api.action_serializers import ActionSerializer
from orders.api.command_serializers import CommandSerializer
from orders.commands.refusals import MEANINGS, code_of_entry
from orders.models.command import CommandKind
from organizations.connection.clients import BadApiLogin, NoApiLogin

_HEADERS = [
    OpenApiParameter(
        "Idempotency-Key",
        str,
        "header",
        description="Any text of up to 200 characters. Within 24 hours a repeat is answered with the first "
        "command; another request under the same key with 422.",
    ),
    OpenApiParameter(
        "Prefer",
        str,
        "header",
        description="`wait=10`: answer 200 once the command is over; after so many seconds (20 at most), or "
        "when too many wait already, 202.",
    ),
]

_DESCRIPTION = (
    "Stores what you ask for as a command and sends it to iiko. The order changes here once iiko confirms; "
    "follow the command at `GET commands/{id}`, or wait for it with `Prefer: wait=N`. `allowed_actions` of "
    "an order says beforehand what can be asked of it. Fields that are not listed here are refused."
)

_OF_OTHERS: tuple[tuple[type[HubError], str], ...] = (
    (NoApiLogin, "Beryozka has no API login. Choose one in the admin (Organizations), or set IIKO_API_KEY."),
    (BadApiLogin, "The API login of the restaurant is not complete."),
    (UnknownField, "No such field: state. Nothing was done. There are: status, delivered_at."),
    (IdempotencyKeyReused, "This Idempotency-Key was used for another request."),
)
"""What every action can be refused with by the apps below."""

_COMMAND = {
    "id": 41,
    "order_id": 1207,
    "kind": "update_status",
    "state": "pending",
    "params": {"status": "OnWay", "delivered_at": None},
    "correlation_id": "",
    "trace_id": "019cec9d1e1c7a41b5f2c6d80394e7aa",
    "error": None,
    "confirmed_by": "",
    "requested_by": "API: shop",
    "created_at": "2026-11-24T09:30:00Z",
    "sent_at": None,
    "finished_at": None,
}
_SENT = {
    "correlation_id": "e4f5a6b7-c8d9-4e0f-a1b2-c3d4e5f6a7b8",
    "sent_at": "2026-11-24T09:30:00Z",
    "finished_at": "2026-11-24T09:30:04Z",
}
_CONFIRMED = _COMMAND | _SENT | {"state": "confirmed", "confirmed_by": "status"}


def _error(code: str, message: str = "") -> dict[str, object]:
    with translation.override("en"):
        cause, next_step = str(MEANINGS[code].cause), str(MEANINGS[code].next_step)
    return {"code": code, "message": message or cause, "cause": cause, "next_step": next_step}


_CHANGED_AT_THE_POS = _error(
    "OrderStatusChangedInIikoFront",
    "Can not update order, order status was changed at the restaurant checkout",
)
_REJECTED = _COMMAND | _SENT | {"state": "rejected", "error": _CHANGED_AT_THE_POS}


def refusals(kind: CommandKind, http_status: int) -> list[OpenApiExample]:
    """Show every refusal that an action can give."""
    listed = action_of(kind).refusals.items()
    own = [(key, one) for key, one in listed if one.http_status == http_status]
    with translation.override("en"):
        told = [(key, code_of_entry(key), one.detail(one.example)) for key, one in own]
    told += [(one.code, one.code, text) for one, text in _OF_OTHERS if one.http_status == http_status]
    return [
        OpenApiExample(
            name,
            {"type": "client_error", "errors": [{"code": code, "detail": text, "attr": None}]},
            response_only=True,
        )
        for name, code, text in told
    ]


def _answer(name: str, command: dict[str, object]) -> OpenApiExample:
    return OpenApiExample(name, command, response_only=True)


def _answers(kind: CommandKind) -> dict[int, OpenApiResponse]:
    in_phases = bool(action_of(kind).first_phase)
    over = _DISCOUNT_OVER if in_phases else {"confirmed": _CONFIRMED, "rejected by iiko": _REJECTED}
    told = "confirmed, rejected, expired, or needs attention (`attention`)"
    return {
        200: OpenApiResponse(
            CommandSerializer,
            f"It is over: {told if in_phases else 'confirmed, rejected or expired'}.",
            examples=[_answer(name, one) for name, one in over.items()],
        ),
        202: OpenApiResponse(
            CommandSerializer,
            "Stored and on its way. Follow it at GET commands/{id}.",
            examples=[_answer("on its way", _DISCOUNT if in_phases else _COMMAND)],
        ),
        409: OpenApiResponse(
            RefusalsSerializer,
            "It cannot work as the order stands; nothing was stored or sent.",
            examples=refusals(kind, 409),
        ),
        422: OpenApiResponse(
            RefusalsSerializer,
            "It does not fit the restaurant's dictionaries or its order; nothing was stored or sent.",
            examples=refusals(kind, 422),
        ),
        429: OpenApiResponse(RefusalsSerializer, "Too many actions within a minute; see `Retry-After`."),
    }


_DISCOUNT = _COMMAND | {
    "kind": "apply_discount",
    "phase": "read",
    "new_iiko_order_id": "",
    "params": {
        "discount_id": "51111111-2222-4333-8444-555555555555",
        "name": "Manager",
        "mode": "FlexibleSum",
        "sum_minor": 16510,
        "percent": "10",
        "base_minor": 165100,
        "reissue": True,
    },
}
_REISSUED = {"phase": "cancel_old", "new_iiko_order_id": "9c5e7a91-b2d4-4f60-8172-93a4b5c6d7e9"}


def _ended(state: str, code: str, message: str, **more: object) -> dict[str, object]:
    return _DISCOUNT | _SENT | _REISSUED | {"state": state, "error": _error(code, message)} | more


_DISCOUNT_OVER = {
    "given": _DISCOUNT | _SENT | _REISSUED | {"state": "confirmed", "confirmed_by": "status"},
    "the new order was not taken": _ended(
        "rejected", "reissue_refused", "ProductNotFound: Product is not found", phase="create"
    ),
    "the kitchen was faster": _ended("rejected", "undone_cooking", "", phase="cancel_new"),
    "no new order in time": _ended("expired", "reissue_unproved", "", phase="create"),
    "needs attention": _ended("attention", "two_orders", "", phase="cancel_new"),
}


def describes(body: type[ActionSerializer]) -> Callable[[Any], Any]:
    """Describe an action with its headers, answers and examples, and the refusals that it can give."""
    return extend_schema(
        summary=body.summary,
        description=_DESCRIPTION,
        request=body,
        responses=_answers(body.action.kind),
        parameters=_HEADERS,
        examples=[OpenApiExample(name, one, request_only=True) for name, one in body.examples.items()],
        filters=False,
    )
