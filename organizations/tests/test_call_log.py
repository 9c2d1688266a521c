"""The log of calls: what it stores, what it masks, and that it delays no call."""

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from core.redaction import mask
from iiko_client.http.call_record import CallRecord, safe_response
from iiko_client.http.errors import IikoAuthFailed
from organizations.connection import call_log as module
from organizations.connection.call_log import CallLog, call_log, forget_old_calls
from organizations.connection.clients import client_for, iiko_for
from organizations.models.connection import ApiCall, ApiLogin
from tests.builders import ORDER_ID, ORGANIZATION_ID, make_organization
from tests.simulated_iiko import API_LOGIN, CORRELATION, IIKO, SimulatedIiko, linked, make_login, refusal

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def record(**changes: Any) -> CallRecord:
    defaults: dict[str, Any] = {
        "operation": "cancel_causes",
        "url": f"{IIKO}/api/1/cancel_causes",
        "organization_id": ORGANIZATION_ID,
        "request": {"organizationIds": [ORGANIZATION_ID]},
        "response": {"cancelCauses": []},
        "http_status": 200,
        "duration_ms": 12,
        "correlation_id": CORRELATION,
        "error": None,
        "error_code": None,
        "attempt": 1,
        "started_at": NOW,
    }
    return CallRecord(**(defaults | changes))


@pytest.fixture
def login() -> ApiLogin:
    return make_login()


@pytest.mark.django_db
def test_every_call_becomes_a_row(iiko: SimulatedIiko) -> None:
    organization = linked(make_organization())
    iiko.answers("deliveries/cancel", {"correlationId": CORRELATION})

    iiko_for(organization, requested_by="vera").cancel(
        organization_id=ORGANIZATION_ID, order_id=ORDER_ID, comment="Мария не открыла дверь"
    )
    call_log.flush()

    token, cancel = ApiCall.objects.order_by("id")
    assert (token.operation, token.request, token.response) == (
        "access_token",
        {"apiLogin": "***"},
        {"correlationId": CORRELATION, "token": "***"},
    )
    assert (cancel.operation, cancel.url) == ("deliveries/cancel", f"{IIKO}/api/1/deliveries/cancel")
    assert cancel.request == {
        "organizationId": ORGANIZATION_ID,
        "orderId": ORDER_ID,
        "cancelComment": "***",
    }
    assert cancel.response == {"correlationId": CORRELATION}
    assert (cancel.organization_id, cancel.order_id) == (ORGANIZATION_ID, ORDER_ID)
    assert (cancel.correlation_id, cancel.http_status, cancel.error) == (CORRELATION, 200, "")
    assert (cancel.requested_by, token.requested_by, cancel.attempt) == ("vera", "vera", 1)
    assert cancel.api_login == organization.api_login


@pytest.mark.django_db
def test_nothing_secret_is_written_anywhere(iiko: SimulatedIiko, caplog: pytest.LogCaptureFixture) -> None:
    login = make_login()
    iiko.answers("cancel_causes", refusal(f"Bearer token-1-s3cret of {API_LOGIN} is refused"), status=401)
    with pytest.raises(IikoAuthFailed):
        client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)
    call_log.flush()

    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(c::text, '') FROM iiko_api_calls c")
        (everything,) = cursor.fetchone()

    assert "errorDescription" in everything
    for text in (everything, caplog.text, ApiLogin.objects.get().last_error):
        assert API_LOGIN not in text
        assert "s3cret" not in text


@pytest.mark.django_db
def test_login_shows_when_it_was_used_and_what_is_wrong(iiko: SimulatedIiko) -> None:
    login = make_login()
    iiko.forget("access_token")
    iiko.answers("access_token", refusal("no"), status=401)
    with pytest.raises(IikoAuthFailed):
        client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)
    call_log.flush()
    login.refresh_from_db()
    assert login.last_used_at is not None
    assert login.last_error == "access_token: HTTP 401, token_refused"

    call_log.note(login.pk, record(operation="access_token"))
    call_log.flush()

    login.refresh_from_db()
    assert (login.last_error, login.last_used_at) == ("", NOW)


