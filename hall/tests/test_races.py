"""Many workers at one row: none loses what another brought."""

import pytest
from django.utils import timezone

from core.mirror.precedence import cloud_precedence
from hall.mirror import HallReport, apply_reports
from hall.models import Reserve
from iiko_client.models.hall import ReserveFields
from tests.at_once import AT_ONCE, at_once
from tests.builders import ORGANIZATION_ID, REVISION, make_organization

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 30


def bring(number: int) -> set[bool]:
    """Tell every row one field of its own and one that only the newest message may set."""
    own: list[ReserveFields] = [
        {"phone": "+7"},
        {"comment": "c"},
        {"occasion": "o"},
        {"should_remind": True},
        {"guests_count": 3},
        {"duration_minutes": 90},
        {"external_number": "e"},
        {"number": "n"},
    ]
    reports = []
    for row in range(ROWS):
        fields = ReserveFields(cancel_reason=f"from {number}", **own[number])
        reports.append(
            HallReport(
                event_id=row * AT_ONCE + number,
                organization_id=ORGANIZATION_ID,
                iiko_id=f"r-{(row * 7 + number) % ROWS}",
                precedence=cloud_precedence(revision=REVISION + number, progress=0, digest=str(number)),
                revision=REVISION + number,
                fields=fields,
            )
        )
    return {done.counts for done in apply_reports(Reserve, reports, now=timezone.now()).values()}


def test_rows_seen_for_the_first_time_by_many_workers_lose_nothing() -> None:
    make_organization()

    outcomes = at_once(bring)

    assert outcomes == [{True}] * AT_ONCE
    rows = Reserve.objects.values_list(
        "phone", "comment", "occasion", "should_remind", "guests_count", "duration_minutes"
    )
    assert list(rows) == [("+7", "c", "o", True, 3, 90)] * ROWS
    assert set(Reserve.objects.values_list("external_number", "number", "cancel_reason", "revision")) == {
        ("e", "n", f"from {AT_ONCE - 1}", REVISION + AT_ONCE - 1)
    }
