"""Links between the pages, and what comments cite of them, lead somewhere."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CODE = sorted(path for folder in ROOT.glob("[a-z]*/") for path in folder.rglob("*.py"))
VENDOR_FACTS = ROOT / "docs" / "iiko.md"


@cache
def headings(page: Path) -> list[str]:
    """Give the anchors that a page has, as GitHub and others make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


def leads_nowhere(target: Path, anchor: str) -> bool:
    return not target.exists() or (bool(anchor) and anchor not in headings(target))


def cited(text: str) -> set[tuple[str, str]]:
    return set(re.findall(r"\b(docs/[\w/-]+\.md)(?:#([\w-]+))?", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#\s]*)#?([^)\s]*)\)", page.read_text())

    broken = [
        f"{link}#{anchor}"
        for link, anchor in links
        if leads_nowhere((page.parent / link) if link else page, anchor)
    ]

    assert broken == []


def test_every_page_and_anchor_that_code_cites_is_there() -> None:
    found = {path: cited(path.read_text()) for path in CODE}

    broken = [
        f"{path.relative_to(ROOT)}: {page}#{anchor}"
        for path, citations in found.items()
        for page, anchor in sorted(citations)
        if leads_nowhere(ROOT / page, anchor)
    ]

    assert broken == []
    assert sum(page == "docs/iiko.md" for citations in found.values() for page, _ in citations) > 40


def test_facts_have_anchors_of_their_own_and_name_code_that_is_there() -> None:
    anchors = headings(VENDOR_FACTS)
    files = re.findall(r"`([\w/]+\.py)`", VENDOR_FACTS.read_text())

    assert len(anchors) == len(set(anchors)) > 50
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_every_fact_says_how_sure_it_is_and_where_the_code_is() -> None:
    facts = re.split(r"^### ", VENDOR_FACTS.read_text(), flags=re.MULTILINE)[1:]

    unsure = [fact.splitlines()[0] for fact in facts if not re.search(r"\*\*(Fact|Field|Guess)\*\*", fact)]
    nowhere = [fact.splitlines()[0] for fact in facts if "Code: `" not in fact]

    assert unsure == []
    assert nowhere == []


def test_product_cites_no_file_outside_the_project() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (product,) = [one["source_modules"] for one in contracts if one["name"].startswith("The product ")]
    outside = re.compile(r"REFERENCE|\breference,? (\d|section)|\.\./shared")

    citing = [
        path.relative_to(ROOT).as_posix()
        for path in CODE
        if path.relative_to(ROOT).parts[0] in product and "tests" not in path.parts
        if outside.search(path.read_text())
    ]

    assert citing == []
