"""Describes what is sent in the API's document: the webhooks of OpenAPI 3.1.

The document is of OpenAPI 3.0, which has no place for them: they are under ``x-webhooks``, as common
readers of 3.0 expect them.
"""

from outbound.events.catalogue import SUBSCRIBABLE, Entry


def describe_webhooks(result: dict[str, object], **_: object) -> dict[str, object]:
    """Add each type of event, with an example of its body, to the generated document."""
    return result | {"x-webhooks": {entry.name.value: {"post": _operation(entry)} for entry in SUBSCRIBABLE}}


def _operation(entry: Entry) -> dict[str, object]:
    return {
        "summary": str(entry.title),
        "description": f"{entry.when} Signed after the Standard Webhooks specification.",
        "tags": ["events"],
        "parameters": [_header(name, words) for name, words in _HEADERS.items()],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _body(entry), "example": entry.example()}},
        },
        "responses": {
            "2XX": {"description": "Taken. What it says is kept in the log of deliveries."},
            "410": {"description": "The receiver wants no more: the subscription is switched off."},
            "default": {"description": "Not taken: sent again by the schedule."},
        },
    }


_HEADERS = {
    "webhook-id": "The same at every attempt and redelivery of one message.",
    "webhook-timestamp": "Seconds since 1970 of this attempt.",
    "webhook-signature": "`v1,` and the signature in base64; two while a secret is rotated.",
}


def _header(name: str, words: str) -> dict[str, object]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "required": True, "description": words, "schema": schema}


def _body(entry: Entry) -> dict[str, object]:
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "enum": [entry.name.value]},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": {
                "type": "object",
                "description": "The present state, by the names of its API, and `changes`.",
            },
        },
    }
