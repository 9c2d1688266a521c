"""Events without a schema are played, each for who asks for it."""

from __future__ import annotations

import pytest

from sandbox.http.control_api import ON_DEMAND_EVENTS
from sandbox.tests.builders import full_run
from sandbox.tests.harness import Harness
from sandbox.webhooks import envelope
from sandbox.webhooks.events import UndocumentedEvent, UndocumentedType

FILTERS = {
    "nomenclatureUpdateFilter": "NomenclatureUpdate",
    "businessHoursAndMappingUpdateFilter": "BusinessHoursAndMappingUpdate",
}


def configure(harness: Harness, wanted: dict[str, object]) -> None:
    organization = harness.restaurant("Берёзка")
    settings = {
        "organizationId": str(organization.id),
        "webHooksUri": "https://hub.example/hook",
        "webHooksFilter": wanted,
    }
    harness.get("webhooks/update_settings", settings)


def shown(harness: Harness) -> list[object]:
    harness.run(4)
    return [each["eventType"] for each in harness.events()]


def test_story_has_all_of_them() -> None:
    events = [each for each in full_run() if isinstance(each, UndocumentedEvent)]

    assert {each.kind for each in events} == set(UndocumentedType)
    for each in events:
        event = envelope.event(each)
        assert (event["eventType"], event["eventInfo"]) == (each.kind.value, each.info)
        assert not each.organization.uses_soi


@pytest.mark.parametrize("event_type", ON_DEMAND_EVENTS)
def test_event_is_told_when_asked_for(harness: Harness, event_type: str) -> None:
    organization = harness.restaurant("Маяк")

    harness.control("events", {"event_type": event_type, "organization_id": str(organization.id)})

    assert event_type in shown(harness)
    assert {each["organizationId"] for each in harness.events()} == {str(organization.id)}


@pytest.mark.parametrize("wanted", FILTERS)
def test_filter_lets_through_what_it_asks_for(harness: Harness, wanted: str) -> None:
    configure(harness, {wanted: {"updates": True}})

    for kind in UndocumentedType:
        harness.control("events", {"event_type": kind.value})

    assert shown(harness) == [FILTERS[wanted]]


@pytest.mark.parametrize("wanted", [{"updates": False}, None])
def test_filter_that_does_not_ask_gets_nothing(harness: Harness, wanted: object) -> None:
    configure(harness, {"nomenclatureUpdateFilter": wanted})

    for kind in UndocumentedType:
        harness.control("events", {"event_type": kind.value})

    assert shown(harness) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"event_type": "DeliveryOrderUpdate"}, "orders are created by /sandbox/orders"),
        ({"event_type": "DroneLanded"}, "there are StopListUpdate, PersonalShift"),
    ],
)
def test_what_cannot_be_told_is_refused_in_words(harness: Harness, given: dict[str, str], words: str) -> None:
    answer = harness.client.post("/sandbox/events", json=given)

    assert answer.status_code == 400
    assert words in answer.get_data(as_text=True)


def test_restaurant_of_soi_has_none_to_tell(harness: Harness) -> None:
    organization = harness.restaurant("Сопка")

    answer = harness.client.post(
        "/sandbox/events",
        json={"event_type": "NomenclatureUpdate", "organization_id": str(organization.id)},
    )

    assert answer.status_code == 400
    assert shown(harness) == []


def test_page_offers_the_events(harness: Harness) -> None:
    page = harness.client.get("/").get_data(as_text=True)

    assert "<option>KitchenOrderUpdate</option>" in page
    assert (
        harness.client.post("/sandbox/events", data={"event_type": "KitchenOrderUpdate"}).status_code == 303
    )
