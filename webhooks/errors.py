"""Errors of the inbox."""

from __future__ import annotations

from core.errors import HubError


class UnknownEvent(HubError):
    code = "unknown_event"
    http_status = 404


class NotReplayable(HubError):
    code = "not_replayable"


class ReplayBusy(HubError):
    code = "replay_busy"


class TooManyEvents(HubError):
    code = "too_many_events"
