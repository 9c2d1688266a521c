"""Ask for the status of a command (docs/iiko.md#command-status)."""

from collections.abc import Mapping

from iiko_client.endpoints import registry
from iiko_client.endpoints.base import Body, OperationGroup
from iiko_client.http import redaction
from iiko_client.http.errors import IikoRejected
from iiko_client.json_reader import Reader
from iiko_client.models.commands import CommandStatus, VendorCommandState
from iiko_client.models.statuses import normaliser

_GONE = 410
_STATES = normaliser((VendorCommandState.IN_PROGRESS, VendorCommandState.SUCCESS, VendorCommandState.ERROR))


class Commands(OperationGroup):
    """``commands/status``: ask every 2–5 s, not more often (docs/iiko.md#command-status)."""

    def command_status(self, *, organization_id: str, correlation_id: str) -> CommandStatus:
        """Ask with the organization that the command was sent for."""
        body = Body(registry.COMMAND_STATUS).ident("organizationId", organization_id)
        try:
            reading = self._call(body.ident("correlationId", correlation_id))
        except IikoRejected as error:
            if error.http_status != _GONE:
                raise
            return CommandStatus(VendorCommandState.FORGOTTEN, error.description or None, "")
        raw = reading.need("state", Reader.label)
        state = _STATES(raw) or VendorCommandState.UNKNOWN
        wire = reading.reader.wire
        message = failure_text(wire.get("exception")) or failure_text(wire.get("errorReason"))
        reason = failure_text(wire.get("errorReason"))
        return reading.done(CommandStatus(state, message, raw[:100], reason))


def failure_text(exception: object) -> str | None:
    """Return the text of ``exception``: a text or an object with a message, the schema leaves it untyped."""
    if isinstance(exception, Mapping):
        for key in ("message", "Message", "description", "errorDescription", "code"):
            if isinstance(said := exception.get(key), str) and said.strip():
                return redaction.clean(said, ())
        return redaction.clean(", ".join(f"{key}: {value}" for key, value in exception.items()), ()) or None
    return None if exception is None else redaction.clean(str(exception), ()) or None
