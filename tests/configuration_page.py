"""``python -m tests.configuration_page``: write docs/configuration.md from .env.example (``make docs``).

``.env.example`` says what a variable does, the code that reads it says of what type it is.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / ".env.example"
PAGE = ROOT / "docs" / "configuration.md"

_HEAD = """# Configuration

Every variable the hub reads. Set them in the environment or in a file `.env` beside `manage.py` (copy
`.env.example`); what is set in the environment wins. Web server and worker read them when they start: restart
both after a change. A value that cannot be used stops the start with a sentence that says which one and why.

This page is made from `.env.example` by `make docs`; change the text there.
"""
SOURCES = ("iikohub/settings.py", "gunicorn.conf.py", "iikohub/operations/web_server.py")
"""What reads variables."""

_SECTION = re.compile(r"# --- (.+?) -+")
_ASSIGNMENT = re.compile(r"#?([A-Z][A-Z0-9_]*)=(.*)")
_TYPES = {
    "_flag": "1 or 0",
    "_share": "number, from 0 to 1",
    "_amount_minor": "amount, such as 5000 or 5000.50",
    "env.list": "list, separated by commas",
    "env.str": "text",
    "os.environ.get": "text",
}
_READERS = (*_TYPES, "_whole_number")
_BY_READING_ELSE = {"PORT", "WEB_CONCURRENCY", "GUNICORN_THREADS"}
"""Whole numbers that gunicorn.conf.py reads as texts."""


@dataclass(frozen=True, slots=True)
class Variables:
    """Some variables that one text explains."""

    names: tuple[str, ...]
    examples: tuple[str, ...]
    text: str
    default: str


@dataclass(slots=True)
class Section:
    title: str
    words: str
    groups: list[Variables]


def sections() -> list[Section]:
    """Read ``.env.example``: a paragraph of comments belongs to the assignments below it."""
    found: list[Section] = []
    for paragraph in EXAMPLE.read_text().split("\n\n"):
        lines = paragraph.strip().splitlines()
        if lines and (title := _SECTION.fullmatch(lines[0])):
            found.append(Section(title[1], "", []))
            lines = lines[1:]
        if not found:
            continue
        assigned = [match for line in lines if (match := _ASSIGNMENT.fullmatch(line))]
        words = " ".join(line.removeprefix("#").strip() for line in lines if not _ASSIGNMENT.fullmatch(line))
        if assigned:
            found[-1].groups.append(_variables(assigned, words))
        elif words:
            found[-1].words = words
    return found


def _variables(assigned: list[re.Match[str]], words: str) -> Variables:
    text, _, default = words.partition(" Default: ")
    return Variables(
        names=tuple(match[1] for match in assigned),
        examples=tuple(f"{match[1]}={match[2]}" for match in assigned if match[2]),
        text=text,
        default=default.rstrip(".") or "none",
    )


def types() -> dict[str, str]:
    """Say for each variable that settings and web server read of what type it is."""
    read = {name: kind for path in SOURCES for name, kind in _read_by(path)}
    return read | dict.fromkeys(_BY_READING_ELSE & read.keys(), "whole number, from 1")


def _read_by(path: str) -> Iterator[tuple[str, str]]:
    for call in ast.walk(ast.parse((ROOT / path).read_text())):
        if not isinstance(call, ast.Call) or ast.unparse(call.func) not in _READERS or not call.args:
            continue
        name = call.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value.isupper():
            yield name.value, _type_of(call)


def _type_of(call: ast.Call) -> str:
    reader = ast.unparse(call.func)
    if reader == "_whole_number":
        (lowest,) = (ast.unparse(word.value) for word in call.keywords if word.arg == "lowest")
        return f"whole number, from {lowest}"
    return _TYPES[reader]


def page() -> str:
    kinds = types()
    return "\n".join([_HEAD, *(_section(one, kinds) for one in sections())])


def _section(section: Section, kinds: dict[str, str]) -> str:
    title = section.title[0].upper() + section.title[1:]
    words = f"{section.words}\n\n" if section.words else ""
    return f"## {title}\n\n{words}" + "\n".join(_group(one, kinds) for one in section.groups)


def _group(group: Variables, kinds: dict[str, str]) -> str:
    names = ", ".join(f"`{name}`" for name in group.names)
    kind = kinds.get(group.names[0], "text")
    example = f" · example: {', '.join(f'`{one}`' for one in group.examples)}" if group.examples else ""
    what, _, when = group.text.partition(" Change it ")
    change = f"\n*Change it* {when}\n" if when else ""
    return f"### {names}\n\n{kind} · default: {group.default}{example}\n\n{what}\n{change}"


if __name__ == "__main__":
    PAGE.write_text(page())
