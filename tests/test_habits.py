"""What is checked before a commit is what CI checks."""

import re

import yaml

from tests.production_files import ROOT


def test_hooks_are_the_static_checks() -> None:
    (recipe,) = re.findall(r"^check-static:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]

    commands = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()]

    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == commands
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    assert not any(hook["pass_filenames"] for hook in local["hooks"])
