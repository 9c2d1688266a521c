"""The second step of signing in: codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

The app and the hub count steps of 30 seconds, the hub by the database's clock. A code of the step before or
after is taken, so that a phone may be wrong by half a minute; if a code is refused, its clock is the first
thing to look at.
"""

import hashlib
import secrets
from base64 import b32decode, b32encode
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django_otp.oath import TOTP

from iikohub.models.sign_in import SecondFactor

logger = structlog.stdlib.get_logger(__name__)

TOLERANCE = 1
RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True)
class CodeResult:
    """What became of a code; ``factor_pk`` is set if it was right."""

    factor_pk: int | None = None
    waits_until: datetime | None = None
    """Codes are not looked at until then."""
    recovery_codes: tuple[str, ...] = ()
    """Freshly made, to be shown once."""


def factor_of(user: User) -> SecondFactor | None:
    return SecondFactor.objects.filter(user=user).first()


def begin(user: User) -> None:
    """Make a secret for a new app, in place of one that was never confirmed. One that is on stays."""
    SecondFactor.objects.filter(user=user, confirmed_at=None).delete()
    SecondFactor.objects.get_or_create(
        user=user, defaults={"secret": b32encode(secrets.token_bytes(20)).decode()}
    )


def address_of(factor: SecondFactor, *, issuer: str) -> str:
    """Return what the app reads from the picture (the ``otpauth`` key format)."""
    query = urlencode({"secret": factor.secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(f'{issuer}:{factor.user.get_username()}')}?{query}"


def check_code(user: User, code: str, *, now: datetime) -> CodeResult:
    """Take a code of the app, or a recovery code, once; count the wrong ones."""
    with transaction.atomic():
        factor = _locked(user)
        if factor is None or factor.confirmed_at is None:
            return CodeResult()
        return _look_at(factor, code, now=now)


def confirm(user: User, code: str, *, now: datetime) -> CodeResult:
    """Switch the second step on by a first code; a repeat changes nothing."""
    with transaction.atomic():
        factor = _locked(user)
        if factor is None or factor.confirmed_at is not None:
            return CodeResult()
        result = _look_at(factor, code, now=now)
        if result.factor_pk is None:
            return result
        factor.confirmed_at = now
        codes = _new_codes(factor)
    logger.info("second_factor.on", user_id=user.pk)
    return CodeResult(factor.pk, recovery_codes=codes)


def renew_codes(user: User, code: str, *, now: datetime) -> CodeResult:
    """Make new recovery codes for a right code; the former ones are worth nothing then."""
    with transaction.atomic():
        result = check_code(user, code, now=now)
        factor = _locked(user)
        if result.factor_pk is None or factor is None:
            return result
        codes = _new_codes(factor)
    logger.info("second_factor.new_codes", user_id=user.pk)
    return CodeResult(result.factor_pk, recovery_codes=codes)


def replace_lost_codes(user: User) -> CodeResult:
    """Make new recovery codes in place of some that were just made; the caller knows that they were."""
    with transaction.atomic():
        factor = _locked(user)
        if factor is None or factor.confirmed_at is None:
            return CodeResult()
        codes = _new_codes(factor)
    logger.info("second_factor.new_codes", user_id=user.pk)
    return CodeResult(factor.pk, recovery_codes=codes)


def turn_off(user: User, code: str, *, now: datetime) -> CodeResult:
    with transaction.atomic():
        result = check_code(user, code, now=now)
        if result.factor_pk is not None:
            remove(user)
    return result


def remove(user: User) -> bool:
    """Take the second step off a person; return whether there was one."""
    count, _rows = SecondFactor.objects.filter(user=user).delete()
    if count:
        logger.info("second_factor.off", user_id=user.pk)
    return bool(count)


def _locked(user: User) -> SecondFactor | None:
    return SecondFactor.objects.select_for_update().filter(user=user).first()


def _look_at(factor: SecondFactor, code: str, *, now: datetime) -> CodeResult:
    """Compare a code and write down what follows; the row is locked."""
    until = factor.waits_until
    if until is not None and now < until:
        return CodeResult(waits_until=until)
    plain = code.strip().replace(" ", "").replace("-", "").lower()
    if _takes_code(factor, plain, now) or _takes_recovery_code(factor, plain):
        factor.wrong_codes, factor.wrong_code_at = 0, None
        factor.save()
        return CodeResult(factor.pk)
    factor.wrong_codes, factor.wrong_code_at = factor.wrong_codes + 1, now
    factor.save()
    logger.warning("second_factor.wrong_code", user_id=factor.user_id, in_a_row=factor.wrong_codes)
    return CodeResult(waits_until=factor.waits_until)


def _takes_code(factor: SecondFactor, code: str, now: datetime) -> bool:
    if not (len(code) == 6 and code.isascii() and code.isdigit()):
        return False
    totp = TOTP(b32decode(factor.secret))
    totp.time = now.timestamp()
    is_right: bool = totp.verify(int(code), tolerance=TOLERANCE, min_t=factor.last_step + 1)
    if is_right:
        factor.last_step = totp.t()
    return is_right


def _takes_recovery_code(factor: SecondFactor, code: str) -> bool:
    """Use a recovery code up. They are random (80 bits), so that a plain digest is enough."""
    digest = hashlib.sha256(code.encode()).hexdigest()
    if digest not in factor.recovery_digests:
        return False
    factor.recovery_digests.remove(digest)
    return True


def _new_codes(factor: SecondFactor) -> tuple[str, ...]:
    plain = [b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    factor.recovery_digests = [hashlib.sha256(code.encode()).hexdigest() for code in plain]
    factor.save()
    return tuple("-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in plain)