@pytest.mark.django_db
def test_long_body_is_cut_and_a_text_is_kept_as_text(login: ApiLogin) -> None:
    long = {"orders": [{"number": at} for at in range(5000)]}
    call_log.note(login.pk, record(response=long))
    call_log.note(login.pk, record(response="<h1>502</h1> call +7 903 000-00-11", http_status=502))
    call_log.note(login.pk, record(response=None, http_status=None, error="IikoNoAnswer"))
    call_log.flush()

    cut, text, none = ApiCall.objects.order_by("id")
    assert cut.response == {"cut": len(json.dumps(long, separators=(",", ":")))}
    assert len(cut.response_text) == module.LONGEST_BODY
    assert (text.response, text.response_text) == (None, "<h1>502</h1> call ***")
    assert (none.response, none.response_text, none.http_status) == (None, "", None)


@pytest.mark.parametrize("unit", ["z", "1- ", "1 ", "z@", "a.", "-eyJaaaaa", "+", "<a ", "bearer "])
def test_long_answer_is_masked_at_once(unit: str) -> None:
    """A pattern that reads on from each letter would hold every thread of the process for minutes."""
    text = unit * (200_000 // len(unit))
    body = {"errorDescription": f"{text} mail anna@example.com"}
    began = time.process_time()

    masked: Any = mask(safe_response(json.dumps(body).encode(), ()))

    assert time.process_time() - began < 3
    assert masked["errorDescription"].endswith(" ***")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("a@b.ru+c@d.ru", "******"),
        ("not@found, a.b+c@d-e.co.uk!", "not@found, ***!"),
        (" ".join(["89030000011"] * 5), "*** ***"),
        ("+7 (903) 000-00-11", "***"),
    ],
)
def test_texts_lose_addresses_and_numbers_alone(text: str, masked: str) -> None:
    assert mask({"message": text}) == {"message": masked}


@pytest.mark.django_db
def test_what_postgresql_cannot_keep_costs_only_the_body(login: ApiLogin) -> None:
    call_log.note(login.pk, record(response={"text": "a\x00b\ud800"}))
    call_log.note(login.pk, record(response={"sum": 10**200_000}))
    call_log.note(login.pk, record(request={"at": NOW}))
    call_log.flush()

    first, second, third = ApiCall.objects.order_by("id")
    assert first.response == {"text": "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"}
    assert (second.response, second.response_text) == (None, "could not be kept")
    assert (third.request, third.response) == (None, {"cancelCauses": []})


@pytest.mark.django_db
def test_row_that_is_refused_does_not_cost_its_neighbours(
    login: ApiLogin, caplog: pytest.LogCaptureFixture
) -> None:
    call_log.note(login.pk, record(response={"sum": Decimal("19.99"), "big": Decimal("1E+20000")}))
    call_log.note(login.pk, record(http_status=99_999))
    call_log.note(login.pk, record(duration_ms=3_000_000_000))

    assert call_log.flush() == 2

    first, second = ApiCall.objects.order_by("id")
    assert first.response == {"sum": 19.99, "big": "1" + "0" * 20_000}
    assert second.duration_ms == 2_147_483_647
    assert [one.message for one in caplog.records] == ["call_log.refused"]


@pytest.mark.django_db
def test_full_queue_drops_and_counts(login: ApiLogin) -> None:
    log = CallLog(size=2)
    for _ in range(5):
        log.note(login.pk, record())

    assert (log.flush(), log.dropped) == (2, 3)
    assert ApiCall.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_thread_writes_in_the_background(settings: LazySettings) -> None:
    settings.IIKO_CALL_LOG_THREAD = True
    login, log = make_login(), CallLog()

    began = time.monotonic()
    for _ in range(300):
        log.note(login.pk, record())
    spent_s = time.monotonic() - began
    log.stop()

    assert ApiCall.objects.count() == 300
    assert spent_s < 0.5


