"""``manage.py check``: settings that are allowed each, and seldom meant together."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.checks import run_checks


def ours(*, deploy: bool) -> list[str]:
    found = run_checks(include_deployment_checks=deploy)
    return [f"{one.id} {one.msg}" for one in found if str(one.id).startswith("iikohub.")]


def test_name_that_is_nearly_a_settings_is_pointed_out(settings: LazySettings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / ".env.example").write_text("#WEBHOOK_BASE_URL=https://hub.example.com\n#PORT=8000\n")
    (tmp_path / ".env").write_text("WEBHOOK_BASEURL=https://a.example\nTZ=UTC\nPORT=1\n#DEBUGG=1\n")

    (found,) = [one for one in run_checks() if one.id == "iikohub.W001"]

    assert found.msg == ".env sets WEBHOOK_BASEURL, which the hub does not know."
    assert str(found.hint).startswith("Is WEBHOOK_BASE_URL meant?")


def test_hub_behind_one_proxy_is_as_it_should_be(settings: LazySettings) -> None:
    settings.WEBHOOK_BASE_URL = "https://hub.example.com"
    settings.ALLOWED_HOSTS = [".example.com"]
    settings.TRUSTED_PROXIES = 1

    assert ours(deploy=True) == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"WEBHOOK_BASE_URL": ""}, "iikohub.W002 WEBHOOK_BASE_URL is not set"),
        ({"WEBHOOK_BASE_URL": "http://hub.example.com"}, "iikohub.W002 WEBHOOK_BASE_URL is http://hub.ex"),
        ({"ALLOWED_HOSTS": ["other.example.com"]}, "iikohub.W003 ALLOWED_HOSTS lacks hub.example.com"),
        ({"TRUSTED_PROXIES": 0}, "iikohub.W004 TRUSTED_PROXIES is 0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_belong_together_is_said_when_it_is_deployed(
    settings: LazySettings, changed: dict[str, object], found: str
) -> None:
    usual = {"WEBHOOK_BASE_URL": "https://hub.example.com", "ALLOWED_HOSTS": ["hub.example.com"]}
    for name, value in (usual | {"TRUSTED_PROXIES": 1} | changed).items():
        setattr(settings, name, value)

    (said,) = ours(deploy=True)

    assert said.startswith(found)
    assert ours(deploy=False) == []
