"""What a rule of the attention list is: a condition, a sentence, a next step, and whom it is for."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import ClassVar

from attention.models.items import AttentionItem, Severity
from iiko_client.json_reader import JsonObject


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, as it is kept: see ``AttentionItem`` for each field."""

    subject: str
    since: datetime
    organization_id: str | None = None
    order_id: int | None = None
    command_id: int | None = None
    facts: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one rule: of single restaurants (by iiko's id), and of all others.

    ``off`` are the restaurants in which the rule is off; ``default`` is None where it is off by default.
    """

    default: int | None
    own: Mapping[str, int] = field(default_factory=dict)
    off: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NextStep:
    """Where a person goes on: the words of a button and its address."""

    title: str
    url: str


class Rule(ABC):
    """One thing that needs a person. Subclasses are listed in ``attention.rules.registry``."""

    name: ClassVar[str]
    """As stored; a public name of the API and of metrics: never changed."""
    title: ClassVar[str]  # gettext_lazy
    severity: ClassVar[Severity]
    permission: ClassVar[str]
    """Who may see what it finds, e.g. ``orders.view_order``."""
    limit: ClassVar[int | None] = None
    """The limit where nobody set another; None: the rule has none."""
    unit: ClassVar[str] = ""  # gettext_lazy: minutes, seconds

    @abstractmethod
    def find(self, now: datetime, limits: Limits) -> Iterable[Finding]:
        """Return all that the rule finds at this moment, by one query."""

    @abstractmethod
    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        """Say in one sentence what is wrong, in the language that is active; no personal data."""

    def next_step(self, item: AttentionItem) -> NextStep | None:
        """Return where to go; the address is one of the hub's own pages."""
        return None
