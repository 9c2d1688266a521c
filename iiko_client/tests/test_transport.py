"""Retries, 401, 429 and circuits, as a caller sees them."""

from contextlib import closing
from datetime import UTC, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import requests
from urllib3.exceptions import NewConnectionError

from iiko_client.client import IikoClient
from iiko_client.endpoints.registry import CLOSE, ORGANIZATIONS
from iiko_client.http.call_record import CallRecord
from iiko_client.http.circuit_breaker import InMemoryBreaker, Limits, Priority
from iiko_client.http.errors import (
    IikoAuthFailed,
    IikoBlocked,
    IikoBusy,
    IikoError,
    IikoNoAnswer,
    IikoNotSent,
    IikoRejected,
)
from iiko_client.http.exchange import Timeouts, normalise_base_url
from iiko_client.http.rate_limits import InMemoryPauses
from iiko_client.http.transport import Retries
from iiko_client.models.loyalty import Points
from iiko_client.tests.harness import BASE, CORRELATION, LOGIN, ORG, QUEUED, Play, Stub, error_body

OTHER = "00000000-0000-4000-8000-000000000009"
EMPTY: dict[str, Any] = {"organizations": []}
NO_RIGHT = error_body("Right api/1/deliveries/close is not allowed for this ApiLogin.")
REFUSED = requests.ConnectionError(NewConnectionError(None, "refused"))  # type: ignore[arg-type]  # any connection
RESET = requests.ConnectionError("Connection aborted.", ConnectionResetError(104, "reset"))


def close(client: IikoClient, organization_id: str = ORG) -> Any:
    return client.close(organization_id=organization_id, order_id=ORG, zone=UTC)


def charge_off(client: IikoClient, wallet: int = 0) -> None:
    client.charge_off(
        organization_id=ORG,
        customer_id=ORG,
        wallet_id=str(UUID(int=wallet + 1)),
        amount=Points(Decimal(1)),
        comment="",
    )


def read(client: IikoClient) -> Any:
    return client.organizations()


