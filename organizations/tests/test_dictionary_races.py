"""``sync_dictionaries`` beside a worker that starts: both read the same restaurants for the first time."""

import pytest
from django.utils import timezone

from organizations.dictionaries.sync import sync_login
from organizations.models.dictionaries import Courier, DictionaryEntry
from organizations.models.organization import Organization, TerminalGroup
from organizations.tests.test_dictionaries import plays
from tests.at_once import AT_ONCE, at_once
from tests.simulated_iiko import SimulatedIiko, make_login

pytestmark = pytest.mark.django_db(transaction=True)


def test_restaurant_found_by_many_at_once_is_one_row(iiko: SimulatedIiko) -> None:
    plays(iiko)
    login = make_login()

    results = at_once(lambda _number: sync_login(login, now=timezone.now(), report=lambda _line: None))

    assert [result.failures for result in results] == [[]] * AT_ONCE
    assert Organization.objects.count() == 1
    [organization] = Organization.objects.all()
    assert (organization.name, organization.api_login) == ("Сирень", login)
    assert sum(result.created for result in results) == sum(
        model._default_manager.count() for model in (Organization, TerminalGroup, Courier, DictionaryEntry)
    )
