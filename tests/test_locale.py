"""Every text has its Russian, and the compiled files are those of the sources beside them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation.template import templatize

ROOT = Path(settings.BASE_DIR)
LOCALE = ROOT / "locale"
APPS = (
    "analytics",
    "attention",
    "audit",
    "outbound",
    "console",
    "core",
    "iikohub",
    "hall",
    "loyalty",
    "orders",
    "organizations",
    "webhooks",
)

# What `makemessages` looks for: where the context, the singular and the plural stand.
SIMPLE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
CONTEXT = {"pgettext", "pgettext_lazy"}

Key = tuple[str | None, str, str | None]

_LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b(_|gettext|ngettext|pgettext)\(({_LITERAL})(?:,\s*({_LITERAL}))?", re.DOTALL)


def catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(LOCALE / language / "LC_MESSAGES" / "django.po"), wrapwidth=0)


def texts_of_python(source: str) -> Iterator[Key]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        words = [
            arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        ]
        if name in SIMPLE and len(words) == 1:
            yield None, words[0], None
        elif name in PLURAL and len(words) >= 2:
            yield None, words[0], words[1]
        elif name in CONTEXT and len(words) == 2:
            yield words[0], words[1], None


def texts_of_template(source: str) -> Iterator[Key]:
    for name, first, second in _CALL.findall(templatize(source)):
        words = [ast.literal_eval(word) for word in (first, second) if word]
        if name == "ngettext":
            yield None, words[0], words[1]
        elif name == "pgettext":
            yield words[0], words[1], None
        else:
            yield None, words[0], None


def texts_of_code() -> set[Key]:
    found: set[Key] = set()
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            if "tests" not in path.parts and "migrations" not in path.parts:
                found.update(texts_of_python(path.read_text()))
        for path in (ROOT / app).rglob("*.html"):
            found.update(texts_of_template(path.read_text()))
    return found


@pytest.mark.parametrize("language", ["ru", "en"])
def test_catalogue_holds_the_texts_of_the_code_and_no_others(language: str) -> None:
    in_code = {key for key in texts_of_code() if key[1]}

    in_catalogue = {(entry.msgctxt, entry.msgid, entry.msgid_plural or None) for entry in catalogue(language)}

    # The same text with and without a plural is one entry, as gettext wants it.
    missing = {key for key in in_code if key[:2] not in {known[:2] for known in in_catalogue}}
    left_over = {key for key in in_catalogue if key[:2] not in {known[:2] for known in in_code}}
    assert not missing, "run manage.py makemessages and translate"
    assert not left_over, "no code says these any more"


def test_every_text_is_translated() -> None:
    russian = catalogue("ru")

    assert [entry.msgid for entry in russian if not entry.translated()] == []
    assert [entry.msgid for entry in russian if entry.fuzzy or entry.obsolete] == []


def test_plurals_have_all_forms_of_russian() -> None:
    russian = catalogue("ru")
    stated = re.search(r"nplurals=(\d)", russian.metadata["Plural-Forms"])
    assert stated is not None
    forms = int(stated[1])

    for entry in russian:
        if entry.msgid_plural:
            assert len(entry.msgstr_plural) == forms, entry.msgid
            assert all(entry.msgstr_plural.values()), entry.msgid


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|<[^>]+>", text))


def test_placeholders_survive_translation() -> None:
    for entry in catalogue("ru"):
        for translated in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
            assert placeholders(translated) == placeholders(entry.msgid), entry.msgid


def test_line_ends_and_outer_spaces_survive_translation() -> None:
    for entry in catalogue("ru"):
        for translated in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
            assert translated.startswith("\n") == entry.msgid.startswith("\n"), entry.msgid
            assert (translated != translated.strip(" ")) == (entry.msgid != entry.msgid.strip(" ")), (
                entry.msgid
            )


@pytest.mark.parametrize("language", ["ru", "en"])
def test_compiled_file_is_that_of_its_source(language: str) -> None:
    folder = LOCALE / language / "LC_MESSAGES"

    def told(
        entries: polib.POFile | polib.MOFile,
    ) -> dict[tuple[str | None, str], tuple[str, dict[int, str]]]:
        return {
            (entry.msgctxt, entry.msgid): (entry.msgstr, dict(entry.msgstr_plural))
            for entry in entries
            if entry.msgstr or any(entry.msgstr_plural.values())
        }

    source, compiled = catalogue(language), polib.mofile(str(folder / "django.mo"))

    assert told(compiled) == told(source), "run manage.py compilemessages"
    assert compiled.metadata["Plural-Forms"] == source.metadata["Plural-Forms"]


def test_hub_speaks_russian_unless_asked_otherwise() -> None:
    assert settings.LANGUAGE_CODE == "ru"
    with translation.override("ru"):
        assert translation.gettext("Orders") == "Заказы"
        queued = [
            translation.ngettext("%(count)d event queued.", "%(count)d events queued.", n)
            for n in (1, 2, 5, 21)
        ]
        assert [text % {"count": n} for text, n in zip(queued, (1, 2, 5, 21), strict=True)] == [
            "Поставлено 1 событие.",
            "Поставлено 2 события.",
            "Поставлено 5 событий.",
            "Поставлено 21 событие.",
        ]
    with translation.override("en"):
        assert translation.gettext("Orders") == "Orders"
