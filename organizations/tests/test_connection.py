"""The connection to iiko: which login, one transport, and the state that processes share."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone, translation

from iiko_client.client import IikoClient
from iiko_client.http.auth import V1, V2
from iiko_client.http.circuit_breaker import CLOSED, CallResult, Limits, Priority
from iiko_client.http.errors import IikoAuthFailed, IikoBusy, IikoNoAnswer
from iiko_client.http.rate_limits import Pause
from organizations.connection import client_state_store
from organizations.connection.client_state_store import (
    DatabaseBreaker,
    DatabasePauses,
    DatabaseTokenStore,
    circuit_of,
    forget_old_circuits,
    state_of,
)
from organizations.connection.clients import (
    BadApiLogin,
    NoApiLogin,
    Transports,
    client_for,
    credentials_of,
    ensure_environment_login,
    iiko_for,
    login_of,
    transports,
)
from organizations.models.connection import ApiLogin, IikoCircuit, IikoPause, IikoToken
from tests.builders import ORGANIZATION_ID, make_organization
from tests.simulated_iiko import API_LOGIN, IIKO, SimulatedIiko, linked, make_login, refusal

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
CAUSES = {"correlationId": "1", "cancelCauses": []}


def fingerprint(login: ApiLogin) -> str:
    transports.get(login)
    return transports._kept[login.pk].fingerprint


# --- which login -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_client_asks_iiko_with_the_login_of_the_restaurant(iiko: SimulatedIiko) -> None:
    organization = linked(make_organization())
    iiko.answers("cancel_causes", CAUSES)

    assert iiko_for(organization).cancel_causes(organization_id=ORGANIZATION_ID) == ()

    assert iiko.bodies("access_token") == [{"apiLogin": API_LOGIN}]
    assert iiko.bodies("cancel_causes") == [{"organizationIds": [ORGANIZATION_ID]}]


@pytest.mark.django_db
def test_restaurant_without_login_is_told_what_to_do() -> None:
    organization = make_organization()

    with pytest.raises(NoApiLogin) as refused:
        iiko_for(organization)

    with translation.override("ru"):
        assert refused.value.detail.startswith("У организации Кафе «Сирень» нет API-логина.")
    assert str(refused.value) == (
        "Кафе «Сирень» has no API login. Choose one in the admin (Organizations), or set IIKO_API_KEY."
    )


@pytest.mark.django_db
def test_inactive_login_is_not_used() -> None:
    organization = linked(make_organization(), make_login(is_active=False))

    with pytest.raises(NoApiLogin, match=r"'main' of Кафе «Сирень» is switched off"):
        iiko_for(organization)


@pytest.mark.django_db
def test_environment_login_serves_restaurants_without_their_own(settings: LazySettings) -> None:
    settings.IIKO_API_KEY = "from-the-environment"
    organization = make_organization()

    login = login_of(organization)

    assert (login.name, login.base_url) == ("environment", "")
    assert credentials_of(login) == V1("from-the-environment")


@pytest.mark.django_db
def test_environment_login_follows_the_environment(settings: LazySettings) -> None:
    assert ensure_environment_login() is None
    settings.IIKO_API_KEY = "first-key"
    ensure_environment_login()
    settings.IIKO_API_KEY, settings.IIKO_APP_ID, settings.IIKO_CLIENT_SECRET = (
        "second-key",
        "app",
        "hush-hush",
    )

    login = ensure_environment_login()

    assert login is not None
    assert credentials_of(login) == V2(api_key="second-key", app_id="app", client_secret="hush-hush")
    assert login.api_login == ""
    assert ApiLogin.objects.get() == login


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes", [{"api_login": ""}, {"api_key": "key"}, {"api_key": "key", "app_id": "app"}]
)
def test_half_a_credential_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadApiLogin, match="'main' is not complete"):
        client_for(make_login(**changes))


@pytest.mark.django_db
def test_wrong_address_is_refused_in_words() -> None:
    with pytest.raises(BadApiLogin, match="'main' cannot be used: the address of iiko must look like"):
        client_for(make_login(base_url="api-ru.iiko.services"))


@pytest.mark.django_db
def test_transport_is_kept_until_the_row_changes() -> None:
    login = make_login()
    first = transports.get(login)

    assert transports.get(ApiLogin.objects.get()) is first

    login.api_login = "another-login"
    assert transports.get(login) is not first


@pytest.mark.django_db
def test_secrets_are_encrypted_at_rest(iiko: SimulatedIiko) -> None:
    login = make_login()
    iiko.answers("cancel_causes", CAUSES)
    client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)

    with connection.cursor() as cursor:
        cursor.execute("SELECT api_login FROM iiko_api_logins")
        (stored_login,) = cursor.fetchone()
        cursor.execute("SELECT token, credential FROM iiko_tokens")
        stored_token, credential = cursor.fetchone()

    assert stored_login.startswith("gAAAA")
    assert stored_token.startswith("gAAAA")
    assert (API_LOGIN in credential, len(credential)) == (False, 64)
    assert IikoToken.objects.get().token == "token-1-s3cret"


# --- the token ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_token_is_shared_with_the_next_process(iiko: SimulatedIiko) -> None:
    login = make_login()
    iiko.answers("cancel_causes", CAUSES)
    client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)
    transports.close()

    client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)

    assert iiko.operations() == ["access_token", "cancel_causes", "cancel_causes"]


@pytest.mark.django_db
def test_changed_credential_does_not_use_the_former_token(iiko: SimulatedIiko) -> None:
    login = make_login()
    iiko.answers("cancel_causes", CAUSES)
    client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)
    login.api_login = "another-login"
    login.save()

    client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)

    assert iiko.bodies("access_token") == [{"apiLogin": API_LOGIN}, {"apiLogin": "another-login"}]


@pytest.mark.django_db(transaction=True)
def test_ten_workers_at_expiry_cause_one_token_request(iiko: SimulatedIiko) -> None:
    login = make_login()
    iiko.answers("cancel_causes", CAUSES)
    client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)
    IikoToken.objects.update(renew_at=timezone.now())
    iiko.token_takes_s = 0.2
    start = threading.Barrier(10)
    answers: list[Any] = []

    def work() -> None:
        as_a_process = Transports()  # shares nothing with the others but the database
        try:
            start.wait()
            client = IikoClient(as_a_process.get(login))
            answers.append(client.cancel_causes(organization_id=ORGANIZATION_ID))
        finally:
            as_a_process.close()
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert (answers, iiko.tokens) == ([()] * 10, 2)
    assert IikoToken.objects.get().lease_until is None


@pytest.mark.django_db
def test_lease_of_a_dead_process_ends_by_itself() -> None:
    login = make_login()
    IikoToken.objects.create(
        api_login=login, lease_holder="dead", lease_until=timezone.now() - timedelta(seconds=1)
    )

    with DatabaseTokenStore(login_id=login.pk, credential="x").lock(""):
        assert IikoToken.objects.get().lease_holder not in ("", "dead")

    assert IikoToken.objects.get().lease_holder == ""


@pytest.mark.django_db
def test_waiting_for_a_lease_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_state_store, "PATIENCE_S", 0.0)
    login = make_login()
    IikoToken.objects.create(
        api_login=login, lease_holder="busy", lease_until=timezone.now() + timedelta(minutes=1)
    )
    entered = False

    with (
        pytest.raises(IikoNoAnswer, match="does not come back"),
        DatabaseTokenStore(login_id=login.pk, credential="x").lock(""),
    ):
        entered = True

    assert not entered
    assert IikoToken.objects.get().lease_holder == "busy"


# --- pauses and circuits -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_429_pauses_the_next_process_too(iiko: SimulatedIiko) -> None:
    login = make_login()
    iiko.answers("cancel_causes", refusal("Too many requests"), status=429, **{"Retry-After": "60"})
    with pytest.raises(IikoBusy):
        client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)
    transports.close()

    with pytest.raises(IikoBusy) as kept_away:
        client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)

    assert 50 < kept_away.value.retry_after_s <= 60
    assert iiko.operations() == ["access_token", "cancel_causes"]
    [pause] = IikoPause.objects.all()
    assert pause.refusals == 1
    assert pause.restriction_group.startswith(f"login-{login.pk}-")


@pytest.mark.django_db
def test_of_two_pauses_the_later_end_stays() -> None:
    pauses = DatabasePauses()
    late, early = Pause(NOW + timedelta(seconds=60), 3), Pause(NOW + timedelta(seconds=5), 1)

    pauses.put("restriction_group", late)
    pauses.put("restriction_group", early)
    pauses.put("another", early)

    assert (pauses.get("restriction_group"), pauses.get("another"), pauses.get("unknown")) == (
        late,
        early,
        None,
    )


@pytest.mark.django_db
def test_refused_login_stops_all_calls_for_a_while(iiko: SimulatedIiko) -> None:
    login = make_login(api_login="blocked-login")
    iiko.forget("access_token")
    iiko.answers("access_token", refusal("Login blocked-login is not authorized"), status=401)

    raised = []
    for _ in range(6):
        with pytest.raises((IikoAuthFailed, IikoBusy)) as caught:
            client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)
        raised.append(type(caught.value).__name__)

    assert raised == ["IikoAuthFailed"] * 5 + ["IikoBlocked"]
    assert len(iiko.bodies("access_token")) == 5
    [circuit] = [one for one in IikoCircuit.objects.all() if one.open_until]
    assert circuit.name == f"login-{login.pk}-{fingerprint(login)[:8]}"
    assert circuit.state["failures"] == 5


@pytest.mark.django_db
def test_circuit_lives_through_open_probe_and_closed() -> None:
    breaker = DatabaseBreaker(Limits(failures=2))
    after = NOW + timedelta(seconds=61)

    breaker.record("c", CallResult.SUSPICIOUS, NOW)
    assert breaker.admit("c", Priority.OPERATOR, NOW) is None
    breaker.record("c", CallResult.SUSPICIOUS, NOW)
    assert breaker.admit("c", Priority.OPERATOR, NOW) == NOW + timedelta(seconds=60)
    assert breaker.admit("c", Priority.BACKGROUND, after) == NOW + timedelta(seconds=70)
    assert breaker.admit("c", Priority.OPERATOR, after) is None
    assert breaker.admit("c", Priority.OPERATOR, after) == after + timedelta(seconds=5)
    breaker.record("c", CallResult.GOOD, after)

    assert IikoCircuit.objects.get().state == {}
    assert breaker.admit("c", Priority.BACKGROUND, after) is None


@pytest.mark.django_db
def test_circuit_survives_being_stored() -> None:
    circuit = CLOSED.admitted(Priority.OPERATOR, NOW, Limits())
    for _ in range(5):
        circuit = circuit.after(CallResult.SUSPICIOUS, NOW, Limits())
    probed = circuit.admitted(Priority.OPERATOR, NOW + timedelta(minutes=2), Limits())

    assert (circuit_of(state_of(probed)), state_of(CLOSED), circuit_of({})) == (probed, {}, CLOSED)


@pytest.mark.django_db
def test_refusals_of_the_trade_are_counted_apart_and_forgotten_after_a_day() -> None:
    breaker = DatabaseBreaker(Limits(failures=2, refusals=3))

    for _ in range(3):
        assert breaker.admit("c", Priority.OPERATOR, NOW) is None
        breaker.record("c", CallResult.REFUSED, NOW)

    assert breaker.admit("c", Priority.OPERATOR, NOW) == NOW + timedelta(seconds=60)
    assert forget_old_circuits(now=NOW + timedelta(hours=23)) == 0
    assert forget_old_circuits(now=NOW + timedelta(hours=25)) == 1


@pytest.mark.django_db
def test_good_call_on_a_closed_circuit_writes_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        assert DatabaseBreaker().admit("c", Priority.BACKGROUND, NOW) is None
        DatabaseBreaker().record("c", CallResult.GOOD, NOW)

    assert not IikoCircuit.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_failures_of_two_threads_are_all_counted() -> None:
    def work() -> None:
        try:
            for _ in range(10):
                DatabaseBreaker(Limits(failures=1000)).record("c", CallResult.SUSPICIOUS, NOW)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert IikoCircuit.objects.get().state["failures"] == 20


def test_address_of_the_played_iiko_is_no_real_one() -> None:
    assert IIKO.endswith(".example")
