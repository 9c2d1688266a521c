"""Headers of a message after the Standard Webhooks specification: id, time, signatures."""

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime

from standardwebhooks import Webhook

_SECRET_BYTES = 32


def new_secret() -> str:
    """Make a secret as receivers write it into their settings: ``whsec_`` and base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def headers_of(message_id: str, body: str, *, secrets_: Iterable[str], now: datetime) -> dict[str, str]:
    """Sign a message at ``now`` (UTC) by each of the secrets; a receiver needs to know one of them."""
    signatures = [Webhook(secret).sign(message_id, now, body) for secret in secrets_]
    return {
        "Content-Type": "application/json",
        "User-Agent": "iikohub",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
