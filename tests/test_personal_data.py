"""Every column that could name people is named in the registry, with what becomes of it."""

from core.privacy.registry import Kind, Whose, personal_fields, unknown_names, unnamed_columns
from tests.privacy_tables import DOCUMENT, with_tables


def test_every_column_of_text_is_personal_or_harmless_by_a_stated_reason() -> None:
    assert list(unnamed_columns()) == []


def test_what_is_declared_is_there() -> None:
    assert list(unknown_names()) == []


def test_registry_knows_whose_a_column_is() -> None:
    guests = personal_fields("orders.Order", Whose.GUEST)
    staff = personal_fields("orders.Order", Whose.STAFF)

    assert guests["phone"].kind is Kind.PHONE
    assert guests["customer"].kind is Kind.PROFILE
    assert set(staff) == {"courier_name", "courier_phone", "operator_name"}
    assert set(personal_fields("axes.AccessAttempt")) >= {"ip_address", "username", "user_agent"}


def test_document_lists_what_the_registries_say() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert with_tables(text) == text, "run python -m tests.privacy_tables"
    assert "| `orders` | `phone` | guests | phone | emptied |" in text
    assert "| `webhook_events` | `INBOX_RETENTION_DAYS` |" in text
