"""Events without a schema are simulated, each for logins that subscribe to it."""

import pytest

from sandbox.http.control_api import ON_DEMAND_EVENTS
from sandbox.tests.builders import full_run
from sandbox.tests.harness import Harness
from sandbox.webhooks.events import UndocumentedEvent, UndocumentedType
from sandbox.webhooks.webhook_queue import envelope

NOTHING: list[str] = []


def _sent(harness: Harness) -> list[str]:
    harness.run(4)
    return [each["eventType"] for each in harness.events()]


def test_run_has_all_of_them() -> None:
    events = [each for each in full_run() if isinstance(each, UndocumentedEvent)]

    assert {each.kind for each in events} == set(UndocumentedType)
    for each in events:
        event = envelope(each)
        assert (event["eventType"], event["eventInfo"]) == (each.kind.value, each.info)
        assert not each.organization.uses_soi


@pytest.mark.parametrize("event_type", ON_DEMAND_EVENTS)
def test_event_is_sent_on_demand(harness: Harness, event_type: str) -> None:
    mayak = harness.id_of("Маяк")

    harness.control("events", {"event_type": event_type, "organization_id": mayak})

    assert event_type in _sent(harness)
    assert {each["organizationId"] for each in harness.events()} == {mayak}


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ({"nomenclatureUpdateFilter": {"updates": True}}, ["NomenclatureUpdate"]),
        ({"businessHoursAndMappingUpdateFilter": {"updates": True}}, ["BusinessHoursAndMappingUpdate"]),
        ({"nomenclatureUpdateFilter": {"updates": False}}, NOTHING),
        ({"nomenclatureUpdateFilter": None}, NOTHING),
    ],
)
def test_filter_lets_through_what_it_asks_for(
    harness: Harness, wanted: dict[str, object], sent: list[str]
) -> None:
    settings = {"webHooksUri": "https://hub.example/hook", "webHooksFilter": wanted}
    harness.get("webhooks/update_settings", {"organizationId": harness.id_of("Берёзка"), **settings})

    for kind in UndocumentedType:
        harness.control("events", {"event_type": kind.value})

    assert _sent(harness) == sent


@pytest.mark.parametrize(
    ("restaurant", "event_type", "words"),
    [
        ("Берёзка", "DeliveryOrderUpdate", "orders are created by /sandbox/orders"),
        ("Берёзка", "DroneLanded", "there are StopListUpdate, PersonalShift"),
        ("Сопка", "NomenclatureUpdate", "this restaurant speaks SOI, which has no such events"),
    ],
)
def test_event_that_cannot_be_sent_is_refused(
    harness: Harness, restaurant: str, event_type: str, words: str
) -> None:
    given = {"event_type": event_type, "organization_id": harness.id_of(restaurant)}

    status, description, _ = harness.control_refusal("events", given)

    assert status == 400
    assert words in description
    assert _sent(harness) == []
