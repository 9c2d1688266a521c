"""Which models leave entries by themselves, when a person or a key changes them: all but those named here.

Only those are followed, by signals of their own class: the mirror, the inbox and the log of calls are written
as fast as before. A row of a followed model that a worker writes leaves nothing (``audit.trail``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, Final

from django.apps import apps
from django.db import transaction
from django.db.models import ManyToManyField, Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from audit.entries import record_change
from audit.trail import Trail, current
from audit.values import Values, changed, filled, linked_names, raw_values, subject_of

_ITSELF = "the audit log itself"
_MIRROR = "iiko writes it; its timeline, log of calls or times of reading tell when"
_MACHINERY = "machinery of the hub: leases, tokens that were fetched, counters, jobs"
_HISTORY = "a history itself, written with what it tells of"
_OWN_VIEW = "how a person's own pages look"
_DJANGO = "written by the framework with the migrations, or with a session"
_AXES = "wrong passwords have a log of their own: Access failures"

NOT_FOLLOWED: Final = {
    "audit.auditentry": _ITSELF,
    "admin.logentry": "Django's own log of the admin, which this one replaces",
    "auth.permission": _DJANGO,
    "contenttypes.contenttype": _DJANGO,
    "sessions.session": _DJANGO,
    "axes.accessfailurelog": _AXES,
    "axes.accessattempt": _AXES,
    "axes.accessattemptexpiration": _AXES,
    "axes.accesslog": _AXES,
    "procrastinate.procrastinateworker": _MACHINERY,
    "procrastinate.procrastinatejob": _MACHINERY,
    "procrastinate.procrastinateevent": _MACHINERY,
    "procrastinate.procrastinateperiodicdefer": _MACHINERY,
    "organizations.apiuse": _MACHINERY,
    "organizations.clockskew": _MACHINERY,
    "organizations.iikotoken": _MACHINERY,
    "organizations.iikopause": _MACHINERY,
    "organizations.iikocircuit": _MACHINERY,
    "organizations.apicall": _MIRROR,
    "organizations.terminalgroup": _MIRROR,
    "organizations.courier": _MIRROR,
    "organizations.dictionaryentry": _MIRROR,
    "organizations.shift": _MIRROR,
    "organizations.stoplistreading": _MACHINERY,
    "organizations.stoplistgroup": _MIRROR,
    "organizations.stoplistitem": _MIRROR,
    "orders.order": _MIRROR,
    "orders.orderterms": _MIRROR,
    "orders.mergedorder": _MIRROR,
    "orders.timelineentry": _HISTORY,
    "orders.stagetimes": _MIRROR,
    "orders.idempotencykey": _MACHINERY,
    "loyalty.customer": _MIRROR,
    "loyalty.wallet": _MIRROR,
    "loyalty.operationstep": _HISTORY,
    "loyalty.loyaltykey": _MACHINERY,
    "loyalty.balancedifference": _MIRROR,
    "hall.tableorder": _MIRROR,
    "hall.reserve": _MIRROR,
    "webhooks.webhookevent": "the inbox: what comes in; a replay leaves an entry of its page",
    "webhooks.synclease": _MACHINERY,
    "webhooks.ordersync": _MACHINERY,
    "webhooks.linkhealth": _MACHINERY,
    "analytics.periodfigures": _MACHINERY,
    "analytics.orderhour": _MACHINERY,
    "analytics.counting": _MACHINERY,
    "attention.attentionentry": _HISTORY,
    "attention.watchrun": _MACHINERY,
    "outbound.outboundevent": _HISTORY,
    "outbound.delivery": "a history itself; sending again leaves an entry of its page",
    "outbound.deliveryattempt": _HISTORY,
    "console.preferences": _OWN_VIEW,
    "console.seenorder": _OWN_VIEW,
    "iikohub.addresscheck": _MACHINERY,
}
"""Models whose changes leave no entries, and why."""


def follow_models() -> None:
    """Connect every model that is not excepted, of all apps; once, when they are loaded."""
    for model in apps.get_models():
        if model._meta.label_lower not in NOT_FOLLOWED and not model._meta.proxy:
            _follow(model)


def _follow(model: type[Model]) -> None:
    uid = f"audit:{model._meta.label_lower}"
    pre_save.connect(_note_before, sender=model, dispatch_uid=uid)
    post_save.connect(_record_saved, sender=model, dispatch_uid=uid)
    post_delete.connect(_record_deleted, sender=model, dispatch_uid=uid)
    for field in model._meta.local_many_to_many:
        through = field.remote_field.through
        m2m_changed.connect(_links_of(field), sender=through, dispatch_uid=f"{uid}.{field.name}", weak=False)
    model.save_base = _in_one_transaction(model.save_base)  # type: ignore[method-assign]


def _in_one_transaction(save_base: Callable[..., None]) -> Callable[..., None]:
    """Have a row and its entry written together: Django sends ``post_save`` after the row's own commit."""

    @wraps(save_base)
    def save(row: Model, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic() if _is_alone() else _nothing():
            save_base(row, *args, **kwargs)

    return save


def _nothing() -> AbstractContextManager[None]:
    return nullcontext()


def _is_alone() -> bool:
    return _acting() is not None and not transaction.get_connection().in_atomic_block


def _acting() -> Trail | None:
    trail = current()
    return trail if trail is not None and trail.changes_count else None


def _note_before(
    sender: type[Model],
    instance: Model,
    *,
    raw: bool = False,
    update_fields: frozenset[str] | None = None,
    **_: object,
) -> None:
    if (trail := _acting()) is None or raw or instance._state.adding:
        return
    old = sender._default_manager.filter(pk=instance.pk).first()
    if old is not None:
        trail.before[subject_of(instance)] = raw_values(old, update_fields)


def _record_saved(instance: Model, *, created: bool, raw: bool = False, **_: object) -> None:
    if (trail := _acting()) is None or raw:
        return
    if created:
        record_change(trail, instance, before=None, after=filled(instance))
        return
    old = trail.before.pop(subject_of(instance), None)
    if old is None:
        return
    before, after = changed(instance, old, raw_values(instance, old))
    if after:
        record_change(trail, instance, before=before, after=after)


def _record_deleted(instance: Model, **_: object) -> None:
    if (trail := _acting()) is not None:
        record_change(trail, instance, before=filled(instance), after=None)


def _links_of(field: ManyToManyField[Any, Any]) -> Callable[..., None]:
    """Return the receiver of one many-to-many field, whichever end is changed."""

    def receive(
        instance: Model, action: str, *, reverse: bool, pk_set: set[object] | None, **_: object
    ) -> None:
        if (trail := _acting()) is None:
            return
        for row in _ends(field, instance, pk_set, is_reverse=reverse):
            key = f"{subject_of(row)}.{field.name}"
            if action.startswith("pre_"):
                trail.before.setdefault(key, {field.name: linked_names(row, field)})
            else:
                old = trail.before.pop(key, {})
                new: Values = {field.name: linked_names(row, field)}
                if old != new:
                    record_change(trail, row, before=old, after=new)

    return receive


def _ends(
    field: ManyToManyField[Any, Any], instance: Model, pk_set: set[Any] | None, *, is_reverse: bool
) -> list[Model]:
    """List the rows that have the field; none where the other end is cleared, which no page does."""
    if not is_reverse:
        return [instance]
    return list(field.model._default_manager.filter(pk__in=pk_set or ()))
