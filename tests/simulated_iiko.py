"""iiko as a test simulates it: answers by operation, and a call that nobody expected fails."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses

from organizations.models.connection import ApiLogin
from organizations.models.organization import Organization

IIKO = "https://iiko.example"
API_LOGIN = "api-login-5ecret"
CORRELATION = "11111111-1111-4111-8111-111111111111"


class SimulatedIiko:
    """Several answers to one operation come in turn, the last again and again."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock
        self.tokens = 0
        self.token_takes_s = 0.0
        mock.add_callback(responses.POST, f"{IIKO}/api/1/access_token", callback=self._token)

    def _token(self, _: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        self.tokens += 1
        time.sleep(self.token_takes_s)
        return 200, {}, json.dumps({"correlationId": CORRELATION, "token": f"token-{self.tokens}-s3cret"})

    def answers(self, operation: str, body: Any = None, *, status: int = 200, **headers: str) -> None:
        text = body if isinstance(body, str | bytes | Exception) else json.dumps(body)
        url = f"{IIKO}/api/1/{operation}"
        self.mock.add(responses.POST, url, body=text, status=status, headers=headers)

    def forget(self, operation: str) -> None:
        """Unlearn the answers to an operation."""
        self.mock.remove(responses.POST, f"{IIKO}/api/1/{operation}")

    def bodies(self, operation: str) -> list[Any]:
        """List what was asked, in order."""
        url = f"{IIKO}/api/1/{operation}"
        return [json.loads(call.request.body or b"") for call in self.mock.calls if call.request.url == url]

    def texts(self, operation: str) -> list[str]:
        """List what was asked, as text without spaces."""
        url = f"{IIKO}/api/1/{operation}"
        sent = [call.request.body for call in self.mock.calls if call.request.url == url]
        return [(body.decode() if isinstance(body, bytes) else str(body)).replace(" ", "") for body in sent]

    def operations(self) -> list[str]:
        return [str(call.request.url).removeprefix(f"{IIKO}/api/1/") for call in self.mock.calls]


@pytest.fixture
def iiko() -> Iterator[SimulatedIiko]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield SimulatedIiko(mock)


def make_login(*, name: str = "main", **changes: Any) -> ApiLogin:
    """Make a v1 login to the simulated iiko."""
    defaults = {"base_url": IIKO, "api_login": API_LOGIN}
    return ApiLogin.objects.create(name=name, **(defaults | changes))


def linked(organization: Organization, login: ApiLogin | None = None) -> Organization:
    """Give a restaurant a login."""
    organization.api_login = login or make_login()
    organization.save(update_fields=["api_login"])
    return organization


def refusal(description: str, code: str | None = None) -> dict[str, Any]:
    return {"correlationId": CORRELATION, "errorDescription": description, "error": code}
