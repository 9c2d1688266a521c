"""The outside of a message, read without ever raising."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from iiko_client.models.events import EVENT_TYPES, Envelope, digest_of, read_envelope

ORDER = "3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e8"


def cloud(**changes: Any) -> dict[str, Any]:
    return {
        "eventType": "DeliveryOrderUpdate",
        "eventTime": "2026-03-14 13:54:53.100",
        "organizationId": "org",
        "correlationId": "corr",
        "eventInfo": {"id": ORDER, "externalNumber": "W-1", "timestamp": 1773496492930},
    } | changes


def test_cloud_event() -> None:
    envelope = read_envelope(cloud())

    assert envelope == Envelope(
        format="cloud",
        event_type="DeliveryOrderUpdate",
        organization_id="org",
        entity_key=ORDER,
        order_external_id="W-1",
        correlation_id="corr",
        event_time=envelope.event_time,
        revision=1773496492930,
        digest=digest_of(cloud()["eventInfo"]),
    )
    assert envelope.event_time is not None
    assert envelope.event_time.isoformat() == "2026-03-14T13:54:53.100000+00:00"


def test_soi_message() -> None:
    message = {
        "type": "create",
        "orderExternalId": "E-1",
        "transactionDetails": {"organizationId": "org", "correlationId": "corr"},
        "iikoOrderDetails": {"iikoOrderId": ORDER},
    }

    assert read_envelope(message) == Envelope(
        "soi", "CREATE", "org", ORDER, "E-1", "corr", None, None, digest_of(message)
    )


def test_soi_message_without_iikos_id_is_known_by_the_external_one() -> None:
    assert read_envelope({"type": "UPDATE", "orderExternalId": "E-1"}).entity_key == "ext:E-1"


def test_soi_message_that_names_nothing() -> None:
    assert read_envelope({"type": "UPDATE"}).entity_key == ""


def test_cloud_mark_wins_over_the_soi_mark() -> None:
    assert read_envelope({"eventType": "ReserveUpdate", "type": "CREATE"}).format == "cloud"


@pytest.mark.parametrize(
    "message", [{}, {"type": "DELETE"}, {"organizationId": "org"}, [], 1, "x", None, True]
)
def test_anything_else_is_unknown(message: Any) -> None:
    envelope = read_envelope(message)

    assert (envelope.format, envelope.event_type, envelope.entity_key) == ("unknown", "", "")
    assert envelope.digest == digest_of(message)


def test_unknown_object_keeps_its_organization() -> None:
    envelope = read_envelope({"organizationId": "org", "correlationId": 7})

    assert (envelope.organization_id, envelope.correlation_id) == ("org", "7")


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_type_of_the_vendor_is_cloud(event_type: str) -> None:
    envelope = read_envelope(cloud(eventType=event_type))

    assert (envelope.format, envelope.event_type) == ("cloud", event_type)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (ORDER.upper(), ORDER),
        (ORDER.replace("-", ""), ORDER),
        (f" {ORDER} ", ORDER),
        ("org-42", "org-42"),
        (42, "42"),
        (0, "0"),
        (True, ""),
        (1.5, ""),
        (None, ""),
        ([], ""),
        ({}, ""),
        ("", ""),
    ],
)
def test_ids_are_read_in_one_spelling(written: Any, read: str) -> None:
    assert read_envelope(cloud(organizationId=written)).organization_id == read


def test_long_ids_are_shortened_by_digest() -> None:
    one = read_envelope(cloud(organizationId="o" * 5000 + "1")).organization_id
    two = read_envelope(cloud(organizationId="o" * 5000 + "2")).organization_id

    assert len(one) == len(two) == 193
    assert one.startswith("o" * 160 + "…")
    assert one != two
    assert read_envelope(cloud(organizationId="o" * 200)).organization_id == "o" * 200


def test_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": [{"c": 2, "d": 3}]}) == digest_of({"b": [{"d": 3, "c": 2}], "a": 1})


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": 1}, {"a": "1"}),
        ([1, 2], [2, 1]),
        (None, {}),
        ({"a": None}, {}),
        (1, True),
        ([], {}),
        ("", None),
    ],
)
def test_digest_tells_apart_what_differs(one: Any, two: Any) -> None:
    assert digest_of(one) != digest_of(two)


def test_digest_is_of_the_content_alone_where_that_identifies_the_event() -> None:
    changed = cloud(eventTime="2026-03-14 14:00:00.000", correlationId="other")

    assert read_envelope(changed).digest == read_envelope(cloud()).digest


@pytest.mark.parametrize("info", [None, {}, [], "text", 5])
def test_digest_is_of_the_whole_message_where_there_is_no_content(info: Any) -> None:
    one, two = cloud(eventInfo=info), cloud(eventInfo=info, more=1)

    assert read_envelope(one).digest == digest_of(one)
    assert read_envelope(one).digest != read_envelope(two).digest


def test_digest_is_of_the_whole_message_where_there_is_no_moment() -> None:
    one, two = (cloud(eventTime=written, eventInfo={"id": "e"}) for written in (1, 2))

    assert read_envelope(one).digest != read_envelope(two).digest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


KEYS = (
    *("eventType", "eventTime", "eventInfo", "organizationId", "correlationId"),
    *("type", "orderExternalId", "transactionDetails", "iikoOrderDetails"),
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a machine under load
@given(message=st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON)))
def test_nothing_makes_it_raise_or_outgrow_its_columns(message: dict[str, Any]) -> None:
    envelope = read_envelope(message)

    assert len(envelope.event_type) <= 100
    assert (
        max(map(len, (envelope.organization_id, envelope.order_external_id, envelope.correlation_id))) <= 200
    )
    assert len(envelope.entity_key) <= 210
    assert len(envelope.digest) == 32
    assert envelope.revision is None or 0 < envelope.revision < 2**63
