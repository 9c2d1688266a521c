"""Every list of the admin of a hub in which nothing has happened; full: ``test_admin_list_contracts``."""

import pytest
from django.test import Client

from tests.test_admin_list_contracts import EACH, assert_opens

pytestmark = pytest.mark.django_db


@EACH
def test_empty_list_opens_and_says_what_it_is(admin_client: Client, name: str) -> None:
    assert_opens(admin_client, name)
