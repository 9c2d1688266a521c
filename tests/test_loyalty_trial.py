"""Random operations on random wallets with everything going wrong: money moves exactly once."""

import pytest

from bench.loyalty import Trial

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_wallet_equals_the_ledger_whatever_goes_wrong() -> None:
    outcome = Trial(operations=60, wallets=8, seed=1).run()

    assert outcome.is_exact, outcome
    assert outcome.states["confirmed"] > 20
    assert outcome.lost_answers > 2
    assert outcome.crashes > 2