@pytest.mark.django_db(transaction=True)
def test_broken_database_costs_records_only(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.IIKO_CALL_LOG_THREAD = True
    login, log = make_login(), CallLog()

    def broken(_: Any) -> int:
        raise RuntimeError("away")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", broken)
        log.note(login.pk, record())
        time.sleep(0.2)
    log.note(login.pk, record())
    log.stop()

    assert ApiCall.objects.count() == 1
    assert [one.message for one in caplog.records] == ["call_log.failed"]


@pytest.mark.django_db
def test_old_calls_are_forgotten_in_batches(login: ApiLogin) -> None:
    for days in (1, 29, 31, 32, 60):
        call_log.note(login.pk, record(started_at=NOW - timedelta(days=days)))
    call_log.flush()

    assert forget_old_calls(days=30, now=NOW, batch=2) == 3
    assert forget_old_calls(days=30, now=NOW) == 0
    assert ApiCall.objects.count() == 2


# --- people ------------------------------------------------------------------------------------------

CUSTOMER = {
    "id": "55667788-99aa-4bbc-8dde-eff001122334",
    "name": "Мария",
    "surname": "Лунина",
    "phone": "+79030000011",
    "email": "maria@example.com",
    "cards": [{"track": "1234", "number": "77"}],
    "comment": None,
    "walletBalances": [{"id": "1", "name": "Баллы", "balance": 10}],
}


def test_people_are_masked_and_things_are_not() -> None:
    order = {
        "id": ORDER_ID,
        "number": 17,
        "sum": 351,
        "status": "OnWay",
        "phone": "+79030000011",
        "comment": "код 12",
        "customer": {"name": "Мария"},
        "courierInfo": {"courier": {"id": "c", "name": "Вера", "phone": "+7"}},
        "deliveryPoint": {"address": {"street": {"name": "Ленина"}}},
        "orderType": {"id": "t", "name": "Доставка"},
        "items": [{"type": "Product", "product": {"id": "p", "name": "Суп"}, "comment": "без соли"}],
    }

    assert mask({"orders": [order]}) == {
        "orders": [
            {
                "id": ORDER_ID,
                "number": 17,
                "sum": 351,
                "status": "OnWay",
                "phone": "***",
                "comment": "***",
                "customer": {"name": "***"},
                "courierInfo": {"courier": {"id": "c", "name": "***", "phone": "***"}},
                "deliveryPoint": "***",
                "orderType": {"id": "t", "name": "Доставка"},
                "items": [{"type": "Product", "product": {"id": "p", "name": "Суп"}, "comment": "***"}],
            }
        ]
    }
    assert mask(CUSTOMER) == {
        "id": CUSTOMER["id"],
        "name": "***",
        "surname": "***",
        "phone": "***",
        "email": "***",
        "cards": "***",
        "comment": None,
        "walletBalances": [{"id": "1", "name": "Баллы", "balance": 10}],
    }


def test_dictionary_is_readable_and_its_couriers_are_not() -> None:
    group = {"organizationId": ORGANIZATION_ID, "items": [{"id": "1", "name": "Зал"}]}

    assert mask({"terminalGroups": [group]}) == {"terminalGroups": [group]}
    assert mask({"employees": [group]}) == {
        "employees": [{"organizationId": ORGANIZATION_ID, "items": [{"id": "1", "name": "***"}]}]
    }


def test_refusal_that_quotes_a_guest_is_masked() -> None:
    said = f"Customer +79030000011 (maria@example.com) of {ORGANIZATION_ID} not found"

    assert mask({"errorDescription": said}) == {
        "errorDescription": f"Customer *** (***) of {ORGANIZATION_ID} not found"
    }


def test_masking_can_be_switched_off() -> None:
    assert mask(CUSTOMER, keep_personal=True) == CUSTOMER


@pytest.mark.django_db
def test_setting_keeps_people_in_the_log(login: ApiLogin, settings: LazySettings) -> None:
    settings.IIKO_LOG_PERSONAL_DATA = True
    call_log.note(login.pk, record(request={"phone": "+79030000011", "token": "***"}))
    call_log.flush()

    assert ApiCall.objects.get().request == {"phone": "+79030000011", "token": "***"}
