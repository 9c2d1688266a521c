"""Roubles, exact to the kopeck."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

ZERO = Decimal("0.00")
KOPECK = Decimal("0.01")


def kopecks(amount: Decimal) -> Decimal:
    """Round to the kopeck, a half away from zero, as a POS does."""
    return amount.quantize(KOPECK, rounding=ROUND_HALF_UP)


def percent_of(amount: Decimal, percent: Decimal) -> Decimal:
    return kopecks(amount * percent / 100)


def split(total: Decimal, weights: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Split ``total`` in proportion to ``weights``; the parts add up to it to the kopeck."""
    whole = sum(weights, ZERO)
    if not whole:
        return tuple(ZERO for _ in weights)
    parts, given, seen = [], ZERO, ZERO
    for weight in weights:
        seen += weight
        part = kopecks(total * seen / whole) - given
        parts.append(part)
        given += part
    return tuple(parts)
