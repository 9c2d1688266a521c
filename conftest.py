"""What every test starts from."""

import gc
import os
import time
from collections.abc import Generator, Iterator
from datetime import UTC, datetime

import pytest
from _pytest.nodeid import NodeId
from django.conf import settings
from django.db import transaction
from django.test import TransactionTestCase
from hypothesis import settings as hypothesis_settings
from pytest_django.plugin import DjangoDbBlocker

from core.database import db_clock
from core.database.counting import forget_long_tables
from iiko_client.tests.harness import SCHEMA
from iikohub.operations.health import readiness
from organizations.connection.call_log import call_log
from organizations.connection.clients import transports
from tests import database
from tests.browsing import browser, visitor, visitor_with_a_phone  # noqa: F401  # fixtures of the journeys
from tests.hub_process import hub  # noqa: F401  # a fixture for all
from tests.sandbox_restaurant import sandbox  # noqa: F401  # the same
from tests.simulated_iiko import iiko  # noqa: F401  # the same
from webhooks.receiving.tokens import webhook_tokens, wrong_tokens

# The same examples in every run, so that a red run can be had again;
# HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis_settings.register_profile("steady", derandomize=True)
hypothesis_settings.register_profile("search", max_examples=1000)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


NO_DOCUMENT = "the vendor's document is not beside the project (../shared/iiko): nothing to compare with"
"""The one reason to skip a test for want of data; CI takes no other."""

COMPARING_FIXTURES = {"acting", "sandbox"}
"""What they send is compared with the vendor's document in passing."""


def pytest_configure() -> None:
    """Leave out what costs much and is not looked at; a test of it sets it back."""
    settings.EMBEDDED_POSTGRES_DIR = database.FOLDER
    # A hash that is slow by design, for every user that signs in.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Tests ask right after an event, and expect it.
    settings.BOARD_TICK_S = 0
    # Calls to iiko are logged when a test says so, and no login comes from the environment.
    settings.IIKO_CALL_LOG_THREAD = False
    settings.IIKO_API_KEY = settings.IIKO_APP_ID = settings.IIKO_CLIENT_SECRET = ""
    # WhiteNoise looks through all static files for every test client.
    settings.WHITENOISE_USE_FINDERS = False
    TransactionTestCase._fixture_teardown = database.empty_what_was_written  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    with django_db_blocker.unblock(), database.database_of_this_run(), django_db_blocker.block():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    # Nothing of what is collected is garbage: not to look for it saves time.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    # Thousands of tests are collected by now, which live to the end: the search for garbage leaves them out.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if config.getoption("loadgroup", False) and (mark := item.get_closest_marker("xdist_group")):
            _name_group(item, mark.args[0])
        if not SCHEMA.exists() and item.get_closest_marker("vendor"):
            item.add_marker(pytest.mark.skip(reason=NO_DOCUMENT))
        if COMPARING_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("compared")
    # So that no worker is left alone with a long one at the end.
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("long", "process", "browser"))))


def _name_group(item: pytest.Item, group: str) -> None:
    """Tell pytest-xdist the group: up to 3.8 it writes to an attribute that pytest 9.2 does not read."""
    if not item.nodeid.endswith(f"@{group}"):
        item._id = NodeId.parse(f"{item.nodeid}@{group}")
    assert item.nodeid.endswith(f"@{group}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if count := sum(NO_DOCUMENT in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(f"{count} comparisons skipped: {NO_DOCUMENT}")


@pytest.fixture(scope="module")
def rows_of_module(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Hold a transaction around the tests of a module: each is rolled back to what this fixture's users made.

    For rows that are dear to make and that many tests look at. A test that commits cannot be among them, nor
    one that wants an empty database.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        _forget()
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _process_of_its_own() -> Iterator[None]:
    """Let nothing that a process remembers, and no connection to iiko, outlive a test."""
    _forget()
    yield
    call_log.forget()
    transports.close()


def _forget() -> None:
    # Tokens read in one test must not open the door in the next, nor wrong ones close it.
    webhook_tokens.forget()
    wrong_tokens.forget()
    readiness.forget()
    forget_long_tables()
    # Set without a query: the database runs on this machine.
    db_clock.clock.start_from(db_clock.Reading(datetime.now(UTC), time.monotonic(), time.time()))
