from collections import Counter

import pytest

from sandbox.faults import FAULT_NAMES, NO_FAULTS, DeliveryFault, FaultInjector, Faults, parse_faults


def test_faults_are_read_by_name() -> None:
    assert parse_faults("duplicate=0.1, drop=1") == Faults(duplicate=0.1, drop=1.0)
    assert parse_faults("") == NO_FAULTS


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lose=0.1", "there is no fault 'lose'; known are " + ", ".join(FAULT_NAMES)),
        ("drop=2", "drop must be a probability from 0 to 1, as in drop=0.1, not '2'"),
        ("drop=often", "drop must be a probability from 0 to 1, as in drop=0.1, not 'often'"),
        ("drop", "drop must be a probability from 0 to 1, as in drop=0.1, not ''"),
        ("delay=nan", "delay must be a probability from 0 to 1, as in delay=0.1, not 'nan'"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_faults(text)

    assert str(caught.value) == sentence


def test_nothing_goes_wrong_without_faults() -> None:
    rng = FaultInjector(NO_FAULTS, seed=1)

    assert {rng.for_delivery() for _ in range(1000)} == {
        DeliveryFault(copies=1, delay_s=0.0, may_be_overtaken=False)
    }


def test_certain_faults_always_happen() -> None:
    assert FaultInjector(Faults(drop=1), 1).for_delivery() == DeliveryFault(copies=0)
    assert FaultInjector(Faults(duplicate=1), 1).for_delivery() == DeliveryFault(copies=2)
    overtaken = FaultInjector(Faults(reorder=1), 1).for_delivery()
    assert overtaken.may_be_overtaken
    assert 5 <= overtaken.delay_s <= 20
    held = FaultInjector(Faults(delay=1), 1).for_delivery()
    assert not held.may_be_overtaken
    assert 2 <= held.delay_s <= 10


def test_faults_happen_as_often_as_asked_and_the_same_for_one_seed() -> None:
    rng, other = (FaultInjector(Faults(duplicate=0.2), seed=5) for _ in range(2))

    planned = [rng.for_delivery() for _ in range(2000)]

    assert 350 < Counter(planned)[DeliveryFault(copies=2)] < 450
    assert planned == [other.for_delivery() for _ in range(2000)]


def test_faults_say_what_they_are() -> None:
    assert str(NO_FAULTS) == "none"
    assert str(Faults(duplicate=0.1, drop=0.02)) == "duplicate 0.1, drop 0.02"
