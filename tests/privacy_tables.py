"""The tables of docs/privacy.md, made of the registries: ``python -m tests.privacy_tables`` writes them."""

import os
import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "privacy.md"


def personal_columns() -> str:
    """List the columns that hold personal data, a line for each treatment of each table."""
    from core.privacy.registry import declarations

    lines = ["| table | columns | of | what | when a guest is removed |", "|---|---|---|---|---|"]
    for declared in declarations():
        table = declared.model._meta.db_table
        for name, one in declared.personal.items():
            lines.append(
                f"| `{table}` | `{name}` | {one.whose.value} | {one.kind.value} | {one.treatment.words} |"
            )
    return "\n".join(lines)


def ages() -> str:
    """List how long the rows of every table stay."""
    from datetime import timedelta

    from core.privacy.retention import reasons, rules

    lines = ["| table | after | what |", "|---|---|---|"]
    for rule in rules():
        days = rule.age.days if isinstance(rule.age, timedelta) else 0
        after = f"`{rule.age}`" if isinstance(rule.age, str) else f"{days} d" if days else "at once"
        lines.append(f"| `{rule.table}` | {after} | {rule.words} |")
    lines += ["", "| tables without a rule | why |", "|---|---|"]
    by_reason: dict[str, list[str]] = {}
    for table, reason in reasons().items():
        by_reason.setdefault(reason, []).append(f"`{table}`")
    lines += [f"| {', '.join(tables)} | {reason} |" for reason, tables in by_reason.items()]
    return "\n".join(lines)


def with_tables(text: str) -> str:
    """Return the document with its tables as the registries are now."""
    for name, table in (("columns", personal_columns()), ("ages", ages())):
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        shown = table.replace("***", "`***`")
        text = between.sub(rf"\g<1>\n{shown}\n\n\g<2>", text)
    return text


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iikohub.settings")
    django.setup()
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
