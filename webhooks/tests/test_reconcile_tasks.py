"""Reconciliation by the clock: a job for each login, nothing twice, trouble told and survived."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from core.jobs.scheduling import tasks_at_start
from tests.builders import ORGANIZATION_ID, inbox, make_organization, make_other_organization
from tests.simulated_iiko import SimulatedIiko, linked, make_login, refusal
from webhooks.models.reconciliation import LinkHealth, LinkState, OrderSync
from webhooks.reconciliation.run import lease
from webhooks.tasks import sync_login_orders, sync_orders, watch_the_links
from webhooks.tests.test_reconcile import BY_REVISION, at, info, page

pytestmark = pytest.mark.django_db


def queued() -> list[int]:
    jobs = ProcrastinateJob.objects.filter(task_name=sync_login_orders.name).order_by("id")
    return [job.args["login_id"] for job in jobs]


def test_every_login_has_a_job_of_its_own_and_one_at_most() -> None:
    first, second = make_login(), make_login(name="second")
    linked(make_organization(), first)
    linked(make_other_organization(), second)

    sync_orders()
    assert queued() == [second.pk, first.pk]


def test_orders_are_read_as_soon_as_a_worker_starts() -> None:
    assert sync_orders in tasks_at_start()


def test_without_logins_nothing_is_queued() -> None:
    make_organization()

    sync_orders()

    assert queued() == []


def test_job_reads_what_no_webhook_brought(iiko: SimulatedIiko) -> None:
    restaurant = linked(make_organization())
    at(restaurant)
    iiko.answers(BY_REVISION, page(info()))
    assert restaurant.api_login_id is not None

    sync_login_orders(login_id=restaurant.api_login_id)

    assert len(inbox()) == 1


def test_refused_restaurant_is_left_alone_for_a_while(
    iiko: SimulatedIiko, caplog: pytest.LogCaptureFixture
) -> None:
    restaurant = linked(make_organization())
    at(restaurant)
    iiko.answers(BY_REVISION, refusal("not bound to this ApiLogin"), status=403)
    assert restaurant.api_login_id is not None

    with caplog.at_level(logging.WARNING, logger="webhooks.tasks"):
        sync_login_orders(login_id=restaurant.api_login_id)
        sync_login_orders(login_id=restaurant.api_login_id)

    assert len(iiko.bodies(BY_REVISION)) == 1
    assert [record.getMessage() for record in caplog.records] == ["sync.failed"]
    OrderSync.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    sync_login_orders(login_id=restaurant.api_login_id)
    assert len(iiko.bodies(BY_REVISION)) == 2


def test_job_gives_way_to_a_run_under_way(iiko: SimulatedIiko) -> None:
    restaurant = linked(make_organization())
    at(restaurant)
    assert restaurant.api_login is not None

    with lease(restaurant.api_login, wait_s=0):
        sync_login_orders(login_id=restaurant.api_login.pk)

    assert iiko.operations() == []


def test_watch_keeps_what_it_found() -> None:
    make_organization()

    watch_the_links()

    assert LinkHealth.objects.get(organization_id=ORGANIZATION_ID).state == LinkState.NO_LOGIN
