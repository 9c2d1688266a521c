from decimal import Decimal

from sandbox.catalogue.money import ZERO, kopecks, percent_of, split


def test_a_half_kopeck_is_rounded_away_from_zero() -> None:
    assert kopecks(Decimal("0.005")) == Decimal("0.01")
    assert kopecks(Decimal("19.994999")) == Decimal("19.99")


def test_percentage_is_exact_to_the_kopeck() -> None:
    assert percent_of(Decimal("99.90"), Decimal(15)) == Decimal("14.99")


def test_parts_add_up_to_the_kopeck() -> None:
    parts = split(Decimal("100.00"), [Decimal(1), Decimal(1), Decimal(1)])

    assert parts == (Decimal("33.33"), Decimal("33.34"), Decimal("33.33"))
    assert sum(parts) == Decimal("100.00")


def test_nothing_is_split_over_what_costs_nothing() -> None:
    assert split(Decimal(0), [ZERO, ZERO]) == (ZERO, ZERO)
    assert split(Decimal(0), []) == ()
