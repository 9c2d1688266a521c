"""Whom an administrator restricted to some of the restaurants."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.models.organization import Organization


class RestaurantAccess(models.Model):
    """Which restaurants one person may see; a person without a row sees all of them.

    The restriction is a field of its own: whoever is restricted and has no restaurant left sees nothing, and
    a restaurant that is added later is not theirs.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="restaurant_access"
    )
    is_restricted = models.BooleanField(default=False)
    restaurants = models.ManyToManyField(
        Organization,
        blank=True,
        related_name="+",
        db_table="restaurant_access_organizations",
        verbose_name=_("restaurants"),
    )

    class Meta:
        db_table = "restaurant_access"
        default_permissions = ()  # whoever may change people restricts them

    def __str__(self) -> str:
        return f"{self.user_id}"
