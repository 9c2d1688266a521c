"""Money: iiko's JSON numbers in major units (roubles) to whole 1/100 and back, exactly."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NewType

MinorUnits = NewType("MinorUnits", int)
"""1/100 of the currency: kopecks for RUB."""

_HUNDREDTH = Decimal("0.01")
# The usual context rounds to 28 digits without a word.
_EXACT = Context(prec=40, traps=[Inexact])
_WRITTEN = re.compile(r"-?\d{1,30}(\.\d{1,2})?", re.ASCII)
_LARGEST = Decimal(10) ** 16  # in major units; the column is 64-bit


class NotMoney(ValueError):
    """The value is not an amount of whole 1/100 of a currency."""


def to_minor(value: object) -> MinorUnits:
    """Convert major units to 1/100 of the currency: ``Decimal("1520.50")`` → 152050.

    Accepts ``int``, ``Decimal`` and decimal text; never ``float`` (parse JSON with
    ``parse_float=Decimal``). A fraction of 1/100 is refused, not rounded.

    Raises:
        NotMoney: not a number, out of range, or finer than 1/100.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise NotMoney(f"{value!r} is not an amount of money")
    try:
        amount = Decimal(value)
    except InvalidOperation as error:
        raise NotMoney(f"{str(value)[:40]!r} is not an amount of money") from error
    # copy_abs rounds nothing: abs would raise Overflow on an exponent beyond the usual context's.
    if not amount.is_finite() or amount.copy_abs() >= _LARGEST:
        raise NotMoney(f"{str(value)[:40]} is outside the range of amounts")
    try:
        minor = amount.quantize(_HUNDREDTH, context=_EXACT).scaleb(2, context=_EXACT)
    except Inexact as error:
        raise NotMoney(f"{str(value)[:40]} has a fraction smaller than 1/100") from error
    return MinorUnits(int(minor))


def text_to_minor(text: str) -> MinorUnits:
    """Convert what somebody wrote as an amount: digits, a point and at most two places, nothing else.

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
