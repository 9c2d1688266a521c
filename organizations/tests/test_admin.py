"""Restaurants and API keys in the admin."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from organizations.models.api_keys import ApiKey, KeyRight
from organizations.models.organization import Organization, TerminalGroup
from tests.builders import ORGANIZATION_ID, TOKEN, cloud_event, make_organization, post
from tests.pages import API_KEYS, ORGANIZATIONS, markup, rows, sign_in, sign_in_superuser, text
from webhooks.models.inbox import EventSource, WebhookEvent

pytestmark = pytest.mark.django_db

NO_TERMINALS = {"terminal_groups-TOTAL_FORMS": "0", "terminal_groups-INITIAL_FORMS": "0"}


def form(**changes: str) -> dict[str, str]:
    return (
        {
            "iiko_id": ORGANIZATION_ID,
            "name": "Кафе «Сирень»",
            "timezone": "Asia/Yekaterinburg",
            "currency": "RUB",
            "is_active": "on",
        }
        | changes
        | NO_TERMINALS
    )


class TestOrganizations:
    def test_adding_stores_the_id_as_iiko_spells_it(self, client: Client) -> None:
        sign_in_superuser(client)

        client.post(f"{ORGANIZATIONS}add/", form(iiko_id=f"  {ORGANIZATION_ID.upper()} ", currency="kzt"))

        organization = Organization.objects.get()
        assert organization.iiko_id == ORGANIZATION_ID
        assert organization.currency == "KZT"

    def test_same_id_in_another_spelling_is_refused(self, client: Client) -> None:
        make_organization(token=None)
        sign_in_superuser(client)

        response = client.post(f"{ORGANIZATIONS}add/", form(iiko_id=ORGANIZATION_ID.upper()))

        assert response.status_code == 200
        assert "уже существует" in text(response)
        assert Organization.objects.count() == 1

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("timezone", "Moscow", "Moscow — не часовой пояс."),
            ("currency", "РУБ", "Укажите три буквы по ISO 4217, например RUB."),
            ("iiko_id", "   ", "Обязательное поле."),
        ],
    )
    def test_bad_value_is_refused_in_words(self, client: Client, field: str, value: str, words: str) -> None:
        sign_in_superuser(client)

        response = client.post(f"{ORGANIZATIONS}add/", form(**{field: value}))

        assert words in text(response)
        assert not Organization.objects.exists()

    def test_id_cannot_be_changed_later(self, client: Client) -> None:
        organization = make_organization()
        sign_in_superuser(client)

        response = client.post(
            f"{ORGANIZATIONS}{organization.pk}/change/", form(iiko_id="another", name="Новое имя")
        )

        organization.refresh_from_db()
        assert response.status_code == 302
        assert (organization.iiko_id, organization.name) == (ORGANIZATION_ID, "Новое имя")

    def test_terminal_groups_are_edited_beside_their_restaurant(self, client: Client) -> None:
        organization = make_organization()
        sign_in_superuser(client)
        group = {
            "terminal_groups-TOTAL_FORMS": "1",
            "terminal_groups-0-iiko_id": "group-1",
            "terminal_groups-0-name": "Зал",
            "terminal_groups-0-timezone": "+05:00",
        }

        client.post(f"{ORGANIZATIONS}{organization.pk}/change/", form() | group)

        group_row = TerminalGroup.objects.select_related("organization").get()
        assert group_row.organization == organization
        assert (group_row.iiko_id, group_row.name, group_row.timezone) == ("group-1", "Зал", "+05:00")

    def test_nothing_is_deleted_here(self, client: Client) -> None:
        organization = make_organization()
        sign_in_superuser(client)

        response = client.post(f"{ORGANIZATIONS}{organization.pk}/delete/", {"post": "yes"})

        assert response.status_code == 403
        assert Organization.objects.exists()

    def test_list_shows_whether_events_come(self, client: Client) -> None:
        make_organization()
        make_organization(iiko_id="silent", name="Тихое место", token=None)
        post(client, [cloud_event()])
        WebhookEvent.objects.update(received_at=timezone.now() - timedelta(minutes=3, seconds=20))
        sign_in_superuser(client)

        heard, silent = rows(client.get(ORGANIZATIONS))

        assert "токен задан" in heard
        assert "3 мин назад" in heard
        assert "нет токена" in silent
        assert "событий ещё не было" in silent

    def test_a_replay_is_no_sign_of_life(self, client: Client) -> None:
        make_organization()
        post(client, [cloud_event()])
        WebhookEvent.objects.update(source=EventSource.REPLAY)
        sign_in_superuser(client)

        assert "событий ещё не было" in rows(client.get(ORGANIZATIONS))[0]

    def test_page_gives_the_address_and_leads_to_the_token(self, client: Client, settings: Settings) -> None:
        settings.WEBHOOK_BASE_URL = "https://hub.example"
        with_token = make_organization()
        without = make_organization(iiko_id="new", name="Новое", token=None)
        sign_in_superuser(client)

        first = client.get(f"{ORGANIZATIONS}{with_token.pk}/change/")
        second = client.get(f"{ORGANIZATIONS}{without.pk}/change/")

        assert "https://hub.example/api/v1/webhooks/iiko" in text(first)
        assert f"/admin/webhooks/webhookconfig/{with_token.webhook_configs.get().pk}/change/" in markup(first)
        assert "/admin/webhooks/webhookconfig/add/?organization=new" in markup(second)
        assert TOKEN not in first.content.decode()

    def test_query_count_does_not_grow_with_rows(
        self, client: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(12):
            make_organization(iiko_id=f"id-{number}", name=f"Место {number}")
        sign_in_superuser(client)

        with django_assert_num_queries(5):  # session, user, count, rows, silent POS
            response = client.get(ORGANIZATIONS)

        assert len(rows(response)) == 12


class TestApiKeys:
    def test_key_is_shown_once_and_works(self, client: Client) -> None:
        organization = make_organization()
        sign_in_superuser(client)

        response = client.post(
            f"{API_KEYS}add/", {"name": "Магазин", "organizations": [organization.pk]}, follow=True
        )

        row = ApiKey.objects.get()
        key = markup(response).split('class="hub-secret">')[1].split("<")[0]
        assert row.opens_with(key)
        assert (row.name, row.sees_all, row.is_active) == ("Магазин", False, True)
        assert list(row.organizations.all()) == [organization]
        assert key not in client.get(API_KEYS).content.decode()
        assert Client().get("/api/v1/orders", headers={"Authorization": f"Api-Key {key}"}).status_code == 200

    def test_key_for_all_restaurants_is_asked_for_on_purpose(self, client: Client) -> None:
        organization = make_organization()
        sign_in_superuser(client)

        neither = client.post(f"{API_KEYS}add/", {"name": "Магазин"})
        both = client.post(
            f"{API_KEYS}add/", {"name": "Магазин", "organizations": [organization.pk], "sees_all": "on"}
        )

        for response in (neither, both):
            assert "Выберите организации или дайте ключу доступ ко всем." in text(response)
        assert not ApiKey.objects.exists()

        client.post(f"{API_KEYS}add/", {"name": "Магазин", "sees_all": "on"})

        assert ApiKey.objects.get().sees_all

    def test_key_may_act_only_if_the_box_is_ticked(self, client: Client) -> None:
        sign_in_superuser(client)

        page = client.get(f"{API_KEYS}add/")
        client.post(f"{API_KEYS}add/", {"name": "Читает", "sees_all": "on"})
        client.post(f"{API_KEYS}add/", {"name": "Действует", "sees_all": "on", "may_act": "on"})

        assert [name for name in KeyRight.values if not page.context["adminform"].form[name].value()] == [
            *KeyRight.values
        ]
        keys = {row.name: row for row in ApiKey.objects.all()}
        assert {name: row.may_act for name, row in keys.items()} == {"Читает": False, "Действует": True}
        url = f"{API_KEYS}{keys['Действует'].pk}/change/"
        client.post(url, {"name": "Действует", "is_active": "on", "sees_all": "on"})
        assert ApiKey.objects.get(name="Действует").may_act is False

    def test_key_expires_when_the_page_says(self, client: Client) -> None:
        sign_in_superuser(client)
        fields = {"name": "Магазин", "sees_all": "on", "expires_at_0": "31.01.2030", "expires_at_1": "12:00"}

        past = client.post(f"{API_KEYS}add/", fields | {"expires_at_0": "31.01.2020"})
        assert "Это уже прошло. Чтобы закрыть ключ сейчас, выключите его." in text(past)
        assert not ApiKey.objects.exists()

        client.post(f"{API_KEYS}add/", fields)
        row = ApiKey.objects.get()
        assert row.expires_at == datetime(2030, 1, 31, 12, tzinfo=UTC)
        for ends, words in ((timedelta(days=3, seconds=5), "работает ещё 3 дн"), (-timedelta(1), "истёк")):
            ApiKey.objects.update(expires_at=timezone.now() + ends)
            assert words in text(client.get(API_KEYS))

    def test_page_shows_no_digest_and_keeps_the_beginning(self, client: Client) -> None:
        sign_in_superuser(client)
        client.post(f"{API_KEYS}add/", {"name": "Магазин", "sees_all": "on"})
        row = ApiKey.objects.get()

        page = client.get(f"{API_KEYS}{row.pk}/change/")
        client.post(f"{API_KEYS}{row.pk}/change/", {"name": "Склад", "sees_all": "on", "prefix": "iih_other"})

        changed = ApiKey.objects.get()
        assert row.digest not in page.content.decode()
        assert row.prefix in text(page)
        assert (changed.name, changed.prefix, changed.digest) == ("Склад", row.prefix, row.digest)

    def test_switched_off_key_opens_nothing(self, client: Client) -> None:
        sign_in_superuser(client)
        response = client.post(f"{API_KEYS}add/", {"name": "Магазин", "sees_all": "on"}, follow=True)
        key = markup(response).split('class="hub-secret">')[1].split("<")[0]

        client.post(f"{API_KEYS}{ApiKey.objects.get().pk}/change/", {"name": "Магазин", "sees_all": "on"})

        answer = Client().get("/api/v1/orders", headers={"Authorization": f"Api-Key {key}"})
        assert not ApiKey.objects.get().is_active
        assert answer.status_code == 401

    def test_name_is_escaped(self, client: Client) -> None:
        sign_in_superuser(client)

        client.post(f"{API_KEYS}add/", {"name": "<img src=x onerror=alert(1)>", "sees_all": "on"})

        assert "<img src=x" not in client.get(API_KEYS).content.decode()


@pytest.mark.parametrize("page", [ORGANIZATIONS, API_KEYS])
class TestPermissions:
    def test_staff_without_permission_sees_nothing(self, client: Client, page: str) -> None:
        make_organization()
        sign_in(client)

        assert client.get(page).status_code == 403
        assert page not in client.get("/admin/").content.decode()

    def test_permission_to_look_changes_nothing(self, client: Client, page: str) -> None:
        model = page.split("/")[3]
        sign_in(client, f"organizations.view_{model}")

        assert client.get(page).status_code == 200
        assert client.post(f"{page}add/", {"name": "x"}).status_code == 403

    def test_nobody_is_let_in_without_signing_in(self, client: Client, page: str) -> None:
        response = client.get(page)

        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/")
