"""The API refuses what does not fit the vendor's schema, as the vendor does."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.tests import vendor_schema
from sandbox.tests.good_bodies import full_order, good_bodies
from sandbox.tests.harness import Harness, open_harness

_ABSENT = object()
_SPOILT: tuple[Any, ...] = (_ABSENT, None, "word", "w" * 600, 7, 1e12, -1, True, [], ["word"], {}, [{}], [7])


@pytest.fixture(scope="module")
def harness() -> Harness:
    opened = open_harness(rate=30)
    opened.run(300)
    # Each of some thousand requests is to be judged by its body.
    opened.simulator.call_meter.is_too_much = lambda operation: False  # type: ignore[method-assign]  # the limits are tested elsewhere
    return opened


def _places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(body, dict):
        for key, inner in body.items():
            yield from _places(inner, (*path, key))
    if isinstance(body, list):
        for at, inner in enumerate(body):
            yield from _places(inner, (*path, at))


def _spoilt(body: Any, path: tuple[Any, ...], value: object) -> Any:
    whole = copy.deepcopy(body)
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    if value is _ABSENT:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return whole


@vendor_schema.needs_schema
def test_request_that_breaks_the_schema_is_refused(harness: Harness) -> None:
    bodies = good_bodies(harness)
    bodies["deliveries/create"] = {**bodies["deliveries/create"], "order": full_order()}
    del bodies["access_token"]  # is open to all, see test_access
    taken, broken = [], 0
    for path, body in bodies.items():
        assert vendor_schema.request_errors(f"/api/1/{path}", body) == [], path
        for place in _places(body):
            for value in _SPOILT:
                request = _spoilt(body, place, value)
                if not vendor_schema.request_errors(f"/api/1/{path}", request):
                    continue
                broken += 1
                if harness.ask(path, request).status_code != 400:
                    taken.append((path, "/".join(map(str, place)), value))

    assert broken > 1000
    assert taken == []
