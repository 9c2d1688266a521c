"""Pages of changes."""

from rest_framework.utils.urls import remove_query_param, replace_query_param

from core.api.pagination import SkipLimitPagination


class ChangesPagination(SkipLimitPagination):
    """With ``updated_since``, ``next`` goes on from the next change instead of leaving rows out.

    A row that changes meanwhile moves to the end of that list, and all behind it move up: whoever
    leaves out as many rows as it has seen would miss some.
    """

    def get_next_link(self) -> str | None:
        link: str | None = super().get_next_link()
        since_given = self.request.query_params.get("updated_since") if self.request else None
        if link is None or self.page_edges is None or not since_given:
            return link
        first, following = self.page_edges
        if first.updated_at == following.updated_at:
            return link  # a whole page of one moment: written before moments were kept apart
        since = following.updated_at.isoformat().replace("+00:00", "Z")
        for name in ("skip", "cursor"):
            link = remove_query_param(link, name)
        return replace_query_param(link, "updated_since", since)
