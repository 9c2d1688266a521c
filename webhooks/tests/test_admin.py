"""The inbox and the webhooks' settings in the admin."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.test import Client
from django.utils.http import urlencode
from pytest_django import DjangoAssertNumQueries, Settings

from core.admin import base
from organizations.models.organization import Organization
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    REVISION,
    TOKEN,
    cloud_event,
    drain,
    make_organization,
    make_other_organization,
    post,
)
from tests.pages import CONFIGS, EVENTS, markup, rows, sign_in, sign_in_superuser, text
from webhooks import replay
from webhooks.models.inbox import EventSource, EventStatus, Reason, WebhookConfig, WebhookEvent
from webhooks.receiving.tokens import webhook_tokens

pytestmark = pytest.mark.django_db

CSS = Path(project.BASE_DIR) / "iikohub" / "static" / "iikohub" / "admin.css"


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def chief(client: Client) -> Client:
    sign_in_superuser(client)
    return client


def arrive(body: Any, *, token: str = TOKEN) -> WebhookEvent:
    """Bring a body in, apply it, and return the newest event."""
    post(Client(), body, token)
    drain()
    return WebhookEvent.objects.order_by("-id")[0]


def page_of(client: Client, event: WebhookEvent) -> str:
    return text(client.get(f"{EVENTS}{event.pk}/change/"))


def receives(token: str) -> bool:
    webhook_tokens.forget()
    status: int = post(Client(), [cloud_event(timestamp=REVISION + 99)], token).status_code
    return status == 200


@pytest.mark.usefixtures("organization")
class TestList:
    def test_row_tells_when_what_and_how_it_ended(self, chief: Client) -> None:
        event = arrive([cloud_event()])
        WebhookEvent.objects.update(received_at=datetime(2026, 3, 14, 13, 54, 55, tzinfo=UTC), duplicates=3)

        (row,) = rows(chief.get(EVENTS))

        assert row.startswith("14 мар")
        assert "18:54:55 DeliveryOrderUpdate применено Кафе «Сирень» №142 WEB-117 3" in row
        assert f"/admin/orders/order/{event.order_id}/change/" in markup(chief.get(EVENTS))

    def test_clocks_are_told_apart_once_restaurants_keep_different_ones(self, chief: Client) -> None:
        make_other_organization(timezone="Europe/Kaliningrad")
        arrive([cloud_event()])
        stranger = cloud_event(organization_id="nobody-here", order_id="x")
        arrive([stranger], token=project.WEBHOOK_SECRET_KEY or TOKEN)
        WebhookEvent.objects.update(received_at=datetime(2026, 3, 14, 13, 54, 55, tzinfo=UTC))

        told = rows(chief.get(EVENTS))

        assert any("18:54:55 UTC+5 DeliveryOrderUpdate" in row for row in told)
        assert any("13:54:55 UTC DeliveryOrderUpdate" in row and "nobody-here" in row for row in told)

    @pytest.mark.parametrize("status", EventStatus.values)
    def test_every_status_has_a_name_and_a_colour(self, chief: Client, status: str) -> None:
        arrive([cloud_event()])
        WebhookEvent.objects.update(status=status)

        assert f'hub-badge--{status}">{EventStatus(status).label}</span>' in markup(chief.get(EVENTS))
        assert f".hub-badge--{status} " in CSS.read_text() or f".hub-badge--{status}," in CSS.read_text()

    @pytest.mark.parametrize("reason", Reason.values)
    def test_every_reason_is_told_in_words(self, chief: Client, reason: str) -> None:
        arrive([cloud_event()])
        WebhookEvent.objects.update(
            status=EventStatus.IGNORED, reason=reason, processing_error="<b>detail</b>"
        )

        response = chief.get(f"{EVENTS}?reason={reason}")

        assert str(Reason(reason).label) in rows(response)[0]
        assert "<b>detail</b>" not in response.content.decode()

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("status=processed", 3),
            ("status=ignored", 1),
            ("type=DeliveryOrderUpdate", 2),
            ("type=StopListUpdate", 1),
            ("type=-", 1),
            ("type=NeverHeardOf", 0),
            ("reason=not_json", 1),
            ("source=webhook", 4),
            ("source=replay", 0),
            (f"organization={ORGANIZATION_ID}", 3),
            ("organization=nobody", 0),
            ("received_from=01.01.2026&received_to=31.12.2099", 4),
            ("received_to=01.01.2026 10:00", 0),
            ("received_from=gibberish", 0),
        ],
    )
    def test_filters(self, chief: Client, query: str, count: int) -> None:
        arrive([cloud_event(), cloud_event(order_id="second")])
        arrive([cloud_event(event_type="StopListUpdate")])
        arrive(b"not json at all")

        assert len(rows(chief.get(f"{EVENTS}?{query}"))) == count

    def test_types_to_choose_from_are_those_that_came(self, chief: Client) -> None:
        arrive([cloud_event(), cloud_event(event_type="BrandNewType")])
        arrive(b"not json at all")

        page = markup(chief.get(EVENTS))

        for value in ("DeliveryOrderUpdate", "BrandNewType", "-"):
            assert f'name="type" value="{value}"' in page
        assert 'value="PersonalShift"' not in page

    @pytest.mark.parametrize("words", ["142", "WEB-117", ORDER_ID, ORDER_ID.upper(), "+79030000011"])
    def test_event_is_found_by_its_order(self, chief: Client, words: str) -> None:
        arrive(
            [
                cloud_event(),
                cloud_event(order_id="other", number=9, external_number="W-9", phone="+79030000099"),
            ]
        )

        assert len(rows(chief.get(EVENTS, {"q": words}))) == 1

    def test_event_is_found_by_its_correlation_id(self, chief: Client) -> None:
        ident = "aaaaaaaa-0000-4000-8000-000000000001"
        arrive([cloud_event(), cloud_event(order_id="other", correlation_id=ident)])

        assert len(rows(chief.get(EVENTS, {"q": ident.upper()}))) == 1

    @pytest.mark.parametrize("words", ["WEB-11", "Delivery", "%", "'", "\\", "x" * 3000])
    def test_parts_and_nonsense_find_nothing(self, chief: Client, words: str) -> None:
        arrive([cloud_event()])

        response = chief.get(EVENTS, {"q": words})

        assert response.status_code == 200
        assert rows(response) == []

    @pytest.mark.parametrize(
        "parameter",
        ["status", "type", "organization", "reason", "source", "received_from", "received_to", "q", "o", "p"],
    )
    @pytest.mark.parametrize("value", ["\0", "a\0b", "9" * 40, "-1", "%s", "\ud800", "[]"])
    def test_no_address_breaks_the_list(self, chief: Client, parameter: str, value: str) -> None:
        arrive([cloud_event()])

        response = chief.get(
            f"{EVENTS}?{urlencode({parameter: value.encode('utf-8', 'surrogatepass')})}", follow=True
        )

        assert response.status_code == 200

    def test_empty_list_says_what_to_wait_for(self, chief: Client) -> None:
        assert "События появятся, как только iiko пришлёт первое." in text(chief.get(EVENTS))

    @pytest.mark.parametrize("events", [3, 40])
    def test_query_count_does_not_grow_and_bodies_stay_behind(
        self, chief: Client, django_assert_num_queries: DjangoAssertNumQueries, events: int
    ) -> None:
        make_other_organization()
        arrive([cloud_event(order_id=f"order-{number}", number=number) for number in range(events)])

        # Session, user, savepoint, timeout, types and restaurants to choose from, the filter's zone,
        # whether restaurants keep several zones, count, rows, release.
        with django_assert_num_queries(11) as captured:
            response = chief.get(EVENTS)

        told = " ".join(query["sql"] for query in captured.captured_queries)
        assert len(rows(response)) == events
        assert '"payload"' not in told
        assert '"raw_body"' not in told

    def test_count_stops_at_its_limit(self, chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(base, "COUNT_UP_TO", 5)
        arrive([cloud_event(order_id=f"order-{number}") for number in range(7)])

        assert "Всего: больше 5" in text(chief.get(EVENTS))


@pytest.mark.usefixtures("organization")
class TestPage:
    def test_payload_is_laid_out_readable_and_escaped(self, chief: Client) -> None:
        evil = "</pre><script>alert('Ёж')</script>"
        event = arrive([cloud_event(comment=evil, sum=10.5, info={"<img onerror=x>": 1})])

        page = chief.get(f"{EVENTS}{event.pk}/change/").content.decode()

        assert "<script>alert(" not in page
        assert "<img onerror" not in page
        assert "&lt;/pre&gt;&lt;script&gt;alert(&#x27;Ёж&#x27;)&lt;/script&gt;" in page
        assert '    <span class="k">&quot;organizationId&quot;</span>: ' in page
        assert '<span class="n">10.5</span>' in page
        assert '<span class="c">null</span>' in page

    def test_numbers_keep_every_digit(self, chief: Client) -> None:
        body = json.dumps([cloud_event()]).replace("1651.0", "12345678901234567890.123456789")
        event = arrive(body)

        assert "12345678901234567890.123456789" in page_of(chief, event)

    def test_body_that_is_no_json_is_shown_as_text(self, chief: Client) -> None:
        event = arrive("<b>Ёлка</b> ".encode() + b"\xff\x00\x1b[31m")

        response = chief.get(f"{EVENTS}{event.pk}/change/")

        assert "тело — не JSON" in text(response)
        assert "Исходное тело запроса 23 байта" in text(response)
        assert "&lt;b&gt;Ёлка&lt;/b&gt; \ufffd\ufffd\ufffd[31m" in response.content.decode()
        assert "Повторить" not in text(response)

    def test_huge_payload_is_folded_cut_and_can_be_downloaded(self, chief: Client) -> None:
        event = arrive([cloud_event(comment="Ж" * 400_000)])

        page = chief.get(f"{EVENTS}{event.pk}/change/")
        file = chief.get(f"{EVENTS}{event.pk}/payload/")

        assert "Показано только начало." in text(page)
        assert len(page.content) < 1_000_000
        assert '<details class="hub-card">' in markup(page)
        assert json.loads(file.content)["eventInfo"]["order"]["comment"] == "Ж" * 400_000
        assert file["Content-Disposition"] == f'attachment; filename="event-{event.pk}.json"'

    def test_failure_tells_error_attempts_and_what_comes_next(self, chief: Client) -> None:
        event = arrive([cloud_event()])
        WebhookEvent.objects.update(
            status=EventStatus.FAILED, reason=Reason.ERROR, processing_error="boom <b>", attempts=4
        )

        page = page_of(chief, event)

        assert "Применить не удалось; хаб попробует ещё раз. boom <b>" in page
        assert "Попытки 4" in page
        assert "Следующая попытка" in page

    def test_fields_that_could_not_be_read_are_named(self, chief: Client) -> None:
        event = arrive([cloud_event(sum="a lot")])

        assert "Замечания к содержимому" in page_of(chief, event)
        assert "sum" in page_of(chief, event)

    def test_event_of_a_stranger_says_how_to_apply_it(self, chief: Client, settings: Settings) -> None:
        settings.WEBHOOK_SECRET_KEY = "secret-of-the-installation"
        event = arrive([cloud_event(organization_id="stranger-1")], token="secret-of-the-installation")

        assert "Добавьте её с этим id iiko и повторите событие: stranger-1" in page_of(chief, event)

    def test_page_leads_to_order_original_and_replays(self, chief: Client) -> None:
        event = arrive([cloud_event()])
        chief.post(f"{EVENTS}{event.pk}/replay/")
        drain()
        replay = WebhookEvent.objects.get(source=EventSource.REPLAY)

        original_page = markup(chief.get(f"{EVENTS}{event.pk}/change/"))
        replay_page = markup(chief.get(f"{EVENTS}{replay.pk}/change/"))

        assert f"/admin/orders/order/{event.order_id}/change/" in original_page
        assert f"{EVENTS}{replay.pk}/change/" in original_page
        assert f"{EVENTS}{event.pk}/change/" in replay_page

    def test_query_count_is_bounded(
        self, chief: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        event = arrive([cloud_event()])
        for _ in range(3):
            chief.post(f"{EVENTS}{event.pk}/replay/")
            drain()

        chief.get(f"{EVENTS}{event.pk}/change/")  # reads what is kept in memory
        with django_assert_num_queries(7):  # session, user, event, restaurant, content, replays, commands
            response = chief.get(f"{EVENTS}{event.pk}/change/")

        assert markup(response).count("hub-badge--processed") == 4


@pytest.mark.usefixtures("organization")
class TestReplay:
    def test_get_only_asks(self, chief: Client) -> None:
        event = arrive([cloud_event()])

        response = chief.get(f"{EVENTS}{event.pk}/replay/")

        assert "Повторить 1 событие?" in text(response)
        assert 'name="csrfmiddlewaretoken"' in markup(response)
        assert WebhookEvent.objects.count() == 1

    def test_dialog_is_labelled_and_posts_with_a_csrf_token(self, chief: Client) -> None:
        event = arrive([cloud_event()])

        page = markup(chief.get(f"{EVENTS}{event.pk}/change/"))
        dialog = page[page.index("<dialog") : page.index("</dialog>")]

        assert 'role="dialog"' in dialog
        assert 'aria-labelledby="replay-dialog-title"' in dialog
        assert f'action="{EVENTS}{event.pk}/replay/"' in dialog
        assert 'name="csrfmiddlewaretoken"' in dialog
        assert "autofocus" in dialog

    def test_post_queues_the_event_and_says_so(self, chief: Client) -> None:
        event = arrive([cloud_event()])

        response = chief.post(f"{EVENTS}{event.pk}/replay/", follow=True)

        replay = WebhookEvent.objects.get(replay_of=event)
        assert (replay.source, replay.status) == (EventSource.REPLAY, EventStatus.PENDING)
        assert f"Поставлено в очередь как событие #{replay.pk}" in text(response)

    def test_post_without_csrf_token_is_refused(self) -> None:
        event = arrive([cloud_event()])
        strict = Client(enforce_csrf_checks=True)
        sign_in_superuser(strict)

        assert strict.post(f"{EVENTS}{event.pk}/replay/").status_code == 403
        assert WebhookEvent.objects.count() == 1

    def test_event_that_still_waits_is_not_queued_twice(self, chief: Client) -> None:
        post(Client(), [cloud_event()])
        event = WebhookEvent.objects.get()

        response = chief.post(f"{EVENTS}{event.pk}/replay/", follow=True)

        assert "Событие уже ждёт обработки." in text(response)
        assert WebhookEvent.objects.count() == 1

    def test_event_without_content_cannot_be_replayed(self, chief: Client) -> None:
        event = arrive(b"not json")

        asked = chief.get(f"{EVENTS}{event.pk}/replay/")
        done = chief.post(f"{EVENTS}{event.pk}/replay/", follow=True)

        assert "hub-button--primary" not in markup(asked)
        assert "Это событие не удалось прочитать при получении; применять нечего." in text(done)
        assert WebhookEvent.objects.count() == 1

    @pytest.mark.parametrize(
        ("events", "asked", "told"),
        [
            (1, "Повторить 1 событие?", "Поставлено 1 событие."),
            (3, "Повторить 3 события?", "Поставлено 3 события."),
            (5, "Повторить 5 событий?", "Поставлено 5 событий."),
            (21, "Повторить 21 событие?", "Поставлено 21 событие."),
        ],
    )
    def test_selection_is_counted_in_good_russian(
        self, chief: Client, events: int, asked: str, told: str
    ) -> None:
        arrive([cloud_event(order_id=f"order-{number}") for number in range(events)])
        form = {
            "action": "replay",
            "_selected_action": list(WebhookEvent.objects.values_list("pk", flat=True)),
        }

        question = chief.post(EVENTS, form)
        assert asked in text(question)
        assert WebhookEvent.objects.count() == events

        answer = chief.post(EVENTS, form | {"confirmed": "yes"}, follow=True)

        assert told in text(answer)
        assert WebhookEvent.objects.filter(source=EventSource.REPLAY).count() == events

    def test_question_carries_the_selection_on(self, chief: Client) -> None:
        event = arrive([cloud_event()])

        page = markup(
            chief.post(EVENTS, {"action": "replay", "_selected_action": [event.pk], "select_across": "0"})
        )

        assert f'<input type="hidden" name="_selected_action" value="{event.pk}">' in page
        assert '<input type="hidden" name="action" value="replay">' in page
        assert '<input type="hidden" name="confirmed" value="yes">' in page

    def test_what_cannot_be_applied_is_told_before_and_after(self, chief: Client) -> None:
        make_other_organization()
        arrive([cloud_event(), cloud_event(organization_id=OTHER_ORGANIZATION_ID, order_id="foreign")])
        arrive(b"not json")
        arrive(b"not json either")
        form = {
            "action": "replay",
            "_selected_action": list(WebhookEvent.objects.values_list("pk", flat=True)),
        }

        asked = text(chief.post(EVENTS, form))
        told = text(chief.post(EVENTS, form | {"confirmed": "yes"}, follow=True))

        assert "3 события будут пропущены" in asked
        assert "Поставлено 1 событие. 3 события пропущены" in told

    def test_whole_filtered_list_is_replayed_without_its_own_replays(self, chief: Client) -> None:
        arrive([cloud_event(order_id=f"order-{number}") for number in range(60)])
        form = {
            "action": "replay",
            "select_across": "1",
            "_selected_action": [WebhookEvent.objects.order_by("-id")[0].pk],
            "confirmed": "yes",
        }

        response = chief.post(f"{EVENTS}?type=DeliveryOrderUpdate", form, follow=True)

        assert "Поставлено 60 событий." in text(response)
        assert WebhookEvent.objects.count() == 120

    def test_too_many_at_once_are_left_to_the_command(
        self, chief: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(replay, "REPLAY_AT_ONCE", 2)
        arrive([cloud_event(order_id=f"order-{number}") for number in range(3)])
        form = {
            "action": "replay",
            "_selected_action": list(WebhookEvent.objects.values_list("pk", flat=True)),
        }

        response = chief.post(EVENTS, form | {"confirmed": "yes"}, follow=True)

        assert (
            "Выбрано событий: 3, а здесь за раз можно повторить не больше 2, поэтому не повторено ни одно. "
            "Выберите меньше или используйте команду, которая берёт любое количество: "
            "manage.py replay_webhooks" in text(response)
        )
        assert WebhookEvent.objects.count() == 3


@pytest.mark.usefixtures("organization")
class TestPermissions:
    def test_staff_without_permission_sees_nothing(self, client: Client) -> None:
        event = arrive([cloud_event()])
        sign_in(client)

        for page in ("", f"{event.pk}/change/", f"{event.pk}/payload/", f"{event.pk}/replay/"):
            assert client.get(f"{EVENTS}{page}").status_code == 403
        assert EVENTS not in client.get("/admin/").content.decode()

    def test_who_may_only_look_cannot_replay(self, client: Client) -> None:
        event = arrive([cloud_event()])
        sign_in(client, "webhooks.view_webhookevent")

        page = client.get(f"{EVENTS}{event.pk}/change/")
        bulk = client.post(
            EVENTS, {"action": "replay", "_selected_action": [event.pk], "confirmed": "yes"}, follow=True
        )

        assert "<dialog" not in markup(page)
        assert 'name="action"' not in markup(client.get(EVENTS))
        assert client.post(f"{EVENTS}{event.pk}/replay/").status_code == 403
        assert bulk.status_code == 200
        assert WebhookEvent.objects.count() == 1

    def test_permission_to_replay_is_enough_with_permission_to_look(self, client: Client) -> None:
        event = arrive([cloud_event()])
        sign_in(client, "webhooks.view_webhookevent", "webhooks.replay_webhookevent")

        client.post(f"{EVENTS}{event.pk}/replay/")

        assert WebhookEvent.objects.filter(replay_of=event).exists()

    def test_permission_to_replay_alone_opens_nothing(self, client: Client) -> None:
        event = arrive([cloud_event()])
        sign_in(client, "webhooks.replay_webhookevent")

        assert client.get(EVENTS).status_code == 403
        assert client.post(f"{EVENTS}{event.pk}/replay/").status_code == 403

    def test_who_may_not_see_orders_gets_no_link_to_them(self, client: Client) -> None:
        event = arrive([cloud_event()])
        sign_in(client, "webhooks.view_webhookevent")

        for page in (EVENTS, f"{EVENTS}{event.pk}/change/"):
            shown = client.get(page)
            assert "№142" in text(shown)
            assert "/admin/orders/" not in shown.content.decode()

    def test_nothing_received_can_be_changed_or_lost_here(self, chief: Client) -> None:
        event = arrive([cloud_event()])

        assert chief.get(f"{EVENTS}add/").status_code == 403
        assert chief.post(f"{EVENTS}{event.pk}/change/", {"status": "dead"}).status_code == 403
        assert chief.post(f"{EVENTS}{event.pk}/delete/", {"post": "yes"}).status_code == 403
        chief.post(EVENTS, {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
        assert WebhookEvent.objects.get().status == EventStatus.PROCESSED

    def test_unknown_event_is_not_found(self, chief: Client) -> None:
        for page in ("payload", "replay"):
            assert chief.get(f"{EVENTS}4242/{page}/").status_code == 404


class TestConfigs:
    def test_token_is_made_here_and_shown_once(self, chief: Client) -> None:
        organization = make_organization(token=None)

        response = chief.post(
            f"{CONFIGS}add/", {"organization": organization.iiko_id, "is_active": "on"}, follow=True
        )

        token = WebhookConfig.objects.get().auth_token
        assert len(token) >= 32
        assert f'class="hub-secret">{token}</code>' in markup(response)
        assert token not in chief.get(CONFIGS).content.decode()
        assert receives(token)

    def test_token_of_ones_own_is_not_repeated(self, chief: Client) -> None:
        organization = make_organization(token=None)
        form = {
            "organization": organization.iiko_id,
            "is_active": "on",
            "new_token": "  a-token-of-our-own  ",
        }

        response = chief.post(f"{CONFIGS}add/", form, follow=True)

        assert WebhookConfig.objects.get().auth_token == "a-token-of-our-own"
        assert "a-token-of-our-own" not in response.content.decode()
        assert "a-to••••••••" in text(response)

    def test_new_token_leaves_the_former_valid_until_told_otherwise(self, chief: Client) -> None:
        make_organization()
        config = WebhookConfig.objects.get()
        page = f"{CONFIGS}{config.pk}/change/"

        chief.post(page, {"is_active": "on", "new_token": "the-new-token-1"})
        assert receives(TOKEN)
        assert "ещё принимается" in text(chief.get(page))

        chief.post(page, {"is_active": "on", "forgets_previous": "on"})
        assert receives("the-new-token-1")
        assert not receives(TOKEN)

    def test_saving_without_a_token_keeps_it(self, chief: Client) -> None:
        make_organization()
        config = WebhookConfig.objects.get()

        chief.post(f"{CONFIGS}{config.pk}/change/", {"is_active": "on"})

        config.refresh_from_db()
        assert (config.auth_token, config.previous_auth_token) == (TOKEN, "")

    def test_new_token_given_together_with_forgetting_keeps_the_former(self, chief: Client) -> None:
        make_organization()
        config = WebhookConfig.objects.get()

        chief.post(
            f"{CONFIGS}{config.pk}/change/",
            {"is_active": "on", "new_token": "the-new-token-1", "forgets_previous": "on"},
        )

        config.refresh_from_db()
        assert (config.auth_token, config.previous_auth_token) == ("the-new-token-1", TOKEN)

    def test_switched_off_tokens_are_refused(self, chief: Client) -> None:
        make_organization()
        config = WebhookConfig.objects.get()

        chief.post(f"{CONFIGS}{config.pk}/change/", {})

        assert not receives(TOKEN)

    @pytest.mark.parametrize("token", ["short", "пароль-пароль", "with\nnewline", "        "])
    def test_token_that_cannot_travel_is_refused(self, chief: Client, token: str) -> None:
        make_organization()
        config = WebhookConfig.objects.get()

        response = chief.post(f"{CONFIGS}{config.pk}/change/", {"is_active": "on", "new_token": token})

        config.refresh_from_db()
        assert config.auth_token == TOKEN
        if token.strip():
            assert "В токене не меньше 8 печатных символов ASCII" in text(response)

    def test_second_settings_of_a_restaurant_are_refused(self, chief: Client) -> None:
        organization = make_organization()

        response = chief.post(
            f"{CONFIGS}add/", {"organization": organization.iiko_id, "new_token": "another-token"}
        )

        assert "У этой организации уже есть настройки вебхука. Смените токен там." in text(response)
        assert WebhookConfig.objects.get().auth_token == TOKEN

    def test_page_tells_how_to_point_iiko_here_and_hides_the_token(
        self, chief: Client, settings: Settings
    ) -> None:
        settings.WEBHOOK_BASE_URL = "https://hub.example"
        make_organization()
        config = WebhookConfig.objects.get()

        response = chief.get(f"{CONFIGS}{config.pk}/change/")

        assert "https://hub.example/api/v1/webhooks/iiko" in text(response)
        assert "POST /api/1/webhooks/update_settings" in text(response)
        assert TOKEN not in response.content.decode()
        assert "toke••••••••" in text(response)

    def test_hub_without_an_address_says_what_to_set(self, chief: Client, settings: Settings) -> None:
        settings.WEBHOOK_BASE_URL = ""
        make_organization()

        assert "задайте в WEBHOOK_BASE_URL" in text(chief.get(f"{CONFIGS}add/"))

    def test_link_from_a_restaurant_chooses_it(self, chief: Client) -> None:
        organization = make_organization(token=None)

        page = markup(chief.get(f"{CONFIGS}add/?organization={organization.iiko_id}"))

        assert f'<option value="{organization.iiko_id}" selected>' in page

    def test_nobody_deletes_settings_or_sees_them_without_permission(self, client: Client) -> None:
        make_organization()
        config = WebhookConfig.objects.get()
        sign_in(client, "webhooks.view_webhookconfig", "webhooks.delete_webhookconfig")

        assert client.get(f"{CONFIGS}{config.pk}/change/").status_code == 200
        assert (
            client.post(f"{CONFIGS}{config.pk}/change/", {"new_token": "the-new-token-1"}).status_code == 403
        )
        assert client.post(f"{CONFIGS}{config.pk}/delete/", {"post": "yes"}).status_code == 403
        assert WebhookConfig.objects.get().auth_token == TOKEN
