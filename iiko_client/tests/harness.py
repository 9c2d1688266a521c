"""A played iiko for one test, a clock that moves by hand, and the vendor's schema as JSON Schema."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no stubs

from iiko_client.client import IikoClient
from iiko_client.http.auth import V1, Credentials
from iiko_client.http.call_record import CallRecord
from iiko_client.http.transport import Transport

BASE = "https://iiko.example"
LOGIN = "login-5ecret"
SCHEMA = Path(__file__).resolve().parents[2].parent / "shared" / "iiko" / "cloud-openapi.json"
needs_schema = pytest.mark.vendor

ORG, ORDER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CORRELATION = "11111111-1111-4111-8111-111111111111"
QUEUED = {"correlationId": CORRELATION}


Play = Callable[[IikoClient], Any]


def to_order(method: str, **more: Any) -> Play:
    """Make a call about one order."""
    return lambda client: getattr(client, method)(organization_id=ORG, order_id=ORDER, **more)


class Clock:
    """Time that passes only by ``sleep`` and ``pass_s``; one for all three kinds of clock."""

    def __init__(self) -> None:
        self.now = NOON
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def timer(self) -> float:
        return self.now.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_s(seconds)

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Stub:
    """iiko as the test plays it; a call that nobody expected fails."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock
        self.clock = Clock()
        self.records: list[CallRecord] = []
        self.tokens = 0
        self.token_path = "/api/1/access_token"
        self.token_takes_s = 0.0  # of real time, for threads to meet in

    def transport(self, credentials: Credentials | None = None, **options: Any) -> Transport:
        usual: dict[str, Any] = {
            "base_url": BASE,
            "on_call": self.records.append,
            "clock": self.clock,
            "timer": self.clock.timer,
            "sleep": self.clock.sleep,
            "chance": lambda: 0.0,
        }
        return Transport(credentials=credentials or V1(LOGIN), **(usual | options))

    def gives_tokens(self) -> None:
        def token(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
            self.tokens += 1
            time.sleep(self.token_takes_s)
            return 200, {}, json.dumps({"correlationId": CORRELATION, "token": f"token-{self.tokens}-abcdef"})

        self.mock.add_callback(responses.POST, BASE + self.token_path, callback=token)

    def answers(self, name: str, body: Any = None, status: int = 200, **headers: str) -> None:
        """Play one answer; several to the same name come in turn, the last again and again."""
        text = body if isinstance(body, str | bytes | Exception) else json.dumps(body)
        self.mock.add(responses.POST, f"{BASE}/api/1/{name}", body=text, status=status, headers=headers)

    def sent(self, name: str) -> list[requests.PreparedRequest]:
        return [call.request for call in self.mock.calls if call.request.url == f"{BASE}/api/1/{name}"]

    def body(self, name: str) -> Any:
        [request] = self.sent(name)
        return json.loads(request.body or b"")


def error_body(description: str, code: str | None = None) -> dict[str, Any]:
    return {"correlationId": CORRELATION, "errorDescription": description, "error": code}


# The vendor's schema. Plain JSON Schema needs four adaptations: `nullable`, the date format,
# discriminators, and children that combine `allOf` with `additionalProperties: false`.

_DATE = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}$"
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_PATTERNS = {"uuid": _UUID, "yyyy-MM-dd HH:mm:ss.fff": _DATE}
_KEPT = ("type", "enum", "minimum", "maximum", "minLength", "maxLength", "required", "additionalProperties")


@lru_cache
def document() -> Any:
    return json.loads(SCHEMA.read_text())


def complaints(name: str, body: object, *, answer: bool = False) -> list[str]:
    """Return where a request (or a 200) differs from the vendor's schema."""
    found = _validator(name, answer).iter_errors(body)
    return [f"{error.json_path}: {error.message}" for error in found]


def assert_fits(name: str, body: object) -> None:
    """Compare a request with the vendor's schema, where that lies beside the project."""
    if SCHEMA.exists():
        assert complaints(name, body) == [], name


@cache
def _validator(name: str, answer: bool) -> Draft202012Validator:
    method = document()["paths"][f"/api/1/{name}"]["post"]
    where = method["responses"]["200"] if answer else method["requestBody"]
    [content] = where["content"].values()
    return Draft202012Validator(_adapt(content["schema"]) | {"$defs": _definitions()})


@lru_cache
def _definitions() -> dict[str, Any]:
    return {_short(name): _component(schema) for name, schema in _components().items()}


def _components() -> Any:
    return document()["components"]["schemas"]


@cache
def _short(name: str) -> str:
    return f"c{list(_components()).index(name)}"


def _name(ref: str) -> str:
    return ref.removeprefix("#/components/schemas/")


def _component(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "discriminator" not in schema:
        return _adapt(merged_schema(schema))
    key, mapping = schema["discriminator"]["propertyName"], schema["discriminator"]["mapping"]
    choices = [
        {"if": {"properties": {key: {"const": value}}}, "then": _reference(ref)}
        for value, ref in mapping.items()
    ]
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"enum": list(mapping)}},
        "allOf": choices,
    }


def merged_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with its parents' fields among its own."""
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    parents = schema.get("allOf", []) if "properties" in schema or schema.get("type") == "object" else []
    if not parents:
        return dict(schema)
    for parent in parents:
        base = merged_schema(_components()[_name(parent["$ref"])])
        merged["properties"] = base.get("properties", {}) | merged.get("properties", {})
        merged["required"] = [*base.get("required", []), *merged.get("required", [])]
    return merged


def _reference(ref: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{_short(_name(ref))}"}


def _adapt(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _reference(schema["$ref"])
    adapted: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    if pattern := _PATTERNS.get(schema.get("format", "")):
        adapted["pattern"] = pattern
    if "properties" in schema:
        adapted["properties"] = {key: _adapt(value) for key, value in schema["properties"].items()}
    if "items" in schema:
        adapted["items"] = _adapt(schema["items"])
    if "allOf" in schema:
        adapted["allOf"] = [_adapt(part) for part in schema["allOf"]]
    is_nullable = schema.get("nullable") or "Can be null" in schema.get("description", "")
    return {"anyOf": [adapted, {"type": "null"}]} if is_nullable else adapted
