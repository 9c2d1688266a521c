"""What the audit log says of signing in: who came in, and how far those got who did not."""

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver

from audit.entries import record
from audit.models import Outcome
from audit.trail import current
from iikohub.sign_in.gate import owes_a_step
from iikohub.sign_in.second_factor import Verdict


@receiver(user_logged_in)
def note_password(user: User, **_: object) -> None:
    """Leave an entry of a right password; programs with a session of their own are followed by no trail."""
    if current() is not None:
        record("password_given" if owes_a_step(user.pk) else "signed_in", user)


def note_last_step(user: User) -> None:
    record("signed_in", user)


def note_refused_code(user: User, verdict: Verdict) -> None:
    code = "wrong_code" if verdict.waits_until is None else "too_many_wrong_codes"
    record("code_refused", user, outcome=Outcome.REFUSED, code=code)
