"""What a rule of the attention list is: a condition, a sentence, a next step, and whom it is for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext_lazy

from attention.models.items import AttentionItem, Severity
from core.display import clock_text
from iiko_client.json_reader import JsonObject

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
UNITS: dict[timedelta, StrOrPromise] = {MINUTE: gettext_lazy("minutes"), SECOND: gettext_lazy("seconds")}

MOMENTS = ("promised",)
"""Facts that are moments."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, as it is kept: see ``AttentionItem`` for each field.

    ``since`` counts when the finding is new or its facts changed; of what has no beginning it is now.
    """

    subject: str
    since: datetime
    organization_id: str | None = None
    order_id: int | None = None
    command_id: int | None = None
    facts: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one rule, counted in ``step``: of single restaurants (by iiko's id), and of all others.

    ``off`` are the restaurants in which the rule is off; ``default`` is None where it is off by default.
    """

    default: int | None
    own: Mapping[str, int] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    step: timedelta = MINUTE

    def of(self, organization_id: str | None) -> timedelta | None:
        """Return the limit in a restaurant (None: of the hub itself); None where the rule is off."""
        if organization_id in self.off:
            return None
        limit = self.default if organization_id is None else self.own.get(organization_id, self.default)
        return None if limit is None else limit * self.step

    @property
    def shortest(self) -> timedelta | None:
        """Return the shortest limit of any restaurant; None where the rule is off in all of them."""
        limits = [*self.own.values(), *(() if self.default is None else (self.default,))]
        return min(limits) * self.step if limits else None


@dataclass(frozen=True, slots=True)
class NextStep:
    """Where a person goes on: the words of a button and its address.

    ``permission`` is what the page asks for where the rule's own is not enough.
    """

    title: str
    url: str
    permission: str = ""


class Rule(ABC):
    """One thing that needs a person. Subclasses are listed in ``attention.rules.registry``."""

    name: ClassVar[str]
    """As stored; a public name of the API and of metrics: never changed."""
    title: ClassVar[StrOrPromise]
    severity: ClassVar[Severity]
    permission: ClassVar[str]
    """Who may see what it finds, e.g. ``orders.view_order``."""
    limit: ClassVar[int | None] = None
    """For how long it is so before it counts, where nobody set another; None: the rule has no limit."""
    step: ClassVar[timedelta] = MINUTE
    """What limits are counted in."""
    linger: ClassVar[timedelta] = timedelta()
    """For how long it must not be found before its item ends: for what comes and goes."""

    @property
    def unit(self) -> StrOrPromise:
        """Return what limits are counted in, in words; empty where the rule has none."""
        return "" if self.limit is None else UNITS[self.step]

    def find(self, now: datetime, limits: Limits) -> Iterator[Finding]:
        """Yield what is so for as long as the limit of its restaurant, where the rule is on."""
        if (shortest := limits.shortest) is None:
            return
        for finding in self.candidates(now, shortest):
            limit = limits.of(finding.organization_id)
            if limit is not None and min(finding.since, now) + limit <= now:
                yield finding

    @abstractmethod
    def candidates(self, now: datetime, shortest: timedelta) -> Iterable[Finding]:
        """Return, by one query, all that is so for ``shortest`` at least; more may be returned."""

    @abstractmethod
    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        """Say what is wrong, in the language that is active; no personal data of guests."""

    def next_step(self, item: AttentionItem) -> NextStep | None:
        """Return where to go; the address is one of the hub's own pages."""
        return None


def moments_of(item: AttentionItem, *, now: datetime, zone: tzinfo) -> dict[str, str]:
    """Write the moments of an item on the clock of a restaurant: ``since``, and those of its facts."""
    moments = {"since": item.since, **{name: item.facts[name] for name in MOMENTS if item.facts.get(name)}}
    return {
        name: clock_text(at if isinstance(at, datetime) else datetime.fromisoformat(at), zone, now=now)
        for name, at in moments.items()
    }
