"""What the audit log says of signing in: who came in, and how far those got who did not."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.dispatch import receiver

from audit.entries import record
from audit.models import AuditEntry, Outcome
from audit.trail import current
from audit.values import subject_of
from core.database import db_clock
from iikohub.sign_in.gate import owes_a_step
from iikohub.sign_in.second_factor import CodeResult

_BURST = timedelta(hours=1)
_MOST_ADDRESSES = 20


@receiver(user_logged_in)
def note_password(user: User, **_: object) -> None:
    """Leave an entry of a right password; programs with a session of their own are followed by no trail."""
    if current() is not None:
        record("password_given" if owes_a_step(user.pk) else "signed_in", user)


def note_last_step(user: User) -> None:
    record("signed_in", user)


@transaction.atomic
def note_refused_code(user: User, result: CodeResult) -> None:
    """Leave an entry of a burst of wrong codes, and count the further ones in it.

    A burst goes on for an hour, so whoever guesses leaves two entries an hour: of codes that were compared,
    and of those that were not, since the hub had them wait.
    """
    code = "wrong_code" if result.waits_until is None else "too_many_wrong_codes"
    now = db_clock.now()
    burst = AuditEntry.objects.filter(
        act="code_refused", subject=subject_of(user), code=code, at__gt=now - _BURST
    )
    former = burst.select_for_update().order_by("pk").last()
    if former is None:
        record("code_refused", user, outcome=Outcome.REFUSED, code=code)
        return
    counted = former.after or {"tries": 1, "addresses": [former.address]}
    addresses = counted["addresses"]
    if (trail := current()) is not None:
        trail.is_counted, addresses = True, [*addresses, trail.address]
    kept = [one for one in dict.fromkeys(addresses) if one][:_MOST_ADDRESSES]
    former.after = {"tries": counted["tries"] + 1, "last_at": now, "addresses": kept}
    former.save(update_fields=["after"])
