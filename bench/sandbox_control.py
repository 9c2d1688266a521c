"""The sandbox as a process, and what is asked of it beside the vendor's API."""

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


Rows = list[dict[str, Any]]


class SandboxControl:
    """The control API of a running sandbox."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._token: str | None = None

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

    def orders(self) -> Rows:
        return self._rows("orders", "orders")

    def calls(self) -> dict[str, Any]:
        return self._ask("calls")

    def set_faults(self, faults: str) -> None:
        self._ask("faults", {"faults": faults})

    def advance(self, seconds: float) -> None:
        self._ask("clock", {"advance_s": seconds})

    def create_orders(self, count: int) -> None:
        """Let so many guests order now, in all restaurants by turns."""
        restaurants = list(self.zones())
        for number in range(count):
            self._ask("orders", {"organization_id": restaurants[number % len(restaurants)]})

    def tell(self, event_type: str, organization_id: str) -> None:
        """Let something happen in a restaurant that is told by an event of this type."""
        self._ask("events", {"event_type": event_type, "organization_id": organization_id})

    def webhooks(self) -> Rows:
        """List the last tries to bring webhooks, the newest first."""
        return self._rows("webhooks?limit=500", "webhooks")

    def sent(self, since: int) -> Rows:
        """List the tries to bring webhooks after number ``since``, the oldest first; 500 at most are kept."""
        return self._rows(f"webhooks?limit=500&since={since}", "webhooks")[::-1]

    def history(self, since: int) -> Rows:
        """List the states that orders went through after number ``since``; 5 000 at most are kept."""
        return self._rows(f"orders/history?since={since}", "states")

    def commands(self) -> Rows:
        """List the commands that iiko took, with what became of them."""
        return self._rows("commands", "commands")

    def set_speed(self, speed: float) -> None:
        self._ask("clock", {"speed": speed})

    # --- the vendor's own API ---

    def vendor(self, operation: str, **body: object) -> Any:  # noqa: ANN401  # any JSON value
        """Ask as any client of iiko may."""
        if self._token is None:
            self._token = self._post("/api/1/access_token", {"apiLogin": "demo"}, {})["token"]
        return self._post(f"/api/1/{operation}", body, {"Authorization": f"Bearer {self._token}"})

    def stop_lists(self) -> set[tuple[str, str, str, float]]:
        answer = self.vendor("stop_lists", organizationIds=list(self.zones()))
        return {
            (one["organizationId"], group["terminalGroupId"], item["productId"], float(item["balance"]))
            for one in answer["terminalGroupStopLists"]
            for group in one["items"]
            for item in group["items"]
        }

    def _rows(self, path: str, key: str) -> Rows:
        rows: Rows = self._ask(path)[key]
        return rows

    def _ask(self, path: str, body: object = None) -> dict[str, Any]:
        told: dict[str, Any] = self._post(f"/sandbox/{path}", body, {})
        return told

    def _post(self, path: str, body: object, headers: dict[str, str]) -> Any:  # noqa: ANN401  # any JSON value
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"} | headers,
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)
