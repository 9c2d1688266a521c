"""The lines of the log: one for each event received, one for each applied, nothing of a person in them."""

import json
import logging
from datetime import datetime
from typing import Any

import pytest
import structlog
from django.test import Client

from tests.builders import (
    COURIER_ID,
    ORDER_ID,
    REVISION,
    TABLE_ORDER_ID,
    cloud_event,
    courier,
    drain,
    make_organization,
    post,
    reserve_event,
    shift_event,
    soi_message,
    stop_list_event,
    table_order_event,
)

pytestmark = pytest.mark.django_db
LOGGER = "webhooks.event_log"


@pytest.fixture(autouse=True)
def restaurant(db: None) -> None:
    make_organization()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO, logger=LOGGER)

    def written() -> list[dict[str, Any]]:
        found = [record.msg for record in caplog.records if record.name == LOGGER]
        return [one for one in found if isinstance(one, dict)]

    return written


def test_soi_event_leaves_the_two_lines_of_the_description(lines: Any) -> None:
    post(Client(), soi_message(kind="CREATE", external_id="20260314-117", orderAmount=1520.50))
    drain()

    received, applied = lines()
    assert received["event"] == "[WEBHOOK] Получено событие: CREATE, external_id: 20260314-117"
    assert received["level"] == applied["level"] == "info"
    assert (received["event_type"], received["external_id"], received["iiko_id"]) == (
        "CREATE",
        "20260314-117",
        ORDER_ID,
    )
    assert applied["event"] == (
        f"[SOI WEBHOOK] CREATE - заказ 20260314-117 (iiko: {ORDER_ID}), "
        "статус: CookingStarted, сумма: 1520.50"
    )
    names = ("event_type", "external_id", "iiko_id", "status", "amount", "amount_minor")
    assert tuple(applied[name] for name in names) == (
        *("CREATE", "20260314-117", ORDER_ID, "CookingStarted", "1520.50", 152050),
    )


def test_cloud_event_leaves_lines_like_them(lines: Any) -> None:
    post(Client(), [cloud_event(status="OnWay", sum=1651.0)])
    drain()

    received, applied = lines()
    assert received["event"] == "[WEBHOOK] Получено событие: DeliveryOrderUpdate, external_id: WEB-117"
    assert applied["event"] == (
        f"[WEBHOOK] DeliveryOrderUpdate - заказ WEB-117 (iiko: {ORDER_ID}), статус: OnWay, сумма: 1651.00"
    )


def test_what_an_event_does_not_say_is_a_dash(lines: Any) -> None:
    post(Client(), [cloud_event(external_number=None, order=None), table_order_event(), stop_list_event()])
    post(Client(), shift_event())
    drain()

    assert [one["event"] for one in lines() if "Получено" not in one["event"]] == [
        f"[WEBHOOK] DeliveryOrderUpdate - заказ - (iiko: {ORDER_ID}), статус: -, сумма: -",
        f"[WEBHOOK] TableOrderUpdate - заказ стола - (iiko: {TABLE_ORDER_ID}), статус: New, сумма: 351.00",
        "[WEBHOOK] StopListUpdate - стоп-лист - (iiko: -), статус: -, сумма: -",
        f"[WEBHOOK] PersonalShift - сотрудник - (iiko: {COURIER_ID}), статус: -, сумма: -",
    ]


def test_there_is_a_line_for_each_event_of_a_body_and_for_each_applied(lines: Any) -> None:
    post(Client(), [cloud_event(timestamp=REVISION + at, status="OnWay") for at in range(3)])
    post(Client(), [cloud_event(timestamp=REVISION - 1)])
    drain()

    texts = [one["event"] for one in lines()]
    assert len([one for one in texts if "Получено событие" in one]) == 4
    assert len([one for one in texts if "- заказ" in one]) == 3  # the last one was outdated


def test_body_that_is_not_taken_leaves_no_line(lines: Any) -> None:
    assert post(Client(), [cloud_event()], "wrong").status_code == 401

    assert lines() == []


def test_unreadable_body_is_received_too(lines: Any) -> None:
    post(Client(), b"not json")

    assert [one["event"] for one in lines()] == ["[WEBHOOK] Получено событие: unknown, external_id: -"]


def test_levels_turn_the_lines_off(lines: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger=LOGGER)
    post(Client(), [cloud_event()])
    drain()

    assert lines() == []


def test_nothing_of_a_person_is_written(lines: Any) -> None:
    post(Client(), [cloud_event(courierInfo=courier()), reserve_event(), table_order_event()])
    post(Client(), soi_message(order_id="another", courierName="Орлова Вера", external_id="W-2"))
    drain()

    whole = json.dumps(lines(), ensure_ascii=False)
    assert len(lines()) == 8
    for personal in ("Мария", "Лунина", "Орлова", "Соколова", "7903", "Малышева", "Без приборов"):
        assert personal not in whole


def test_line_has_the_fields_that_structlog_gives_each(lines: Any, caplog: pytest.LogCaptureFixture) -> None:
    post(Client(), [cloud_event()])
    structlog.stdlib.get_logger(LOGGER).info("by structlog")

    received, plain = lines()
    assert set(received) - set(plain) == {"event_type", "format", "external_id", "iiko_id", "organization_id"}
    assert (received["level"], received["logger"]) == (plain["level"], plain["logger"]) == ("info", LOGGER)
    moments = [datetime.fromisoformat(one["timestamp"]) for one in (received, plain)]
    assert moments == sorted(moments)
    assert received["timestamp"].endswith("Z")
    ours, theirs = [one for one in caplog.records if one.name == LOGGER]
    assert abs(ours.created - theirs.created) < 60
    assert set(vars(theirs)) <= set(vars(ours))
    assert ours.getMessage() == str(received)
