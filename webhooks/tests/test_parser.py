"""Every body there can be: what is kept of it, and that none of them is answered with an error."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    REVISION,
    TOKEN,
    cloud_event,
    inbox,
    make_organization,
    make_other_organization,
    post,
    soi_message,
)
from tests.examples import examples
from webhooks.models.inbox import WebhookEvent
from webhooks.receiving.parser import clean, read_body

pytestmark = pytest.mark.django_db

OK = {"status": "OK"}
IGNORED = {"status": "ignored"}


@pytest.fixture(autouse=True)
def _restaurant(db: None) -> None:
    make_organization()


def stored_text(pk: int) -> str:
    """Read the payload as PostgreSQL writes it, no number rounded."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT payload::text FROM webhook_events WHERE id = %s", [pk])
        text: str = cursor.fetchone()[0]
        return text


def exact(text: str | bytes) -> Any:
    """JSON whose numbers compare by value: PostgreSQL writes 5.22e16 as 52200000000000000."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def x(content: str) -> str:
    """Write out a message with something in it."""
    return '[{"eventType": "X", "v": %s}]' % content  # noqa: UP031  # braces all over


# --- shapes ------------------------------------------------------------------------------------------


def test_array_becomes_one_row_per_member_in_its_order(client: Client) -> None:
    sent = [cloud_event(timestamp=REVISION + at) for at in (3, 1, 2)]

    assert post(client, sent).json() == OK

    assert [event.payload for event in inbox()] == sent
    assert [event.revision for event in inbox()] == [REVISION + 3, REVISION + 1, REVISION + 2]


def test_single_cloud_event_needs_no_array(client: Client) -> None:
    assert post(client, cloud_event()).json() == OK

    assert [event.payload for event in inbox()] == [cloud_event()]


def test_array_of_soi_messages_is_taken_too(client: Client) -> None:
    sent = [soi_message(), soi_message(external_id="20260314-118", order_id="other")]

    assert post(client, sent).json() == OK

    assert [event.payload for event in inbox()] == sent


@pytest.mark.parametrize("body", ["[]", " [ ] ", "\r\n[\t]\n"])
def test_empty_array_is_fine_and_leaves_no_row(client: Client, body: str) -> None:
    response = post(client, body)

    assert (response.status_code, response.json()) == (200, OK)
    assert inbox() == []


@pytest.mark.parametrize("body", ["{}", "[{}]"])
def test_empty_object_is_a_message(client: Client, body: str) -> None:
    assert post(client, body).json() == OK

    (event,) = inbox()
    assert (event.payload, event.format, event.event_type, event.status) == ({}, "unknown", "", "pending")


def test_array_may_mix_types_and_formats(client: Client) -> None:
    body = [
        cloud_event(),
        soi_message(),
        {"eventType": "StopListUpdate", "organizationId": ORGANIZATION_ID},
        {"something": "else"},
    ]

    assert post(client, body).json() == OK

    assert [(event.format, event.event_type) for event in inbox()] == [
        ("cloud", "DeliveryOrderUpdate"),
        ("soi", "UPDATE"),
        ("cloud", "StopListUpdate"),
        ("unknown", ""),
    ]


def test_array_may_mix_organizations_under_a_shared_token(client: Client) -> None:
    other = make_other_organization(token=TOKEN)

    post(client, [cloud_event(), cloud_event(organization_id=other.iiko_id)])

    assert [(event.organization_id, event.status) for event in inbox()] == [
        (ORGANIZATION_ID, "pending"),
        (other.iiko_id, "pending"),
    ]


def test_members_that_are_not_objects_are_kept_and_not_applied(client: Client) -> None:
    body = b'[1, "text", null, true, [], {"eventType": "X"}, 1.50]'

    assert post(client, body).json() == OK

    rows = inbox()
    assert [row.payload for row in rows] == [1, "text", None, True, [], {"eventType": "X"}, 1.5]
    assert [row.reason for row in rows] == ["not_an_object"] * 5 + ["", "not_an_object"]
    assert [row.status for row in rows] == ["ignored"] * 5 + ["pending", "ignored"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"hello",
        b"1",
        b"-1.5e3",
        b'"text"',
        b"null",
        b"true",
        b"[1,",
        b'{"a": 1',
        b'{"a": 1,}',
        b"{'a': 1}",
        b"[{}] trailing",
        b"[{}][{}]",
        b'{"a": NaN}',
        b'[{"a": Infinity}]',
        b'[{"a": -Infinity}]',
        b"NaN",
        b'{"a": 01}',
        b'{"a": .5}',
        b'{"a": "line\nbreak"}',
        b'{"a": "\x00"}',
        b'{"a": "\\x"}',
        b'{"a": "\\u12"}',
        b"<order/>",
        b"a=1&b=2",
        b"\x00\x01\x02\xff",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
    ],
)
def test_body_without_messages_is_kept_as_it_came(client: Client, body: bytes) -> None:
    response = post(client, body)

    assert (response.status_code, response.json()) == (200, IGNORED)
    (event,) = inbox()
    assert bytes(event.raw_body) == body
    assert (event.status, event.reason, event.format) == ("ignored", "not_json", "unknown")
    assert (event.payload, event.event_type, event.organization_id) == (None, "", "")
    assert event.processing_error != ""


def test_same_unreadable_body_is_counted_on_its_row(client: Client) -> None:
    answers = [post(client, b"garbage").json() for _ in range(3)]
    post(client, b"other garbage")

    assert answers == [IGNORED] * 3
    assert [(bytes(event.raw_body), event.duplicates) for event in inbox()] == [
        (b"garbage", 2),
        (b"other garbage", 0),
    ]


# --- depth -------------------------------------------------------------------------------------------


def nested(levels: int) -> str:
    """Make a body of so many levels; the message itself is the second."""
    return '[{"v":' + "[" * (levels - 2) + "]" * (levels - 2) + "}]"


def test_hundred_levels_are_taken(client: Client) -> None:
    assert post(client, nested(100)).json() == OK

    assert inbox()[0].status == "pending"


@pytest.mark.parametrize(
    "body",
    [
        nested(101),
        nested(5000),
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"a":[' * 100_000,
    ],
    ids=["101", "5000", "unclosed", "arrays", "objects", "both"],
)
def test_deeper_bodies_are_kept_as_they_came(client: Client, body: str) -> None:
    assert post(client, body).json() == IGNORED

    (event,) = inbox()
    assert (event.status, event.reason) == ("ignored", "too_deep")
    assert bytes(event.raw_body) == body.encode()


def test_many_brackets_side_by_side_are_not_deep(client: Client) -> None:
    assert post(client, x("[" + ",".join(["[]"] * 1000) + "]")).json() == OK

    assert inbox()[0].payload["v"] == [[]] * 1000


def test_brackets_inside_text_are_not_deep(client: Client) -> None:
    assert post(client, x('"' + "[" * 1000 + '"')).json() == OK

    assert inbox()[0].payload["v"] == "[" * 1000


# --- letters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (r'"a\u0000b"', "a\ufffdb"),
        (r'"\ud83d"', "\ufffd"),
        (r'"\ude00\ud83d"', "\ufffd\ufffd"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd😀"),
        (r'"\ud83dx\ude00"', "\ufffdx\ufffd"),
        (r'"\uDBFF\u0041"', "\ufffdA"),
        (r'"\\\u0000"', "\\\ufffd"),
    ],
)
def test_letters_the_database_refuses_are_replaced_and_the_bytes_kept(
    client: Client, written: str, kept: str
) -> None:
    body = x(written)

    assert post(client, body).json() == OK

    (event,) = inbox()
    assert event.payload == {"eventType": "X", "v": kept}
    assert bytes(event.raw_body) == body.encode()
    assert event.status == "pending"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (r'"\ud83d\ude00"', "😀"),
        (r'"\uD83D\uDE00\u0041"', "😀A"),
        ('"😀 Ёлка"', "😀 Ёлка"),
        (r'"\\u0000"', "\\u0000"),
        (r'"\\ud83d"', "\\ud83d"),
        (r'"\"\\\/\b\f\n\r\t"', '"\\/\b\f\n\r\t'),
        (r'"\u0001\u001f\u007f"', "\u0001\u001f\u007f"),
        ('"\u2028\ufeff\uffff"', "\u2028\ufeff\uffff"),
    ],
)
def test_other_letters_stay_as_they_are(client: Client, written: str, kept: str) -> None:
    assert post(client, x(written)).json() == OK

    (event,) = inbox()
    assert event.payload["v"] == kept


def test_clean_body_is_not_kept_twice(client: Client) -> None:
    post(client, x(r'"\ud83d is what it says: \\ud83d"'.replace(r"\ud83d is", r"\ud83d\ude00 is")))
    post(client, [cloud_event()])

    assert inbox()[1].raw_body is None


def test_refused_letters_in_a_key_and_in_an_id_are_replaced(client: Client) -> None:
    post(client, r'{"eventType": "A\u0000B", "organizationId": "o\ud800", "k\u0000": 1}')

    (event,) = inbox()
    assert event.payload == {"eventType": "A\ufffdB", "organizationId": "o\ufffd", "k\ufffd": 1}
    assert (event.event_type, event.organization_id) == ("A\ufffdB", "o\ufffd")


def test_only_the_member_with_refused_letters_keeps_its_bytes(client: Client) -> None:
    post(client, r'[{"eventType": "A"}, {"eventType": "B", "v": "\u0000"} , {"eventType": "C"}]')

    assert [None if row.raw_body is None else bytes(row.raw_body) for row in inbox()] == [
        None,
        rb'{"eventType": "B", "v": "\u0000"}',
        None,
    ]


def test_bytes_that_are_not_utf8_are_replaced_and_kept(client: Client) -> None:
    body = b'[{"eventType": "X", "v": "caf\xe9"}]'

    assert post(client, body).json() == OK

    (event,) = inbox()
    assert event.payload["v"] == "caf\ufffd"
    assert bytes(event.raw_body) == body


def test_bytes_that_are_not_utf8_are_kept_of_each_member(client: Client) -> None:
    post(client, b'[{"eventType": "A", "v": "\xff\xfe"}, {"eventType": "B"}]')

    first, second = inbox()
    assert first.payload == {"eventType": "A", "v": "\ufffd\ufffd"}
    assert bytes(first.raw_body) == b'{"eventType": "A", "v": "\xff\xfe"}'
    assert (second.payload, second.raw_body) == ({"eventType": "B"}, None)


def test_byte_order_mark_is_skipped(client: Client) -> None:
    body = b'\xef\xbb\xbf[{"eventType": "X", "v": "\xd0\xb9"}]'

    assert post(client, body).json() == OK

    (event,) = inbox()
    assert event.payload == {"eventType": "X", "v": "й"}
    assert bytes(event.raw_body) == body


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wider_encodings_are_read(client: Client, encoding: str) -> None:
    body = x('"Ёж 😀"').encode(encoding)

    assert post(client, body).json() == OK

    (event,) = inbox()
    assert event.payload == {"eventType": "X", "v": "Ёж 😀"}
    assert bytes(event.raw_body) == body


def test_broken_utf16_is_kept_as_it_came(client: Client) -> None:
    body = x('"ab"').encode("utf-16-le").replace(b"a\x00b\x00", b"\x00\xd8b\x00")

    assert post(client, body).json() == IGNORED

    (event,) = inbox()
    assert (event.reason, bytes(event.raw_body)) == ("not_json", body)


def test_clean_leaves_escaped_backslashes_alone() -> None:
    assert clean(r"\\u0000 \\\u0000 \\\\ud83d") == "\\\\u0000 \\\\\ufffd \\\\\\\\ud83d"


# --- numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1651.0", "1651.0"),
        ("1651.00", "1651.00"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("19.99", "19.99"),
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1e3", "1000"),
        ("1.5E-3", "0.0015"),
        ("-0", "0"),
        ("1.5E+2", "150"),
        ("0.000001", "0.000001"),
        ("1.77349649293e12", "1773496492930"),
        ("1e40", "1" + "0" * 40),
        ("-2.5e-40", "-0." + "0" * 39 + "25"),
        ("9" * 299, "9" * 299),
    ],
)
def test_numbers_are_kept_to_the_last_digit(client: Client, written: str, kept: str) -> None:
    assert post(client, x(written)).json() == OK

    (event,) = inbox()
    assert stored_text(event.pk) == f'{{"v": {kept}, "eventType": "X"}}'


@pytest.mark.parametrize(
    "number",
    [
        "1e41",
        "1E+0041",
        "-1e-41",
        "0e-99",
        "1e308",
        "1e400",
        "-1e400",
        "1e5000",
        "1e140000",
        "1e-5000",
        "1E+000401",
        "9" * 5000,
        "0." + "1" * 20000,
    ],
    ids=lambda number: number[:10],
)
def test_number_that_nobody_could_read_back_is_kept_as_text(client: Client, number: str) -> None:
    body = f'[{{"eventType": "A"}}, {{"eventType": "B", "v": {number}}}, {{"eventType": "C"}}]'

    assert post(client, body).json() == OK

    first, second, third = inbox()
    assert (first.payload, third.payload) == ({"eventType": "A"}, {"eventType": "C"})
    assert (first.status, second.status, third.status) == ("pending", "ignored", "pending")
    assert (second.reason, second.payload, second.event_type) == ("not_storable", None, "B")
    assert bytes(second.raw_body) == f'{{"eventType": "B", "v": {number}}}'.encode()
    assert second.processing_error == f"the number {number[:20]}… is out of range"


@pytest.mark.parametrize("number", ["1e308", "1E308 ", "-1.5e+99", "1e-308", "0e-300"])
def test_body_full_of_numbers_that_grow_is_kept_as_it_came(client: Client, number: str) -> None:
    body = x("[" + ",".join([number] * 50_000) + "]")

    assert post(client, body).json() == OK

    (event,) = inbox()
    assert (event.status, event.reason, event.payload) == ("ignored", "not_storable", None)
    assert bytes(event.raw_body) == body[1:-1].encode()


def test_body_full_of_numbers_grows_no_more_than_tenfold(client: Client) -> None:
    body = x("[" + ",".join(["1e40"] * 50_000) + "]")

    assert post(client, body).json() == OK

    (event,) = inbox()
    assert event.reason == ""
    assert len(stored_text(event.pk)) < 10 * len(body)


def test_message_beside_an_endless_number_is_known_again_without_it(client: Client) -> None:
    post(client, [cloud_event(number=7)])
    post(client, json.dumps([{"n": 0}, cloud_event(number=7)]).replace('"n": 0', '"n": 1e999'))

    first, second = inbox()
    assert (first.duplicates, first.revision, first.entity_key) == (1, REVISION, ORDER_ID)
    assert second.reason == "not_storable"


def test_two_messages_with_different_endless_numbers_are_two(client: Client) -> None:
    for digit in "899":
        post(client, x(digit * 5000))

    assert [event.duplicates for event in inbox()] == [0, 1]


@pytest.mark.parametrize("text", ['"1e5000"', '"n: 1e5000"', '": 1e5000"', '"[' + "9" * 400 + '"'])
def test_text_that_looks_like_an_endless_number_is_text(client: Client, text: str) -> None:
    assert post(client, x(text)).json() == OK

    assert inbox()[0].payload["v"] == json.loads(text)


# --- keys and ids ------------------------------------------------------------------------------------


def test_last_of_repeated_keys_counts_inside_and_outside(client: Client) -> None:
    post(client, '[{"eventType": "A", "eventType": "B", "v": 1, "v": 2}]')

    (event,) = inbox()
    assert (event.event_type, event.payload) == ("B", {"eventType": "B", "v": 2})


def test_keys_may_be_escaped(client: Client) -> None:
    post(client, r'[{"\u0065ventType": "X", "\u0069d": 1}]')

    (event,) = inbox()
    assert (event.event_type, event.payload) == ("X", {"eventType": "X", "id": 1})


def test_ids_longer_than_any_column_are_shortened_and_stay_apart(client: Client) -> None:
    longest = "i" * 10_240
    one = cloud_event(order_id=f"{longest}1", external_number=longest, correlation_id=longest)
    two = cloud_event(order_id=f"{longest}2", external_number=longest, correlation_id=longest)

    assert post(client, [one, two]).json() == OK

    first, second = inbox()
    assert (first.payload, second.payload) == (one, two)
    assert [len(value) for value in (first.entity_key, first.order_external_id, first.correlation_id)] == [
        193,
        255,
        193,
    ]
    assert first.entity_key != second.entity_key
    assert first.order_external_id == second.order_external_id


def test_long_organization_of_a_soi_message_is_shortened(client: Client) -> None:
    post(client, soi_message(organization_id="o" * 10_240, external_id="e" * 10_240, order_id=None))

    (event,) = inbox()
    assert (len(event.organization_id), len(event.entity_key)) == (193, 259)
    assert event.entity_key == f"ext:{event.order_external_id}"


def test_long_type_is_cut(client: Client) -> None:
    post(client, {"eventType": "T" * 10_240})

    assert inbox()[0].event_type == "T" * 100


def test_ids_are_stored_in_one_spelling(client: Client) -> None:
    post(client, cloud_event(organization_id=ORGANIZATION_ID.upper(), order_id="{" + "AB" * 16 + "}"))

    (event,) = inbox()
    assert event.organization_id == ORGANIZATION_ID
    assert event.entity_key == "abababab-abab-abab-abab-abababababab"
    assert (event.status, event.reason) == ("pending", "")


# --- wrong types everywhere --------------------------------------------------------------------------

WRONG: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "text", [], [1], {}, {"a": 1}]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_content_of_any_type_is_taken(client: Client, wrong: Any) -> None:
    sent = cloud_event(envelope={"eventInfo": wrong})

    assert post(client, [sent]).json() == OK

    (event,) = inbox()
    assert (event.payload, event.entity_key, event.revision) == (sent, "", None)
    assert event.status == "pending"


@pytest.mark.parametrize("wrong", [*WRONG[:6], *WRONG[8:]], ids=repr)
def test_type_of_any_type_is_taken(client: Client, wrong: Any) -> None:
    assert post(client, [cloud_event(envelope={"eventType": wrong})]).json() == OK

    (event,) = inbox()
    assert (event.event_type, event.format, event.status) == ("", "cloud", "pending")


def test_message_without_type_is_taken(client: Client) -> None:
    sent = cloud_event()
    del sent["eventType"]

    assert post(client, [sent]).json() == OK

    (event,) = inbox()
    assert (event.event_type, event.format, event.organization_id) == ("", "unknown", ORGANIZATION_ID)


@pytest.mark.parametrize(
    ("written", "revision"),
    [
        ("1773496492930", 1773496492930),
        ('"1773496492930"', 1773496492930),
        ("1773496492930.0", 1773496492930),
        ("1.77349649293e12", 1773496492930),
        ("9223372036854775807", 9223372036854775807),
        ("9223372036854775808", None),
        ("1" + "0" * 100, None),
        ("1773496492930.5", None),
        ("0", None),
        ("-1", None),
        ("true", None),
        ("null", None),
        ('""', None),
        ('"text"', None),
        ('"-5"', None),
        ('"²"', None),
        ("[]", None),
        ("{}", None),
    ],
)
def test_revision_is_read_or_left_empty(client: Client, written: str, revision: int | None) -> None:
    body = f'[{{"eventType": "X", "eventInfo": {{"id": "a", "timestamp": {written}}}}}]'

    assert post(client, body).json() == OK

    assert inbox()[0].revision == revision


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-14 13:54:53.100", "2026-03-14T13:54:53.100000+00:00"),
        ("2026-03-14T13:54:53Z", "2026-03-14T13:54:53+00:00"),
        ("2026-03-14T18:54:53+05:00", "2026-03-14T13:54:53+00:00"),
        ("0001-01-01 00:00:00.000", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31 23:59:59.999", "9999-12-31T23:59:59.999000+00:00"),
        ("0001-01-01T00:00:00+05:00", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("2026-02-30 10:00:00", None),
        ("soon", None),
        ("", None),
        (1773496492930, None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_event_time_is_read_or_left_empty(client: Client, written: Any, moment: str | None) -> None:
    assert post(client, [cloud_event(envelope={"eventTime": written})]).json() == OK

    event_time = inbox()[0].event_time
    assert (event_time and event_time.isoformat()) == moment


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("key", ["organizationId", "correlationId"])
def test_outer_ids_of_any_type_are_taken(client: Client, key: str, wrong: Any) -> None:
    assert post(client, [cloud_event(envelope={key: wrong})]).status_code == 200
    assert len(inbox()) == 1


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("key", ["id", "externalNumber", "organizationId", "creationStatus", "order"])
def test_inner_values_of_any_type_are_taken(client: Client, key: str, wrong: Any) -> None:
    assert post(client, [cloud_event(info={key: wrong})]).status_code == 200
    assert len(inbox()) == 1


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("key", ["transactionDetails", "iikoOrderDetails", "orderExternalId", "errorInfo"])
def test_soi_values_of_any_type_are_taken(client: Client, key: str, wrong: Any) -> None:
    assert post(client, soi_message(message={key: wrong})).json() == OK

    (event,) = inbox()
    assert (event.format, event.event_type) == ("soi", "UPDATE")


@pytest.mark.parametrize("kind", [None, True, 1, [], {}, "", "DELETE", "creat"], ids=repr)
def test_soi_type_nobody_knows_is_kept(client: Client, kind: Any) -> None:
    assert post(client, soi_message(message={"type": kind})).json() == OK

    (event,) = inbox()
    assert (event.format, event.event_type, event.status) == ("unknown", "", "pending")


@pytest.mark.parametrize("kind", ["create", "Update", "UPDATE"])
def test_soi_type_is_taken_in_any_case(client: Client, kind: str) -> None:
    post(client, soi_message(message={"type": kind}))

    assert (inbox()[0].format, inbox()[0].event_type) == ("soi", kind.upper())


def test_message_without_organization_belongs_to_the_tokens_only_one(client: Client) -> None:
    post(client, soi_message(message={"transactionDetails": None}))

    assert inbox()[0].organization_id == ORGANIZATION_ID


# --- anything at all ---------------------------------------------------------------------------------

ANYTHING = settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None), max_size=20)
)
ENVELOPE_KEYS = st.sampled_from(
    [
        "eventType",
        "eventTime",
        "eventInfo",
        "organizationId",
        "correlationId",
        "id",
        "timestamp",
        "type",
        "iikoOrderDetails",
        "transactionDetails",
        "orderExternalId",
        "iikoOrderId",
    ]
)
JSON_VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(ENVELOPE_KEYS | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=25,
)


@ANYTHING
@given(body=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "ignore")))
def test_any_bytes_are_received(client: Client, body: bytes) -> None:
    WebhookEvent.objects.all().delete()

    response = post(client, body)

    assert response.status_code == 200
    if response.json() == IGNORED:
        assert [bytes(event.raw_body) for event in inbox()] == [body]
    else:
        assert len(inbox()) == len(read_body(body))


@ANYTHING
@given(value=JSON_VALUES, escaped=st.booleans())
def test_any_json_is_received(client: Client, value: Any, escaped: bool) -> None:
    WebhookEvent.objects.all().delete()
    body = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")

    response = post(client, body)

    rows = inbox()
    assert response.status_code == 200
    if isinstance(value, list | dict):
        members = value if isinstance(value, list) else [value]
        assert response.json() == OK
        assert sum(1 + row.duplicates for row in rows) == len(members)
        sent = exact(body)
        clean_members = [exact(stored_text(row.pk)) for row in rows if row.raw_body is None]
        assert all(payload in (sent if isinstance(sent, list) else [sent]) for payload in clean_members)
    else:
        assert response.json() == IGNORED
        assert [bytes(row.raw_body) for row in rows] == [body]


@ANYTHING
@given(
    member=st.dictionaries(
        ENVELOPE_KEYS | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(10**15), 10**15)
            | st.floats(-1e15, 1e15).filter(lambda value: value == 0 or abs(value) > 1e-20)
            | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ENVELOPE_KEYS, inner, max_size=3),
            max_leaves=15,
        ),
        max_size=6,
    )
)
def test_payload_is_what_was_sent(client: Client, member: dict[str, Any]) -> None:
    WebhookEvent.objects.all().delete()

    assert post(client, [member]).json() == OK

    (event,) = inbox()
    assert exact(stored_text(event.pk)) == exact(json.dumps(member))
    assert event.raw_body is None


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,6})?", fullmatch=True)


@ANYTHING
@given(number=NUMBERS)
def test_any_number_is_kept_exactly_or_as_text(client: Client, number: str) -> None:
    WebhookEvent.objects.all().delete()
    body = x(number)

    assert post(client, body).json() == OK

    (event,) = inbox()  # reads the payload back
    if event.reason == "not_storable":
        assert bytes(event.raw_body) == body[1:-1].encode()
    else:
        assert exact(stored_text(event.pk)) == {"eventType": "X", "v": Decimal(number)}
        json.dumps(event.payload, allow_nan=False)
