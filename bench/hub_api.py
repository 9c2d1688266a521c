"""The hub's API as a client sees it."""

import json
import urllib.error
import urllib.request
from typing import Any


class HubApi:
    """Reads on a port of this machine, with an API key."""

    port: int
    key: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=20) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def get(self, path: str) -> Any:  # noqa: ANN401  # any JSON value
        return json.loads(self.text(path))

    def text(self, path: str) -> str:
        request = urllib.request.Request(
            f"{self.url}{path}", headers={"Authorization": f"Api-Key {self.key}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
            return content.decode()

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Every row of a list, page by page."""
        found: list[dict[str, Any]] = []
        mark = "&" if "?" in path else "?"
        while True:
            page = self.get(f"{path}{mark}skip={len(found)}&limit=200")
            found += page["results"]
            if page["next"] is None:
                return found

    def stop_lists(self) -> set[tuple[str, str, str, float]]:
        return {
            (row["organization_id"], row["terminal_group_id"], row["product_id"], float(row["balance"]))
            for row in self.rows("/api/v1/stop-list")
        }
