"""What the console remembers: choices of people, and orders that somebody has seen."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from orders.models.order import Order
from organizations.models.organization import Organization, parents_organization


class Sound(models.TextChoices):
    OFF = "off", pgettext_lazy("sound", "off")
    ONCE = "once", _("once")
    UNTIL_SEEN = "until_seen", _("until seen")


class Preferences(models.Model):
    """How one person looks at the console: which restaurants (none: all of them), and whether it rings."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="console_preferences"
    )
    restaurants = models.ManyToManyField(Organization, related_name="+", db_table="console_restaurants")
    sound = models.CharField(_("sound"), max_length=12, choices=Sound, default=Sound.UNTIL_SEEN)

    class Meta:
        db_table = "console_preferences"

    def __str__(self) -> str:
        return f"{self.user_id}"


class SeenOrder(models.Model):
    """A new order that somebody has looked at: it rings no more, for nobody."""

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True, related_name="seen")
    organization = parents_organization()
    seen_by = models.CharField(max_length=200)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "console_seen_orders"

    def __str__(self) -> str:
        return f"{self.order_id}: {self.seen_by}"
