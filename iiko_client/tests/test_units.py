"""Money: exact or refused, never rounded."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from iiko_client.json_reader import loads
from iiko_client.units import MinorUnits, NotMoney, to_major, to_minor


@pytest.mark.parametrize(
    ("value", "minor"),
    [
        (Decimal("1520.50"), 152050),
        (Decimal("19.99"), 1999),
        (Decimal("0.29"), 29),
        (Decimal("1.1"), 110),
        (Decimal("1651.0"), 165100),
        (Decimal("1651.00000"), 165100),
        (Decimal("1E+2"), 10000),
        (Decimal("15E-1"), 150),
        (Decimal("-0.01"), -1),
        (Decimal("-0"), 0),
        (0, 0),
        (1651, 165100),
        (-5, -500),
        ("1520.50", 152050),
        (" 19.99 ", 1999),
        ("1e2", 10000),
        (Decimal("9999999999999999.99"), 999999999999999999),
        (Decimal("-9999999999999999.99"), -999999999999999999),
        (9999999999999999, 999999999999999900),
    ],
)
def test_amounts_are_exact(value: Any, minor: int) -> None:
    assert to_minor(value) == minor
    assert type(to_minor(value)) is int


@pytest.mark.parametrize(
    "value",
    [
        Decimal("0.001"),
        Decimal("19.999"),
        Decimal("1E-30"),
        Decimal("1.0000000000000000000000000000000000001"),
        Decimal("9999999999999999.9900000000000000000000001"),
        "1.005",
    ],
)
def test_fraction_of_a_kopeck_is_refused(value: Any) -> None:
    with pytest.raises(NotMoney, match="fraction smaller than 1/100"):
        to_minor(value)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        Decimal("1E+16"),
        Decimal("-1E+16"),
        Decimal("1E+999999"),
        Decimal("-1E+999999999"),
        "1e999999999",
        10**16,
        10**400,
        "NaN",
        "Infinity",
    ],
    ids=lambda value: str(value)[:20],
)
def test_amount_outside_the_range_is_refused(value: Any) -> None:
    with pytest.raises(NotMoney, match="outside the range"):
        to_minor(value)


@pytest.mark.parametrize("value", [19.99, 1.0, float("nan"), True, False, None, [], {}, b"1", 1j], ids=repr)
def test_what_is_no_exact_number_is_refused(value: Any) -> None:
    with pytest.raises(NotMoney, match="is not an amount of money"):
        to_minor(value)


@pytest.mark.parametrize("value", ["", " ", "abc", "1,50", "1 520.50", "0x10", "₽5", "--5"])
def test_text_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(NotMoney, match="is not an amount of money"):
        to_minor(value)


@pytest.mark.parametrize(
    ("minor", "major"),
    [(152050, "1520.50"), (0, "0.00"), (-1, "-0.01"), (5, "0.05"), (10**18 - 1, "9999999999999999.99")],
)
def test_major_units_have_two_places(minor: int, major: str) -> None:
    assert str(to_major(MinorUnits(minor))) == major


@given(minor=st.integers(-(10**18) + 1, 10**18 - 1))
def test_amounts_come_back(minor: int) -> None:
    assert to_minor(to_major(MinorUnits(minor))) == minor


@given(roubles=st.integers(0, 10**13), kopecks=st.integers(0, 99))
def test_amounts_in_json_are_exact(roubles: int, kopecks: int) -> None:
    written = json.dumps({"sum": 0}).replace("0", f"{roubles}.{kopecks:02}")

    assert to_minor(loads(written)["sum"]) == roubles * 100 + kopecks


@given(value=st.decimals())
def test_any_decimal_is_exact_or_refused(value: Decimal) -> None:
    try:
        assert Decimal(to_minor(value)) == value * 100
    except NotMoney:
        assert not value.is_finite() or abs(value) >= 10**16 or value != round(value, 2)
