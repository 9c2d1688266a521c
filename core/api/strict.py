"""Bodies of actions: an unknown field is refused, never ignored."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from core.errors import HubError


class UnknownField(HubError):
    code = "unknown_field"
    http_status = 422


class StrictSerializer(serializers.Serializer[Any]):
    """The body of an action, checked with the objects in its lists before anything else is."""

    def to_internal_value(self, data: object) -> Any:  # noqa: ANN401  # as its base: what the fields make
        if self.root is self and (unknown := list(_unknown(self, data))):
            names = ", ".join(path for path, _known in unknown)
            words = _("No such field: %(unknown)s. Nothing was done. There are: %(known)s.")
            raise UnknownField(words % {"unknown": names[:500], "known": unknown[0][1]})
        return super().to_internal_value(data)


def _unknown(
    serializer: serializers.Serializer[Any], data: object, path: str = ""
) -> Iterator[tuple[str, str]]:
    """Name the fields that an object must not have, each with those it may."""
    if not isinstance(data, Mapping):
        return
    known = ", ".join(serializer.fields)
    yield from ((f"{path}{name}", known) for name in data if name not in serializer.fields)
    for name, field in serializer.fields.items():
        child, members = getattr(field, "child", None), data.get(name)
        if isinstance(child, StrictSerializer) and isinstance(members, list):
            for number, member in enumerate(members):
                yield from _unknown(child, member, f"{path}{name}[{number}].")
