"""Messages of VK, which apprise has no plug-in for: ``vk://TOKEN/PEER_ID``.

VK answers 200 to what it refuses, with an error in the body, so apprise's web hooks would call it sent. And
it drops a second message of one ``random_id``, so that none comes twice.
"""

from typing import Any

import requests
from apprise import NotifyBase, NotifyType

VERSION = "5.199"
_URL = "https://api.vk.com/method/messages.send"
# VK's numbers (errors.json of VKCOM/vk-api-schema, version 5.199, read 2026-11) as what HTTP calls it.
_STATUSES = {
    **dict.fromkeys((1, 10), 500),
    **dict.fromkeys((5, 27), 401),
    **dict.fromkeys((6, 9, 29), 429),
    **dict.fromkeys((7, 15, 900, 901, 902, 917, 922, 932), 403),
    **dict.fromkeys((910, 914), 413),
    **dict.fromkeys((927, 936), 404),
}
_LAST_RANDOM_ID = 2**31 - 1


class NotifyVk(NotifyBase):  # type: ignore[misc]  # apprise is typed in part
    """``message_id`` is set by the sender: the number by which VK tells a repeat."""

    service_name = "VK"
    service_url = "https://vk.com/"
    secure_protocol = "vk"
    setup_url = "https://dev.vk.com/ru/api/community-messages/getting-started"
    title_maxlen = 0
    body_maxlen = 4096
    templates = ("{schema}://{token}/{peer_id}",)
    template_tokens = dict(
        NotifyBase.template_tokens,
        token={"name": "Token", "type": "string", "private": True, "required": True, "map_to": "token"},
        peer_id={"name": "Peer", "type": "string", "required": True, "map_to": "peer_id"},
    )

    def __init__(self, token: str, peer_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not token or not peer_id.lstrip("-").isdecimal():
            raise TypeError("the token and the number of the conversation are required")
        self.token, self.peer_id = token, peer_id
        self.message_id = 0

    def send(
        self, body: str, title: str = "", notify_type: NotifyType = NotifyType.INFO, **kwargs: Any
    ) -> bool:
        answer = requests.post(
            _URL,
            data={
                "access_token": self.token,
                "v": VERSION,
                "peer_id": self.peer_id,
                "random_id": self.message_id % _LAST_RANDOM_ID,
                "message": body,
                "dont_parse_links": 1,
            },
            timeout=self.request_timeout,
            allow_redirects=False,
            verify=self.verify_certificate,
        )
        if answer.status_code != requests.codes.ok:
            self.logger.warning("VK refuses: error=%d", answer.status_code)
            return False
        code = answer.json().get("error", {}).get("error_code")
        if code is not None:
            self.logger.warning("VK refuses: error=%d", _STATUSES.get(code, 400))
        is_taken: bool = code is None
        return is_taken

    def url(self, privacy: bool = False, *args: Any, **kwargs: Any) -> str:
        return f"vk://{'…' if privacy else self.token}/{self.peer_id}"

    @staticmethod
    def parse_url(url: str) -> dict[str, Any] | None:
        results: dict[str, Any] | None = NotifyBase.parse_url(url, verify_host=False)
        if results:
            results["token"] = NotifyBase.unquote(results["host"])
            results["peer_id"] = next(iter(NotifyBase.split_path(results["fullpath"])), "")
        return results
