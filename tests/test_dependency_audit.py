"""What an answer of pip-audit means for a build; the answers are those it was seen to give."""

import json
from datetime import date
from typing import Any

import pytest

from tests.dependency_audit import IGNORED, AuditResult, Ignored, judge, read_ignored

TODAY = date(2026, 12, 1)
CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
UNKNOWN = {"name": "attrs", "skip_reason": "Dependency not found on PyPI and could not be audited"}
HOLE = {"id": "PYSEC-2026-7", "aliases": ["CVE-2026-0007"], "fix_versions": ["2.1"], "description": "…"}
VULNERABLE = {"name": "requests", "version": "2.0", "vulns": [HOLE]}


def answered(*packages: dict[str, Any], code: int = 0, ignored: tuple[Ignored, ...] = ()) -> AuditResult:
    return judge(code, json.dumps({"dependencies": packages, "fixes": []}), "", ignored=ignored, today=TODAY)


def test_clean() -> None:
    assert answered(CLEAN) == AuditResult(False, ["1 packages checked, none is vulnerable."])


def test_known_vulnerability_fails() -> None:
    result = answered(CLEAN, VULNERABLE, code=1)

    assert result.is_bad
    assert result.lines[0] == "VULNERABLE requests 2.0: PYSEC-2026-7, fixed in 2.1"


def test_one_that_is_excused_by_an_alias_does_not_until_its_day() -> None:
    until = Ignored("CVE-2026-0007", "never called", TODAY)
    over = Ignored("CVE-2026-0007", "never called", date(2026, 11, 30))

    assert not answered(VULNERABLE, code=1, ignored=(until,)).is_bad
    result = answered(VULNERABLE, code=1, ignored=(over,))
    assert result.is_bad
    assert "it was ignored until 2026-11-30: look again (never called)" in result.lines[0]


def test_mirror_without_advisories_is_not_taken_for_clean() -> None:
    result = answered(UNKNOWN)

    assert result == AuditResult(
        False, ["NOT CHECKED: the advisory service knows none of the packages (a mirror?)."]
    )


def test_what_the_service_does_not_know_is_named() -> None:
    assert answered(CLEAN, UNKNOWN) == AuditResult(
        False, ["Not known to the service, and not checked: attrs.", "1 packages checked, see above."]
    )


def test_service_that_is_away_stops_no_build_and_is_told() -> None:
    complaint = "WARNING: retrying\nERROR:pip_audit._cli:Failed to resolve 'pypi.org'"

    result = judge(1, "", complaint, ignored=(), today=TODAY)

    assert result == AuditResult(
        False,
        [
            "NOT CHECKED: the advisory service did not answer.",
            "ERROR:pip_audit._cli:Failed to resolve 'pypi.org'",
        ],
    )


def test_answer_that_nobody_can_read_is_no_success() -> None:
    assert judge(0, "all is well", "", ignored=(), today=TODAY).is_bad


def test_ignored_ones_have_reasons_and_dates() -> None:
    assert isinstance(read_ignored(IGNORED.read_text()), list)
    with pytest.raises(ValueError, match="needs an id, a reason and a date"):
        read_ignored('[[ignore]]\nid = "PYSEC-2026-7"\nreason = "never called"')
