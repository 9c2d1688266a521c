"""Examples of bodies and answers, for the API's document."""

from django.utils import translation

from iiko_client.json_reader import JsonObject
from outbound.events.catalogue import CATALOGUE

_ORGANIZATION = "6b1f2f0c-3d5e-4a7b-9c8d-0e1f2a3b4c5d"

NEW: JsonObject = {
    "name": "Site",
    "url": "https://example.com/hooks/iikohub",
    "event_types": ["order.created", "order.status_changed"],
    "organization_ids": [_ORGANIZATION],
}
CHANGE: JsonObject = {"event_types": ["order.created", "order.status_changed", "order.updated"]}
SINCE: JsonObject = {"since": "2026-03-14T12:00:00Z"}
SUBSCRIPTION: JsonObject = {
    "id": 3,
    "name": "Site",
    "description": "",
    "host": "https://example.com",
    "is_active": True,
    "state": "works",
    "event_types": ["order.created", "order.status_changed"],
    "organization_ids": [_ORGANIZATION],
    "includes_personal_data": False,
    "waiting": 0,
    "last_success_at": "2026-03-14T13:54:53.871000Z",
    "not_answering_since": None,
    "last_error": "",
    "disabled_reason": "",
    "disabled_at": None,
    "previous_secret_until": None,
    "created_at": "2026-03-01T09:00:00Z",
    "changed_at": "2026-03-01T09:00:00Z",
}
WITH_SECRET: JsonObject = {
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
    **SUBSCRIPTION,
    "state": "untried",
    "last_success_at": None,
}
DELIVERY: JsonObject = {
    "id": 90210,
    "subscription_id": 3,
    "message_id": "msg_4d6f8ba2c3e540719283a4b5c6d7e8f9_3",
    "event_type": "order.status_changed",
    "organization_id": _ORGANIZATION,
    "entity": "order/4711",
    "state": "delivered",
    "trace_id": "019cec9d1e1c7a41b5f2c6d80394e7aa",
    "attempts": 1,
    "last_status": 204,
    "last_error": "",
    "last_attempt_at": "2026-03-14T13:54:53.790000Z",
    "next_attempt_at": None,
    "occurred_at": "2026-03-14T13:54:53.412345Z",
    "created_at": "2026-03-14T13:54:53.600000Z",
    "finished_at": "2026-03-14T13:54:53.871000Z",
    "redelivered_at": None,
}
DELIVERY_DETAIL: JsonObject = {
    **DELIVERY,
    "body": CATALOGUE["order.status_changed"].example(),
    "attempt_log": [
        {
            "began_at": "2026-03-14T13:54:53.790000Z",
            "duration_ms": 81,
            "status": 204,
            "error": "",
            "answer": "",
            "is_probe": False,
        }
    ],
}
IS_OFF = "The subscription is off. Switch it on first."
TEST: JsonObject = {
    **DELIVERY,
    "event_type": "subscription.test",
    "organization_id": None,
    "entity": "test/5f0e9d8c-7b6a-4594-8372-615243342516",
}

_CREATED = CATALOGUE["order.created"]
with translation.override("en"):
    EVENT_TYPE: JsonObject = {
        "name": _CREATED.name.value,
        "title": str(_CREATED.title),
        "when": str(_CREATED.when),
        "example": _CREATED.example(),
    }
