"""How often the loops look: seldom while nobody is subscribed, and never for each single event."""

import time

from outbound.models.subscriptions import Subscription

GATHER_S = 0.05
"""Pause after a turn that found little: what comes meanwhile is one batch, at the price of one event."""
_LISTENED_S = 0.1
_ALONE_S = 1.5
"""Who subscribes waits for the first message that long."""
_ASKED_EVERY_S = 1.0


class Pace:
    """How long a loop rests that found nothing to do. Whether somebody is subscribed is asked each second."""

    def __init__(self) -> None:
        self._asked_at = float("-inf")
        self._idle_s = _LISTENED_S

    def idle_s(self) -> float:
        now = time.monotonic()
        if now - self._asked_at >= _ASKED_EVERY_S:
            self._asked_at = now
            self._idle_s = _LISTENED_S if Subscription.objects.active().exists() else _ALONE_S
        return self._idle_s
