"""The page about outbound webhooks: its receiver works, and it names what there is."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import LazySettings, settings as conf

from core.database import db_clock
from orders.models.order import Order
from outbound import acts
from outbound.models.deliveries import Delivery, DeliveryState
from outbound.models.events import EventType
from outbound.sending import schedule
from outbound.subscribing import MOST_PER_KEY
from outbound.tests.endpoints import send_all, subscribe
from tests.builders import ORGANIZATION_ID, make_organization

PAGE = (Path(conf.BASE_DIR) / "docs" / "outbound-webhooks.md").read_text()


def receiver_of_the_page() -> str:
    [code] = re.findall(r"<!-- receiver:.*?-->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    return str(code)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_until_listening(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the receiver does not listen")


def run_receiver(code: str, secret: str, port: int) -> "subprocess.Popen[str]":
    environment = {**os.environ, "SECRET": secret, "PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    wait_until_listening(port)
    return process


@pytest.mark.process
@pytest.mark.django_db
def test_receiver_of_the_page_takes_what_the_hub_signs_and_nothing_else(settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = True
    make_organization()
    port = free_port()
    subscription = subscribe(url=f"http://127.0.0.1:{port}/hook")
    process = run_receiver(receiver_of_the_page(), subscription.secret, port)
    try:
        order = Order.objects.create(
            organization_id=ORGANIZATION_ID, iiko_order_id="o-1", status="Waiting", updated_at=db_clock.now()
        )
        send_all()
        forged = subscribe(url=f"http://127.0.0.1:{port}/hook", is_active=False)
        refused = acts.send_test(forged)
    finally:
        process.send_signal(signal.SIGTERM)
        printed, _errors = process.communicate(timeout=20)

    delivery = Delivery.objects.get(subscription=subscription)
    assert (delivery.state, delivery.last_status) == (DeliveryState.DELIVERED, 204)
    assert printed.splitlines() == [f"order.created {order.pk} {delivery.message_id}"]
    assert (refused.state, refused.last_status) == (DeliveryState.FAILED, 401)


def test_receiver_has_about_ten_lines() -> None:
    in_function = receiver_of_the_page().partition("class Receiver")[2]

    assert len([line for line in in_function.splitlines() if line.strip()]) <= 11


def test_page_names_every_event() -> None:
    named = re.findall(r"`([\w.]+)`", PAGE)

    def is_named(name: str) -> bool:
        return name in named or f".{name.rpartition('.')[2]}" in named

    assert [name for name in EventType.values if not is_named(name)] == []


def test_page_says_the_numbers_of_the_code() -> None:
    pauses = [
        f"{seconds} s" if seconds < 60 else f"{seconds // 60} min" for seconds in schedule._PAUSES_S[:3]
    ]
    hours = [seconds // 3600 for seconds in schedule._PAUSES_S[3:]]

    listed = ", ".join([*pauses, *(f"{one} h" for one in hours[:-1])])
    assert f"**Again** after {listed} and {hours[-1]} h" in PAGE
    assert schedule.MOST_ATTEMPTS == 10
    assert "ten attempts" in PAGE
    assert schedule.OPENS_AFTER == 5
    assert "After five failures in a row" in PAGE
    assert schedule.DISABLED_AFTER.days == 5
    assert acts.OVERLAP.total_seconds() == 24 * 3600
    assert f"at most {MOST_PER_KEY} subscriptions" in PAGE
