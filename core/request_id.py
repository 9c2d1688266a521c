"""The id of the request that is being answered; empty where none is. Log lines name it."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
