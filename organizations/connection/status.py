"""The present state of a login with iiko, and a call that checks it."""

from dataclasses import dataclass
from datetime import datetime

from core.errors import HubError
from iiko_client.endpoints.registry import OPERATIONS
from iiko_client.http.circuit_breaker import Priority
from iiko_client.http.errors import IikoError
from organizations.connection.client_state_store import circuit_of
from organizations.connection.clients import BadApiLogin, client_for, key_of
from organizations.models.connection import ApiLogin, IikoCircuit, IikoPause, IikoToken


@dataclass(frozen=True, slots=True)
class CircuitState:
    """A circuit with failures; without an operation it is the whole login's."""

    operation: str
    organization_id: str
    failures: int
    open_until: datetime | None
    is_half_open: bool
    """The pause is over, and the next call is the probe."""


@dataclass(frozen=True, slots=True)
class PauseState:
    group: str
    until: datetime


@dataclass(frozen=True, slots=True)
class LoginStatus:
    """``problem`` is a sentence where the login cannot be used at all."""

    token_until: datetime | None = None
    circuits: tuple[CircuitState, ...] = ()
    pauses: tuple[PauseState, ...] = ()
    problem: str = ""

    @property
    def is_stopped(self) -> bool:
        """Tell whether nothing at all is sent with this login now."""
        return any(one.open_until and not one.is_half_open and not one.operation for one in self.circuits)


def login_status(login: ApiLogin, *, now: datetime) -> LoginStatus:
    try:
        key = key_of(login)
    except BadApiLogin as error:
        return LoginStatus(problem=error.detail)
    token = IikoToken.objects.filter(api_login=login, renew_at__gt=now).first()
    pauses = IikoPause.objects.filter(restriction_group__startswith=f"{key}/", until__gt=now).order_by(
        "restriction_group"
    )
    return LoginStatus(
        token_until=token.renew_at if token and token.token else None,
        circuits=tuple(_circuits(key, now)),
        pauses=tuple(PauseState(one.restriction_group.removeprefix(f"{key}/"), one.until) for one in pauses),
    )


def _circuits(key: str, now: datetime) -> list[CircuitState]:
    found = []
    for row in IikoCircuit.objects.filter(name__startswith=key).exclude(state={}).order_by("name"):
        circuit = circuit_of(row.state)
        path, _, organization = row.name.removeprefix(key).strip("/").rpartition("/")
        # Without the wallet that a circuit may be about.
        operation = next((name for name in OPERATIONS if path.startswith(f"{name}/")), path)
        if circuit.open_until is None and (operation != path or not circuit.failures):
            continue  # refusals of the trade, as of an empty wallet
        found.append(
            CircuitState(
                operation=operation,
                organization_id=organization,
                failures=max(circuit.failures, circuit.refusals),
                open_until=circuit.open_until,
                is_half_open=circuit.open_until is not None and circuit.open_until <= now,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class LoginCheck:
    """The result of a check: the restaurants that the login offers, or why there are none."""

    restaurants: tuple[str, ...] = ()
    error: IikoError | HubError | None = None


def check_login(login: ApiLogin, *, requested_by: str) -> LoginCheck:
    """Ask iiko for the restaurants of a login, once; an error is part of the result."""
    try:
        client = client_for(login, priority=Priority.OPERATOR, requested_by=requested_by)
        offered = client.organizations()
    except (IikoError, HubError) as error:
        return LoginCheck(error=error)
    return LoginCheck(restaurants=tuple(one.name or one.id for one in offered))
