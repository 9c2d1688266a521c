"""Lists of the rows that a caller may see."""

from django.db.models import QuerySet
from rest_framework import mixins, viewsets

from organizations.api.permissions import M, in_scope


# Without a docstring: the API's document would show it.
class ScopedListViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[M]):
    def get_queryset(self) -> QuerySet[M]:
        return in_scope(self.request, super().get_queryset())
