"""Events without a schema are played, each for who asks for it."""

from __future__ import annotations

import pytest

from sandbox.http.control_api import TOLD_NOW
from sandbox.tests.builders import whole_story
from sandbox.tests.harness import Theatre, open_theatre
from sandbox.webhooks import envelope
from sandbox.webhooks.events import Notice, NoticeKind

FILTERS = {
    "nomenclatureUpdateFilter": "NomenclatureUpdate",
    "businessHoursAndMappingUpdateFilter": "BusinessHoursAndMappingUpdate",
}


@pytest.fixture
def theatre() -> Theatre:
    return open_theatre(rate=0)


def settle(theatre: Theatre, wanted: dict[str, object]) -> None:
    organization = theatre.restaurant("Берёзка")
    settings = {
        "organizationId": str(organization.id),
        "webHooksUri": "https://hub.example/hook",
        "webHooksFilter": wanted,
    }
    theatre.get("webhooks/update_settings", settings)


def told(theatre: Theatre) -> list[object]:
    theatre.play(4)
    return [each["eventType"] for each in theatre.events()]


def test_story_has_all_of_them() -> None:
    notices = [each for each in whole_story() if isinstance(each, Notice)]

    assert {each.kind for each in notices} == set(NoticeKind)
    for each in notices:
        event = envelope.event(each)
        assert (event["eventType"], event["eventInfo"]) == (each.kind.value, each.info)
        assert not each.organization.speaks_soi


@pytest.mark.parametrize("event_type", TOLD_NOW)
def test_event_is_told_when_asked_for(theatre: Theatre, event_type: str) -> None:
    organization = theatre.restaurant("Маяк")

    theatre.control("events", {"event_type": event_type, "organization_id": str(organization.id)})

    assert event_type in told(theatre)
    assert {each["organizationId"] for each in theatre.events()} == {str(organization.id)}


@pytest.mark.parametrize("wanted", FILTERS)
def test_filter_lets_through_what_it_asks_for(theatre: Theatre, wanted: str) -> None:
    settle(theatre, {wanted: {"updates": True}})

    for kind in NoticeKind:
        theatre.control("events", {"event_type": kind.value})

    assert told(theatre) == [FILTERS[wanted]]


@pytest.mark.parametrize("wanted", [{"updates": False}, None])
def test_filter_that_does_not_ask_gets_nothing(theatre: Theatre, wanted: object) -> None:
    settle(theatre, {"nomenclatureUpdateFilter": wanted})

    for kind in NoticeKind:
        theatre.control("events", {"event_type": kind.value})

    assert told(theatre) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"event_type": "DeliveryOrderUpdate"}, "orders are born by /sandbox/orders"),
        ({"event_type": "DroneLanded"}, "there are StopListUpdate, PersonalShift"),
    ],
)
def test_what_cannot_be_told_is_refused_in_words(theatre: Theatre, given: dict[str, str], words: str) -> None:
    answer = theatre.client.post("/sandbox/events", json=given)

    assert answer.status_code == 400
    assert words in answer.get_data(as_text=True)


def test_restaurant_of_soi_has_none_to_tell(theatre: Theatre) -> None:
    organization = theatre.restaurant("Сопка")

    answer = theatre.client.post(
        "/sandbox/events",
        json={"event_type": "NomenclatureUpdate", "organization_id": str(organization.id)},
    )

    assert answer.status_code == 400
    assert told(theatre) == []


def test_page_offers_the_events(theatre: Theatre) -> None:
    page = theatre.client.get("/").get_data(as_text=True)

    assert "<option>KitchenOrderUpdate</option>" in page
    assert (
        theatre.client.post("/sandbox/events", data={"event_type": "KitchenOrderUpdate"}).status_code == 303
    )
