"""The sandbox as a process, and what is asked of it beside the vendor's API."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

# 20 % dropped, 20 % twice, the rest out of order and in batches; 5 % of calls fail.
STORM = (
    "drop=0.2,duplicate=0.2,reorder=0.3,delay=0.05,batch=0.5,"
    "http_500_before=0.02,http_408_before=0.015,reset_before=0.01,http_429=0.005"
)


def arguments(
    *, port: int, hub_port: int, token: str, speed: float, faults: str = "", seed: int = 1
) -> tuple[str, ...]:
    """Give the command line of a sandbox that bears no order by itself."""
    return (
        "-m", "sandbox", "--port", str(port), "--rate", "0", "--speed", f"{speed:g}", "--seed", str(seed),
        "--webhook-url", f"http://127.0.0.1:{hub_port}/api/v1/webhooks/iiko",
        "--webhook-token", token, "--faults", faults,
    )  # fmt: skip


class Played:
    """The control API of a running sandbox."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def is_up(self) -> bool:
        try:
            self.state()
        except OSError:
            return False
        return True

    def state(self) -> dict[str, Any]:
        return self._ask("state")

    def zones(self) -> dict[str, str]:
        return {each["id"]: each["time_zone"] for each in self.state()["restaurants"]}

    def orders(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self._ask("orders")["orders"]
        return told

    def calls(self) -> dict[str, Any]:
        return self._ask("calls")

    def set_faults(self, faults: str) -> None:
        self._ask("faults", {"faults": faults})

    def advance(self, seconds: float) -> None:
        self._ask("clock", {"advance_s": seconds})

    def bear(self, count: int) -> None:
        """Let so many guests order now, in all restaurants by turns."""
        restaurants = list(self.zones())
        for number in range(count):
            self._ask("orders", {"organization_id": restaurants[number % len(restaurants)]})

    def tell(self, event_type: str, organization_id: str) -> None:
        """Let something happen in a restaurant that is told by an event of this type."""
        self._ask("events", {"event_type": event_type, "organization_id": organization_id})

    def webhooks(self) -> list[dict[str, Any]]:
        """List the last tries to bring webhooks, the newest first."""
        told: list[dict[str, Any]] = self._ask("webhooks?limit=500")["webhooks"]
        return told

    def _ask(self, path: str, body: Any = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.url}/sandbox/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
