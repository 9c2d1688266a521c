"""When a message is tried again, and when an endpoint that fails is."""

import random
from datetime import timedelta

_PAUSES_S = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""The schedule that Standard Webhooks proposes."""
MOST_ATTEMPTS = len(_PAUSES_S) + 1
_JITTER = 0.2

OPENS_AFTER = 5
"""Failures in a row, of whatever messages, after which the circuit of an endpoint opens."""
_PROBE_PAUSES_S = (5, 15, 60, 2 * 60, 5 * 60, 10 * 60)
DISABLED_AFTER = timedelta(days=5)
"""An endpoint that took nothing for so long is sent nothing more."""

LONGEST_WAIT = timedelta(hours=24)
"""What ``Retry-After`` may ask for."""


def pause_after(attempts: int) -> timedelta | None:
    """Return the pause after so many attempts failed, with jitter; None: there is no further one."""
    if attempts >= MOST_ATTEMPTS:
        return None
    return _with_jitter(_PAUSES_S[attempts - 1])


def probe_pause(probes: int) -> timedelta:
    """Return the pause until the next probe of an endpoint, after so many that failed."""
    return _with_jitter(_PROBE_PAUSES_S[min(probes, len(_PROBE_PAUSES_S) - 1)])


def _with_jitter(seconds: float) -> timedelta:
    """Let messages that failed together not come together again."""
    return timedelta(seconds=seconds * random.uniform(1, 1 + _JITTER))  # noqa: S311  # no secret
