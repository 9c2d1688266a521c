"""What the pages tell people to type and to set is there: commands with their options, targets, variables."""

import argparse
import re
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests.configuration_page import types
from tests.test_docs_links import PAGES, ROOT

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
MANAGE = re.compile(r"\b(?:manage(?:\.py)?|drill) ([a-z_]+)((?: [^`|&;#\n)]*)?)")
"""``manage.py X …``, and what stands behind it on the line; the administrator's guide has shorthands."""

OF_OTHERS = {"HTTPS_PROXY", "NO_PROXY", "LC_MESSAGES", "RLIMIT_FSIZE", "ATOMIC_REQUESTS"}
"""Names of the world around: proxies, the C library, Django."""
OF_TOOLS = {"FUZZ_EXAMPLES", "FUZZ_WORKERS", "IIKO_SANDBOX_WEBHOOK_TOKEN", "ORGANIZATION_ID"}
"""Of the Makefile, the sandbox, and what stands for something."""


def code_of(page: Path) -> str:
    """Return what a page shows as code, a piece a line."""
    text = page.read_text()
    blocks = re.findall(r"^```(?:sh|console)?\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return "\n".join([*(block.replace("\\\n", " ") for block in blocks), *inline])


@cache
def options_of(command: str) -> frozenset[str]:
    app = get_commands()[command]
    return frozenset(_options(load_command_class(app, command).create_parser("manage.py", command)))


def _options(parser: argparse.ArgumentParser) -> set[str]:
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*(_options(one) for one in action.choices.values()))
    return found


def commands_in(code: str) -> list[tuple[str, set[str]]]:
    return [(name, set(OPTION.findall(rest))) for name, rest in MANAGE.findall(code)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_their_options_are_there(page: Path) -> None:
    typed = commands_in(code_of(page))

    unknown = {name for name, _options in typed} - get_commands().keys()
    wrong = [
        (name, sorted(options - options_of(name)))
        for name, options in typed
        if name not in unknown and options - options_of(name)
    ]

    assert unknown == set()
    assert wrong == []


def test_pages_type_commands_at_all() -> None:
    typed = {name for page in PAGES for name, options in commands_in(code_of(page)) if options}

    assert {"backup", "create_api_key", "migrate", "register_webhooks", "replay_webhooks"} <= typed


def test_targets_of_make_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))

    named = {
        name for page in PAGES for name in re.findall(r"^make ([a-z-]+)", code_of(page), flags=re.MULTILINE)
    }

    assert len(named) > 8
    assert named - targets == set()


def test_variables_that_pages_for_administrators_name_are_there() -> None:
    """Constants of the program have the same shape; pages for those who work on it name them."""
    pages = [
        *(ROOT / name for name in ("README.md", "README.ru.md", "SECURITY.md")),
        *(ROOT / "docs" / f"{name}.md" for name in ("install", "scaling", "security", "privacy")),
        *(ROOT / "docs").glob("administrators-guide*.md"),
        *(ROOT / "docs" / "runbooks").glob("*.md"),
    ]
    example = set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    named = {name for page in pages for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", code_of(page))}

    assert len(named) > 30
    assert named - types().keys() - example - OF_OTHERS - OF_TOOLS == set()
