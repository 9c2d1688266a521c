"""The files for Prometheus and Grafana name metrics that there are, and each alert has its runbook."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from attention.watch import watch
from core.database import db_clock
from iikohub.operations.lately import happened_lately
from loyalty.models import LoyaltyOperation
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from organizations.connection.clients import key_of
from organizations.models.connection import ApiCall, ApiLogin, IikoCircuit
from organizations.models.organization import Organization
from outbound.models.deliveries import Delivery, DeliveryAttempt
from outbound.models.events import EntityType, EventType, OutboundEvent
from outbound.models.subscriptions import Subscription
from tests.builders import cloud_event, drain, make_hold, make_organization, make_terminal_group, post
from webhooks.models.inbox import WebhookEvent
from webhooks.models.reconciliation import LinkHealth, LinkState, OrderSync

ROOT = Path(__file__).resolve().parents[1]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "iikohub.json"
RUNBOOKS = ROOT / "docs" / "runbooks"
HEADINGS = ["What you see", "Why", "What to do", "How to know that it is over"]
OF_PROMETHEUS = {"up"}
METRIC = re.compile(r"\b(?:iikohub_\w+|up)\b(?=[{\[\s)]|$)")
"""What looks like a metric in PromQL: ours have one beginning, and ``up`` is Prometheus' own."""

promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool on this machine")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def dashboard_queries() -> list[str]:
    return [
        target["expr"]
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel.get("targets", [])
    ]


@pytest.fixture
def cafe() -> Organization:
    return make_organization()


def is_linked(cafe: Organization) -> ApiLogin:
    """Give a restaurant everything that only some restaurants have a metric of."""
    now = db_clock.now()
    login = ApiLogin.objects.create(name="main", api_login="secret")
    LinkHealth.objects.create(
        organization=cafe, state=LinkState.RECEIVING, since=now, checked_at=now, last_webhook_at=now
    )
    OrderSync.objects.create(organization=cafe, judged_until=now, synced_at=now)
    since = now - timedelta(minutes=12)
    make_terminal_group(cafe, alive_told_at=now, not_answering_since=since)
    return login


def command(order: Order, state: CommandState, **changes: Any) -> OrderCommand:
    now = db_clock.now()
    fields = {"kind": CommandKind.CANCEL, "requested_by": "shop", "created_at": now} | changes
    return OrderCommand.objects.create(order=order, state=state, **fields)


def call(operation: str, ms: int, *, status: int | None = 200, error: str = "", age_s: float = 1) -> None:
    at = db_clock.now() - timedelta(seconds=age_s)
    ApiCall.objects.create(
        operation=operation, url="x", http_status=status, error=error, duration_ms=ms, started_at=at
    )


def lately() -> dict[str, float]:
    """Read the samples of what happened lately, as Prometheus would write them."""
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for metric in happened_lately(db_clock.now())
        for sample in metric.samples
    }


def only(samples: dict[str, float], name: str) -> dict[str, float]:
    return {key.removeprefix(name).strip(): value for key, value in samples.items() if key.split()[0] == name}


# --- what happened lately ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_time_from_arrival_to_applied_is_that_of_the_last_five_minutes(
    cafe: Organization, client: Client
) -> None:
    post(client, [cloud_event(order_id=f"o{at}", order=None) for at in range(4)])
    now = db_clock.now()
    took = [1, 2, 40, None]
    for event, seconds in zip(WebhookEvent.objects.order_by("pk"), took, strict=True):
        came = now - timedelta(minutes=2)
        ended = came + timedelta(seconds=seconds) if seconds else None
        WebhookEvent.objects.filter(pk=event.pk).update(received_at=came, processed_at=ended)

    assert only(lately(), "iikohub_apply_latency_seconds") == {"0.5": 2, "0.95": 40, "1": 40}

    WebhookEvent.objects.update(received_at=now - timedelta(minutes=6))
    assert only(lately(), "iikohub_apply_latency_seconds") == {}


@pytest.mark.django_db
def test_commands_are_counted_by_state_and_timed_to_their_confirmation(cafe: Organization) -> None:
    now = db_clock.now()
    order = Order.objects.create(organization=cafe, updated_at=now)
    command(order, CommandState.UNKNOWN)
    command(order, CommandState.NEEDS_ATTENTION)
    began = now - timedelta(minutes=30)
    for seconds in (4, 8):
        command(
            order, CommandState.CONFIRMED, created_at=began, finished_at=began + timedelta(seconds=seconds)
        )
    command(order, CommandState.REJECTED, created_at=began, finished_at=now)
    old = now - timedelta(hours=2)
    command(order, CommandState.CONFIRMED, created_at=old, finished_at=old + timedelta(minutes=30))

    samples = lately()

    assert only(samples, "iikohub_commands") == {"pending": 0, "sent": 0, "unknown": 1, "attention": 1}
    assert only(samples, "iikohub_commands_ended_last_hour") == {"cancel confirmed": 2, "cancel rejected": 1}
    assert only(samples, "iikohub_command_confirmation_seconds") == {"0.5": 4, "0.95": 8, "1": 8}


@pytest.mark.django_db
def test_operations_on_wallets_are_counted_until_they_end(cafe: Organization) -> None:
    hold = make_hold(cafe)
    LoyaltyOperation.objects.filter(pk=hold.pk).update(state="unknown")

    assert only(lately(), "iikohub_wallet_operations") == {"pending": 0, "sent": 0, "unknown": 1}


