"""Writing entries. ``record`` is for what no model's signal tells; changes of models come by ``coverage``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Model

from audit.models import AuditEntry, Door, Outcome
from audit.trail import Trail, current
from audit.values import Values, subject_of, text_of
from core import trace
from core.database import db_clock
from iiko_client.json_reader import sanitize


@dataclass(frozen=True, slots=True)
class Belonging:
    """Iiko's id of the restaurant a row belongs to (empty: none, or several), and the row it is a part of."""

    restaurant: str = ""
    whole: Model | None = None


Rule = Callable[[Model], Belonging]

_rules: list[Rule] = []


def belonging_by(rule: Rule) -> None:
    """Have entries take the restaurant of an object from ``rule``; once, from the app that knows."""
    _rules.append(rule)


def belonging_of(row: Model) -> Belonging:
    return _rules[0](row) if _rules else Belonging()


def record(
    act: str,
    target: Model | None = None,
    *,
    subject_text: str = "",
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    outcome: Outcome = Outcome.DONE,
    code: str = "",
    restaurant: str = "",
) -> AuditEntry:
    """Write one entry, in the transaction of the caller; who acts and from where is known of the request.

    ``act`` is one of ``audit.acts.ACTS``. Outside of a request or a command the hub itself acts.
    ``subject_text`` names an object that is no row, ``restaurant`` (iiko's id) one that does not lead to its
    own. ``before`` and ``after`` are kept as they are: the caller leaves out what is secret or personal.
    Each call makes an entry, a repeated one too.
    """
    trail = current() or Trail(Door.BACKGROUND, "")
    belonging = belonging_of(target) if target is not None else Belonging()
    who = trail.who
    about = trail.about or (subject_of(belonging.whole) if belonging.whole is not None else "")
    return AuditEntry.objects.create(
        at=db_clock.now(),
        actor_kind=who.kind,
        actor=who.name[:200],
        user_id=who.user_id,
        key_id=who.key_id,
        address=trail.address,
        user_agent=trail.user_agent,
        door=trail.door,
        path=sanitize(trail.path)[:300],
        request_id=trail.request_id,
        trace_id=trace.current_uuid(),
        act=act,
        subject=subject_of(target) if target is not None else "",
        subject_text=subject_text[:200] or (text_of(target) if target is not None else ""),
        about=sanitize(about)[:300],
        organization_iiko_id=restaurant or belonging.restaurant or trail.restaurant,
        outcome=outcome,
        code=code[:100],
        before=before,
        after=after,
    )


def record_refusal(target: Model, code: str) -> None:
    """Write that the act of this request was not done to one of several objects, with the refusal's code."""
    if (trail := current()) is not None:
        record(trail.act, target, outcome=Outcome.REFUSED, code=code)


def record_change(trail: Trail, row: Model, *, before: Values | None, after: Values | None) -> None:
    """Write what became of a row; a further change of it in the same request joins the entry."""
    subject = subject_of(row)
    with transaction.atomic():
        # Asked of the database: what was written may have been rolled back since.
        known = trail.entries.get(subject)
        former = AuditEntry.objects.filter(pk=known).first() if known is not None else None
        if former is not None and after is not None and former.after is not None:
            _join(former, before or {}, after)
            return
        entry = record(trail.act or _act(before, after), row, before=before, after=after)
        trail.entries[subject] = entry.pk


def _act(before: Values | None, after: Values | None) -> str:
    if before is None:
        return "created"
    return "deleted" if after is None else "changed"


def _join(former: AuditEntry, before: Values, after: Values) -> None:
    """Add a later change to an entry: of each field the first value and the last one stay."""
    if former.before is not None:
        former.before = before | former.before
    former.after = (former.after or {}) | after
    former.save(update_fields=["before", "after"])
