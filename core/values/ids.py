"""iiko's ids as people and programs type them."""

from uuid import UUID

from iiko_client.json_reader import sanitize


def searchable_id(text: str) -> str:
    """Return iiko's id the way it is stored: UUIDs in lower case with dashes, other ids as they are.

    What PostgreSQL cannot even be asked for is replaced: nothing has such an id.
    """
    text = sanitize(text)
    try:
        return str(UUID(text.strip()))
    except ValueError:
        return text.strip()