@pytest.mark.django_db
def test_calls_are_counted_by_operation_and_what_iiko_answered() -> None:
    call("deliveries/by_id", 100)
    call("deliveries/by_id", 300)
    call("deliveries/by_id", 20_000, status=None, error="IikoNoAnswer")
    call("deliveries/cancel", 50, status=400, error="IikoRejected")
    call("deliveries/cancel", 50, age_s=301)

    samples = lately()

    assert only(samples, "iikohub_iiko_calls_last_5m") == {
        "deliveries/by_id 200": 2,
        "deliveries/by_id IikoNoAnswer": 1,
        "deliveries/cancel 400": 1,
    }
    assert only(samples, "iikohub_iiko_call_seconds") == {
        **{f"deliveries/by_id {q}": seconds for q, seconds in (("0.5", 0.3), ("0.95", 20), ("1", 20))},
        **{f"deliveries/cancel {q}": 0.05 for q in ("0.5", "0.95", "1")},
    }


@pytest.mark.django_db
def test_open_circuits_are_counted_and_a_login_without_one_is_zero() -> None:
    login = ApiLogin.objects.create(name="main", api_login="secret")
    assert only(lately(), "iikohub_circuits_open") == {"main": 0}

    for name, minutes in ((key_of(login), 5), (f"{key_of(login)}/deliveries/cancel/cafe", -1)):
        until = db_clock.now() + timedelta(minutes=minutes)
        IikoCircuit.objects.create(name=name, state={"failures": 5, "open_until": until.isoformat()})

    assert only(lately(), "iikohub_circuits_open") == {"main": 1}


# --- the files -----------------------------------------------------------------------------------------


def attempt_to_tell(cafe: Organization, now: datetime) -> None:
    """Leave the attempt of an outbound webhook behind."""
    about = {"entity_type": EntityType.TEST, "entity_id": "1", "occurred_at": now, "position": 1}
    event = OutboundEvent.objects.create(organization=cafe, event_type=EventType.TEST, **about)
    subscription = Subscription.objects.create(name="Shop", url="https://shop.example/hook")
    delivery = Delivery.objects.create(
        subscription=subscription,
        event=event,
        event_type=event.event_type,
        entity="test/1",
        position=1,
        created_at=now,
    )
    DeliveryAttempt.objects.create(delivery=delivery, began_at=now, duration_ms=5, status=200)


@pytest.mark.django_db
def test_every_metric_that_the_files_name_is_told(cafe: Organization, client: Client) -> None:
    login, now = is_linked(cafe), db_clock.now()
    post(client, [cloud_event()])
    drain()
    order = Order.objects.get()
    command(order, CommandState.CONFIRMED, finished_at=now)
    call("deliveries/by_id", 100)
    watch(now)
    attempt_to_tell(cafe, now)

    text = client.get("/metrics").content.decode()

    told = set(re.findall(r"^(iikohub_\w+)", text, flags=re.MULTILINE))
    named = {
        name
        for query in [*dashboard_queries(), *(rule["expr"] for rule in rules())]
        for name in METRIC.findall(query)
    }
    assert login.name in text
    assert len(named) > 25
    assert named - told - OF_PROMETHEUS == set()


def test_every_metric_of_the_hub_is_shown_in_the_dashboard_or_has_an_alert() -> None:
    source = "".join(
        (ROOT / path).read_text()
        for path in (
            "iikohub/operations/gauges.py",
            "iikohub/operations/lately.py",
            "webhooks/receiving/view.py",
        )
    )
    made = set(re.findall(r'"(iikohub_\w+)"', source))
    shown = {name.removesuffix("_total") for query in dashboard_queries() for name in METRIC.findall(query)}

    assert len(made) > 25
    assert made - shown == set()


def test_each_alert_leads_to_its_runbook_and_each_runbook_belongs_to_one() -> None:
    linked = {rule["alert"]: ROOT / rule["annotations"]["runbook_url"] for rule in rules()}

    pages = set(RUNBOOKS.glob("*.md")) - {RUNBOOKS / "README.md"}

    assert len(linked) == len(rules()) > 20
    assert sorted(linked.values()) == sorted(pages)
    for alert, path in linked.items():
        assert path.read_text().startswith(f"# {alert}\n"), alert


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_runbook_says_what_the_alert_says(rule: dict[str, Any]) -> None:
    page = (ROOT / rule["annotations"]["runbook_url"]).read_text()

    assert re.findall(r"^## (.+)$", page, flags=re.MULTILINE) == HEADINGS
    assert f"```promql\n{rule['expr']}\n```" in page
    assert f"Severity: {rule['labels']['severity']}; after {rule['for']}." in page
    assert f"[{rule['alert']}]" in (RUNBOOKS / "README.md").read_text()


def metrics_of_pages() -> Iterator[tuple[str, str]]:
    for path in [*RUNBOOKS.glob("*.md"), ROOT / "docs" / "administrators-guide.md"]:
        for name in re.findall(r"iikohub_\w+", path.read_text()):
            yield path.name, name.removesuffix("_total")


def test_pages_name_metrics_that_are_in_the_files() -> None:
    shown = {name.removesuffix("_total") for query in dashboard_queries() for name in METRIC.findall(query)}

    assert [(page, name) for page, name in metrics_of_pages() if name not in shown] == []


@promtool
@pytest.mark.parametrize(
    "command",
    [["check", "rules", ALERTS], ["test", "rules", ALERTS.with_name("alerts_test.yml")]],
    ids=lambda one: one[0],
)
def test_promtool_agrees(command: list[str | Path]) -> None:
    done = subprocess.run(["promtool", *command], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