class TestRetries:
    """A read is retried after a lost answer; a write only if it certainly was not sent."""

    @pytest.mark.parametrize(
        "lost", [RESET, requests.ReadTimeout(), requests.exceptions.ChunkedEncodingError()]
    )
    def test_read_is_retried_a_few_times(self, lost: Exception, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("organizations", lost)

        with pytest.raises(IikoNoAnswer) as failed:
            read(client)

        assert type(failed.value) is IikoNoAnswer
        assert len(iiko.sent("organizations")) == 3
        assert iiko.clock.slept == [0.25, 0.5]
        assert [record.attempt for record in iiko.records] == [1, 1, 2, 3]

    @pytest.mark.parametrize("status", [408, 500, 503])
    def test_read_is_retried_after_a_failure_of_theirs(
        self, status: int, iiko: Stub, client: IikoClient
    ) -> None:
        iiko.answers("organizations", "", status=status)
        iiko.answers("organizations", EMPTY)

        assert read(client) == ()
        assert len(iiko.sent("organizations")) == 2

    @pytest.mark.parametrize(
        ("lost", "status"), [(RESET, 200), (requests.ReadTimeout(), 200), ("", 500), ("", 408)]
    )
    def test_write_is_not_retried(self, lost: Any, status: int, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("deliveries/close", lost, status=status)

        with pytest.raises(IikoNoAnswer) as failed:
            close(client)

        assert type(failed.value) is IikoNoAnswer
        assert len(iiko.sent("deliveries/close")) == 1
        assert iiko.clock.slept == []

    @pytest.mark.parametrize("unsent", [REFUSED, requests.ConnectTimeout()])
    def test_write_that_was_not_sent_is_retried(
        self, unsent: Exception, iiko: Stub, client: IikoClient
    ) -> None:
        iiko.answers("deliveries/close", unsent)
        iiko.answers("deliveries/close", QUEUED)

        assert close(client).correlation_id == CORRELATION

    def test_caller_may_stop_a_write_right_before_it_is_sent(self, iiko: Stub) -> None:
        asked: list[str] = []

        def refuse() -> None:
            asked.append("asked")
            raise RuntimeError("not now")

        client = IikoClient(iiko.transport(), before_write=refuse)
        iiko.answers("organizations", EMPTY)

        with pytest.raises(RuntimeError, match="not now"):
            close(client)
        read(client)

        assert asked == ["asked"]
        assert [record.operation for record in iiko.records] == ["access_token", "organizations"]

    def test_caller_is_not_asked_where_nothing_would_be_sent(self, iiko: Stub) -> None:
        asked: list[str] = []
        client = IikoClient(iiko.transport(), before_write=lambda: asked.append("asked"))
        iiko.answers("deliveries/close", "", 429)

        for _ in range(2):
            with pytest.raises(IikoBusy):
                close(client)

        assert asked == ["asked"]

    def test_write_that_never_could_be_sent_says_so(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("deliveries/close", REFUSED)

        with pytest.raises(IikoNotSent):
            close(client)

        assert len(iiko.sent("deliveries/close")) == 3

    def test_no_try_is_begun_after_patience_ran_out(self, iiko: Stub) -> None:
        def slow(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
            iiko.clock.pass_s(50)
            return 500, {}, ""

        iiko.mock.add_callback("POST", f"{BASE}/api/1/organizations", callback=slow)

        with pytest.raises(IikoNoAnswer):
            read(IikoClient(iiko.transport()))

        assert len(iiko.sent("organizations")) == 1

    def test_pauses_double_up_to_a_cap(self) -> None:
        retries = Retries()

        assert [retries.pause_s(attempt, 1.0) for attempt in range(1, 7)] == [0.5, 1, 2, 4, 5, 5]
        assert retries.pause_s(2, 0.0) == 0.5


class TestToken:
    """A 401 gets one new token; a second one, or a missing right, is final."""

    def test_401_is_cured_by_a_new_token(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("deliveries/close", error_body("expired"), status=401)
        iiko.answers("deliveries/close", QUEUED)

        close(client)

        used = [request.headers["Authorization"] for request in iiko.sent("deliveries/close")]
        assert used == ["Bearer token-1-abcdef", "Bearer token-2-abcdef"]

    def test_second_401_is_final(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("deliveries/close", error_body("expired"), status=401)

        with pytest.raises(IikoAuthFailed) as failed:
            close(client)

        assert (failed.value.code, iiko.tokens) == ("token_refused", 2)
        assert len(iiko.sent("deliveries/close")) == 2

    def test_missing_right_is_final_and_costs_no_token(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("deliveries/close", NO_RIGHT, status=401)

        with pytest.raises(IikoAuthFailed) as failed:
            close(client)

        assert (failed.value.code, iiko.tokens) == ("right_missing", 1)
        assert len(iiko.sent("deliveries/close")) == 1

    def test_expired_licence_is_final(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("organizations", error_body("license expired"), status=402)

        with pytest.raises(IikoAuthFailed) as failed:
            read(client)

        assert (failed.value.code, len(iiko.sent("organizations"))) == ("licence_expired", 1)

    def test_token_does_not_follow_a_redirect(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers(
            "organizations", "", status=307, Location="https://elsewhere.example/api/1/organizations"
        )

        with pytest.raises(IikoRejected) as failed:
            read(client)

        assert failed.value.code == "redirect"
        assert [call.request.url for call in iiko.mock.calls][1:] == [f"{BASE}/api/1/organizations"]


class TestBusy:
    """A 429 pauses its restriction group and no other."""

    def test_group_is_paused_until_the_moment_iiko_named(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("organizations", error_body("slow down"), 429, **{"Retry-After": "30"})
        iiko.answers("organizations", EMPTY)
        iiko.answers("deliveries/close", QUEUED)
        iiko.answers("cancel_causes", {"cancelCauses": []})

        with pytest.raises(IikoBusy) as busy:
            read(client)
        assert (busy.value.retry_after_s, busy.value.http_status) == (30, 429)
        iiko.clock.pass_s(10)
        with pytest.raises(IikoBusy) as waiting:
            client.cancel_causes(organization_id=ORG)  # the same group: Data: dictionaries
        close(client)

        assert (waiting.value.retry_after_s, waiting.value.http_status) == (20, None)
        assert not iiko.sent("cancel_causes")
        iiko.clock.pass_s(20)
        assert read(client) == ()

    def test_date_of_retry_after_is_on_their_clock(self, iiko: Stub, client: IikoClient) -> None:
        headers = {"Date": "Mon, 03 Jan 2050 10:00:00 GMT", "Retry-After": "Mon, 03 Jan 2050 10:00:20 GMT"}
        iiko.answers("organizations", error_body("slow down"), 429, **headers)

        with pytest.raises(IikoBusy) as busy:
            read(client)

        assert busy.value.retry_after_s == 20

    def test_without_a_header_pauses_grow(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("organizations", "", 429)
        waits = []
        for _ in range(4):
            with pytest.raises(IikoBusy) as busy:
                read(client)
            waits.append(busy.value.retry_after_s)
            iiko.clock.pass_s(busy.value.retry_after_s)

        assert waits == [5, 10, 20, 20]

    def test_webhook_settings_are_paused_for_minutes(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("webhooks/update_settings", "", 429)

        with pytest.raises(IikoBusy) as busy:
            client.update_webhook_settings(organization_id=ORG, uri="https://hub.example/", auth_token=None)

        assert busy.value.retry_after_s == 120

    def test_write_may_wait_where_the_caller_allows(self, iiko: Stub) -> None:
        iiko.answers("deliveries/close", "", 429)
        iiko.answers("deliveries/close", "", 429)
        iiko.answers("deliveries/close", QUEUED)

        close(IikoClient(iiko.transport(), wait_s=15))

        assert iiko.clock.slept == [5, 10]
        assert len(iiko.sent("deliveries/close")) == 3

    def test_wait_beyond_what_is_allowed_is_not_begun(self, iiko: Stub) -> None:
        iiko.answers("deliveries/close", "", 429)

        with pytest.raises(IikoBusy):
            close(IikoClient(iiko.transport(), wait_s=14))

        assert iiko.clock.slept == [5]
        assert len(iiko.sent("deliveries/close")) == 2

    def test_operator_comes_back_before_the_background(self, iiko: Stub) -> None:
        slept: dict[Priority, list[float]] = {}
        for priority in Priority:
            iiko.clock.slept = []
            transport = iiko.transport(chance=lambda: 1.0)
            iiko.mock.replace("POST", f"{BASE}/api/1/access_token", json={"token": "t"})
            if not iiko.sent("organizations"):
                iiko.answers("organizations", "", 429)
            with pytest.raises(IikoBusy):
                IikoClient(transport, priority=priority, wait_s=6).organizations()
            slept[priority] = iiko.clock.slept

        assert slept == {Priority.BACKGROUND: [7.0], Priority.OPERATOR: [5.25]}

    def test_pauses_are_shared_by_all_who_share_the_store(self, iiko: Stub) -> None:
        store = InMemoryPauses()
        iiko.answers("organizations", "", 429)
        with pytest.raises(IikoBusy):
            read(IikoClient(iiko.transport(pauses=store)))

        with pytest.raises(IikoBusy):
            read(IikoClient(iiko.transport(pauses=store)))

        assert len(iiko.sent("organizations")) == 1

    def test_busy_token_request_is_busy(self, iiko: Stub) -> None:
        iiko.mock.replace("POST", f"{BASE}/api/1/access_token", status=429)
        client = IikoClient(iiko.transport())

        for _ in range(2):
            with pytest.raises(IikoBusy):
                close(client)

        assert len(iiko.mock.calls) == 1


class TestCircuit:
    """Suspicious answers in a row stop the calls before iiko blocks the key."""

    def fail(self, client: IikoClient, times: int, call: Play = close) -> None:
        for _ in range(times):
            with pytest.raises(IikoError) as failed:
                call(client)
            assert not isinstance(failed.value, IikoBlocked)

    @pytest.mark.parametrize(("body", "status"), [(error_body("x"), 401), (error_body("x"), 402), ("", 500)])
    def test_credential_stops_after_failures_in_a_row(
        self, body: Any, status: int, iiko: Stub, client: IikoClient
    ) -> None:
        iiko.answers("deliveries/close", body, status)
        self.fail(client, 5)
        sent = len(iiko.mock.calls)

        with pytest.raises(IikoBlocked) as blocked:
            read(client)

        assert blocked.value.until == iiko.clock.now + timedelta(seconds=60)
        assert blocked.value.retry_after_s == 60
        assert len(iiko.mock.calls) == sent

    def test_refused_login_stops_too(self, iiko: Stub) -> None:
        iiko.mock.replace("POST", f"{BASE}/api/1/access_token", status=401)
        client = IikoClient(iiko.transport())
        self.fail(client, 5)

        with pytest.raises(IikoBlocked):
            read(client)

        assert len(iiko.mock.calls) == 5

    @pytest.mark.parametrize(("body", "status"), [(error_body("bad body"), 400), (NO_RIGHT, 401), ("", 403)])
    def test_repeated_refusal_stops_that_operation_for_that_organization(
        self, body: Any, status: int, iiko: Stub, client: IikoClient
    ) -> None:
        iiko.answers("deliveries/close", body, status)
        iiko.answers("organizations", EMPTY)
        self.fail(client, 5)

        with pytest.raises(IikoBlocked):
            close(client)
        self.fail(client, 1, lambda other: close(other, OTHER))
        read(client)

        assert len(iiko.sent("deliveries/close")) == 6

    @pytest.mark.parametrize(("body", "status"), [(RESET, 200), (REFUSED, 200), ("", 408)])
    def test_lost_answers_do_not(self, body: Any, status: int, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("deliveries/close", body, status)

        self.fail(client, 20)

    def test_refusals_that_callers_provoke_do_not(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("deliveries/by_revision", error_body("old", "TOO_OLD_REVISION"), 400)
        iiko.answers("commands/status", error_body("gone"), 410)

        self.fail(client, 20, lambda c: c.orders_by_revision(organization_ids=[ORG], after_revision=1))
        for _ in range(20):
            client.command_status(organization_id=ORG, correlation_id=CORRELATION)

    def test_empty_wallet_stops_itself_and_no_other(self, iiko: Stub) -> None:
        client = IikoClient(iiko.transport())
        iiko.answers("loyalty/iiko/customer/wallet/chargeoff", {"code": "X", "message": "no money"}, 400)

        for wallet in range(12):
            self.fail(client, 1, partial(charge_off, wallet=wallet))
        self.fail(client, 4, charge_off)  # the fifth of this wallet

        with pytest.raises(IikoBlocked):
            charge_off(client)
        self.fail(client, 1, lambda c: charge_off(c, 99))

    def test_refusals_of_one_wallet_after_the_other_stop_in_the_end(self, iiko: Stub) -> None:
        client = IikoClient(iiko.transport())
        iiko.answers("loyalty/iiko/customer/wallet/chargeoff", error_body("Loyalty is off"), 400)

        for wallet in range(25):
            self.fail(client, 1, partial(charge_off, wallet=wallet))

        with pytest.raises(IikoBlocked):
            charge_off(client, 99)

    def test_answer_that_is_not_the_vendors_counts_against_the_operation(self, iiko: Stub) -> None:
        client = IikoClient(iiko.transport())
        iiko.answers("loyalty/iiko/customer/wallet/chargeoff", "<h1>Bad Request</h1>", 400)

        for wallet in range(5):
            self.fail(client, 1, partial(charge_off, wallet=wallet))

        with pytest.raises(IikoBlocked):
            charge_off(client, 99)

    def test_operator_is_the_probe_and_closes_the_circuit(self, iiko: Stub) -> None:
        transport = iiko.transport(breaker=InMemoryBreaker(Limits(failures=1)))
        background = IikoClient(transport)
        operator = IikoClient(transport, priority=Priority.OPERATOR)
        iiko.answers("deliveries/close", "", 500)
        iiko.answers("deliveries/close", QUEUED)
        iiko.answers("organizations", EMPTY)
        self.fail(background, 1)
        iiko.clock.pass_s(60)

        with pytest.raises(IikoBlocked):
            read(background)
        close(operator)

        assert read(background) == ()

    def test_probe_refused_by_the_credential_leaves_the_operation_free(self, iiko: Stub) -> None:
        transport = iiko.transport(breaker=InMemoryBreaker(Limits(failures=1)))
        client = IikoClient(transport, priority=Priority.OPERATOR)
        iiko.answers("deliveries/close", error_body("bad"), 400)
        iiko.answers("organizations", "", 402)
        iiko.answers("deliveries/close", QUEUED)
        self.fail(client, 1)
        iiko.clock.pass_s(30)
        self.fail(client, 1, read)
        iiko.clock.pass_s(31)

        with pytest.raises(IikoBlocked):
            close(client)
        iiko.clock.pass_s(30)

        close(client)


class TestRecords:
    """Every physical call leaves a record without secrets; a failing log changes nothing."""

    def test_calls_are_recorded_with_the_token_requests(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("deliveries/close", error_body("no", "X"), 400)

        with pytest.raises(IikoRejected):
            close(client)

        token, call = iiko.records
        assert (token.operation, token.request, token.error) == ("access_token", {"apiLogin": "***"}, None)
        assert token.response == {"correlationId": CORRELATION, "token": "***"}
        assert call == CallRecord(
            operation="deliveries/close",
            url=f"{BASE}/api/1/deliveries/close",
            organization_id=ORG,
            request={"organizationId": ORG, "orderId": ORG},
            response=error_body("no", "X"),
            http_status=400,
            duration_ms=0,
            correlation_id=CORRELATION,
            error="IikoRejected",
            error_code="X",
            attempt=1,
            started_at=iiko.clock.now,
        )

    def test_lost_answer_is_recorded(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("deliveries/close", RESET)

        with pytest.raises(IikoNoAnswer):
            close(client)

        record = iiko.records[-1]
        assert (record.http_status, record.response, record.error) == (None, None, "IikoNoAnswer")

    def test_duration_is_measured(self, iiko: Stub) -> None:
        def slow(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
            iiko.clock.pass_s(1.25)
            return 200, {}, '{"organizations": []}'

        iiko.mock.add_callback("POST", f"{BASE}/api/1/organizations", callback=slow)
        read(IikoClient(iiko.transport()))

        assert iiko.records[-1].duration_ms == 1250

    @pytest.mark.parametrize(
        "text",
        [
            '{"echo": "Bearer token-1-abcdef", "deep": [{"AuthToken": "x1y2z3"}], "orders": []}',
            'not JSON: token-1-abcdef "login-5ecret"',
            '{"orders": [], "said": "\\u006cogin-5ecret"}',
        ],
    )
    def test_no_secret_is_recorded(self, text: str, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("organizations", text)
        iiko.answers("webhooks/update_settings", QUEUED)
        with pytest.raises(IikoError):
            read(client)

        client.update_webhook_settings(
            organization_id=ORG, uri=f"https://hub.example/?x={LOGIN}", auth_token="x1y2z3"
        )

        shown = " ".join(f"{record} {record.request} {record.response}" for record in iiko.records)
        assert not {word for word in (LOGIN, "token-1", "token-2", "x1y2z3") if word in shown}

    def test_numbers_are_recorded_exactly(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("organizations", '{"organizations": [], "sum": 19.990}')

        read(client)

        assert str(iiko.records[-1].response["sum"]) == "19.990"
        assert isinstance(iiko.records[-1].response["sum"], Decimal)

    def test_text_that_is_no_json_is_cut(self, iiko: Stub, client: IikoClient) -> None:
        iiko.answers("organizations", "я" * 50_000, 400)

        with pytest.raises(IikoRejected):
            read(client)

        assert len(iiko.records[-1].response) == 20_000

    def test_failing_log_changes_nothing(self, iiko: Stub, caplog: pytest.LogCaptureFixture) -> None:
        def fail(_record: CallRecord) -> None:
            raise RuntimeError("the log's database is away: secret")

        transport = iiko.transport(on_call=fail)
        iiko.answers("organizations", EMPTY)

        assert read(IikoClient(transport)) == ()
        assert transport.hook_failures == 2
        assert [record.getMessage() for record in caplog.records] == ["iiko.call_hook_failed"] * 2
        assert "secret" not in caplog.text

    def test_slow_log_is_reported(self, iiko: Stub, caplog: pytest.LogCaptureFixture) -> None:
        transport = iiko.transport(on_call=lambda _record: iiko.clock.pass_s(0.2))
        iiko.answers("organizations", EMPTY)

        read(IikoClient(transport))

        assert [record.getMessage() for record in caplog.records] == ["iiko.call_hook_slow"] * 2

    def test_without_a_log(self, iiko: Stub) -> None:
        iiko.answers("organizations", EMPTY)

        assert read(IikoClient(iiko.transport(on_call=None))) == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://api-ru.iiko.services",
        "https://api-ru.iiko.services/",
        "https://api-ru.iiko.services/api",
        "https://api-ru.iiko.services/api/1",
        " https://api-ru.iiko.services/api/1/ ",
        "https://api-ru.iiko.services//api/v2//",
    ],
)
def test_address_with_or_without_the_version(url: str) -> None:
    assert normalise_base_url(url) == "https://api-ru.iiko.services"


def test_address_keeps_port_and_prefix() -> None:
    assert normalise_base_url("http://localhost:8123/iiko/api/1") == "http://localhost:8123/iiko"


@pytest.mark.parametrize(
    "url",
    ["", "api-ru.iiko.services", "ftp://x", "https://", "https://u:p@x", "https://x?a=1", "https://x#f"],
)
def test_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="the address of iiko"):
        normalise_base_url(url)


@pytest.mark.parametrize("port", ["0", "99999", "http"])
def test_base_url_with_a_port_that_does_not_exist_is_refused(port: str) -> None:
    with pytest.raises(ValueError, match=r"[Pp]ort"):
        normalise_base_url(f"http://iiko.example:{port}")


def test_vendor_stops_waiting_before_we_do(iiko: Stub) -> None:
    iiko.answers("organizations", EMPTY)

    read(IikoClient(iiko.transport(timeouts=Timeouts(read_s=30))))

    [request] = iiko.sent("organizations")
    assert request.headers["Timeout"] == "25"
    assert request.headers["Content-Type"] == "application/json"
    with pytest.raises(ValueError, match="timeouts"):
        Timeouts(read_s=0.5)
    with pytest.raises(ValueError, match="timeouts"):
        Timeouts(connect_s=0)


def test_body_that_cannot_be_written_is_found_before_any_request(iiko: Stub) -> None:
    with closing(iiko.transport()) as transport, pytest.raises(TypeError):
        transport.call(CLOSE, {"sum": 0.1})

    assert len(iiko.mock.calls) == 0


def test_transport_can_be_asked_directly(iiko: Stub) -> None:
    iiko.answers("organizations", EMPTY | QUEUED)

    answer = iiko.transport().call(ORGANIZATIONS, {})

    assert (answer.body["organizations"], answer.correlation_id, answer.http_status) == ([], CORRELATION, 200)
