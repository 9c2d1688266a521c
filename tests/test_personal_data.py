"""Every column that could name people is named in the registry, with what becomes of it."""

from core.privacy.registry import Kind, Whose, personal_fields, unknown_names, unnamed_columns


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
