"""What leaves an entry, and what it keeps."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from audit.models import AuditEntry
from organizations.models.api_keys import ApiKey
from organizations.provisioning import create_api_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> User:
    user = User.objects.create_superuser("boss", password="a long password")
    client.force_login(user)
    return user


def test_switching_a_key_off_says_who_from_where_and_what(client: Client, boss: User) -> None:
    key, _text = create_api_key(name="Shop", organization_ids=[])
    assert not AuditEntry.objects.exists()  # nobody acts here

    page = reverse("admin:organizations_apikey_change", args=[key.pk])
    answer = client.post(
        page, {"name": "Shop", "sees_all": "on"}, REMOTE_ADDR="203.0.113.7", HTTP_USER_AGENT="Firefox"
    )

    assert answer.status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.user_id, entry.address, entry.user_agent) == (
        *("boss", boss.pk, "203.0.113.7", "Firefox"),
    )
    assert (entry.act, entry.subject, entry.subject_text, entry.outcome) == (
        *("changed", f"organizations.apikey:{key.pk}", "Shop", "done"),
    )
    assert entry.before["is_active"] is True
    assert entry.after["is_active"] is False
    assert ApiKey.objects.get().is_active is False


def test_links_of_a_person_join_the_entry_of_the_person(client: Client, boss: User) -> None:
    group = Group.objects.get(name="Operator")
    anna = User.objects.create_user("anna", is_staff=True)

    page = reverse("admin:auth_user_change", args=[anna.pk])
    client.post(page, {"username": "anna.k", "is_active": "on", "sees": "all", "groups": [group.pk]})

    entry = AuditEntry.objects.get(subject=f"auth.user:{anna.pk}")
    assert entry.before == {"username": "anna", "groups": []}
    assert entry.after == {"username": "anna.k", "groups": ["Оператор"]}
