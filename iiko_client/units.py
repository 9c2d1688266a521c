"""Money: iiko's JSON numbers in major units (roubles) to whole 1/100 and back.

Amounts from people and programs are exact or refused (``to_minor``). iiko computes in doubles
(docs/iiko.md#money), so its amounts are rounded (``rounded``): to the nearest 1/100 of the number as it is
written, a half away from zero, one number at a time. 117.549 is 117.55, 0.005 is 0.01, -0.005 is -0.01.
"""

import re
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from typing import NewType

MinorUnits = NewType("MinorUnits", int)
"""1/100 of the currency: kopecks for RUB."""

_HUNDREDTH = Decimal("0.01")
_MILLIONTH = Decimal("0.000001")
# The default context rounds to 28 digits silently.
_EXACT = Context(prec=40, traps=[Inexact])
_ROUNDED = Context(prec=40, rounding=ROUND_HALF_UP)
# A double has 53 bits; sums of a POS are off by some of the last ones.
_NOISE = Decimal(2) ** -48
_WRITTEN = re.compile(r"-?\d{1,30}(\.\d{1,2})?", re.ASCII)
_LARGEST = Decimal(10) ** 16  # in major units; the column is 64-bit


class NotMoney(ValueError):
    """The value is no amount of money, or finer than 1/100 where that is refused."""


def to_minor(value: object) -> MinorUnits:
    """Convert major units to 1/100 of the currency: ``Decimal("1520.50")`` → 152050.

    Accepts ``int``, ``Decimal`` and decimal text; never ``float`` (parse JSON with
    ``parse_float=Decimal``). A fraction of 1/100 is refused, not rounded.

    Raises:
        NotMoney: not a number, out of range, or finer than 1/100.
    """
    amount = _amount(value)
    try:
        minor = amount.quantize(_HUNDREDTH, context=_EXACT).scaleb(2, context=_EXACT)
    except Inexact as error:
        raise NotMoney(f"{str(value)[:40]} has a fraction smaller than 1/100") from error
    return MinorUnits(int(minor))


def rounded(value: object) -> tuple[MinorUnits, bool]:
    """Round major units to 1/100 of the currency: ``Decimal("117.549")`` → 11755.

    The second value says whether more than the noise of a double was rounded away: true of 117.549, false
    of 1016.4499999999999, which is what a double makes of 1016.45.

    Raises:
        NotMoney: not a number, or out of range.
    """
    amount = _amount(value)
    nearest = amount.quantize(_HUNDREDTH, context=_ROUNDED)
    return MinorUnits(int(nearest.scaleb(2, context=_EXACT))), not _is_noise(amount, nearest)


def without_noise(amount: Decimal) -> Decimal:
    """Drop what a double added to an amount of six places or less: 0.30000000000000004 is 0.3."""
    nearest = amount.quantize(_MILLIONTH, context=_ROUNDED)
    return nearest if _is_noise(amount, nearest) else amount


def _is_noise(amount: Decimal, nearest: Decimal) -> bool:
    lost = _ROUNDED.subtract(amount, nearest).copy_abs()
    return lost <= _ROUNDED.multiply(max(amount.copy_abs(), Decimal(1)), _NOISE)


def _amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise NotMoney(f"{value!r} is not an amount of money")
    try:
        amount = Decimal(value)
    except InvalidOperation as error:
        raise NotMoney(f"{str(value)[:40]!r} is not an amount of money") from error
    # copy_abs rounds nothing: abs would raise Overflow on an exponent beyond the usual context's.
    if not amount.is_finite() or amount.copy_abs() >= _LARGEST:
        raise NotMoney(f"{str(value)[:40]} is outside the range of amounts")
    return amount


def text_to_minor(text: str) -> MinorUnits:
    """Convert an amount as people write it: digits, a point and at most two places, nothing else.

    ``1,500`` and ``1.500`` mean one and a half to some and fifteen hundred to others.

    Raises:
        NotMoney: it is written in another way, or out of range.
    """
    if not _WRITTEN.fullmatch(text):
        raise NotMoney(f"{text[:40]!r} is not written as an amount of money")
    return to_minor(text)


def to_major(minor: MinorUnits) -> Decimal:
    """Convert 1/100 of the currency to major units with two places: 152050 → ``Decimal("1520.50")``."""
    return Decimal(minor).scaleb(-2).quantize(Decimal("0.01"))
