"""What is counted of each hour, day, week and month, and how far the counting has come."""

from django.db import models
from django.db.models import JSONField, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from organizations.models.organization import Organization, organization_key


class Unit(models.TextChoices):
    """The lengths of periods, on the clock of the restaurant; a week begins on Monday."""

    HOUR = "hour", _("hour")
    DAY = "day", _("day")
    WEEK = "week", _("week")
    MONTH = "month", _("month")


class PeriodFiguresQuerySet(models.QuerySet["PeriodFigures"]):
    def with_before(self) -> "PeriodFiguresQuerySet":
        """Add ``orders_before``, ``missed_before``: those of the period before; null where nothing was."""
        before = PeriodFigures.objects.filter(
            organization_id=OuterRef("organization_id"),
            unit=OuterRef("unit"),
            starts_at=OuterRef("before_at"),
        )
        return self.annotate(
            orders_before=Subquery(before.values("orders"), output_field=JSONField()),
            missed_before=Subquery(before.values("missed_webhooks")),
        )

    def without_anything(self) -> "PeriodFiguresQuerySet":
        return self.filter(Q(orders={}) & Q(commands={}), missed_webhooks=0)


class PeriodFigures(models.Model):
    """What was counted of a restaurant in a period; no row where nothing was.

    ``orders`` and ``commands`` are counts by name (``counting.figures``), so that those of a day are the sum
    of those of its hours. Written by ``counting`` alone, under the lock of the restaurant's ``Counting``.
    """

    organization = organization_key("period_figures", db_index=False)
    unit = models.CharField(max_length=5, choices=Unit)
    starts_at = models.DateTimeField()
    before_at = models.DateTimeField()
    """When the period before begins."""
    orders = models.JSONField(default=dict)
    commands = models.JSONField(default=dict)
    missed_webhooks = models.PositiveIntegerField(default=0)

    objects = PeriodFiguresQuerySet.as_manager()

    class Meta:
        db_table = "analytics_periods"
        default_permissions = ()
        permissions = [("view_analytics", "Can see analytics")]
        constraints = [
            models.UniqueConstraint(
                fields=("unit", "organization", "starts_at"), name="analytics_periods_one_each"
            )
        ]
        indexes = [models.Index("unit", "starts_at", name="analytics_periods_latest")]

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.unit} {self.starts_at:%Y-%m-%d %H:%M}"


class OrderHour(models.Model):
    """In which hour an order is counted: in one, or in none yet.

    The row outlives its order (a duplicate that was merged), so that its hour is known to be counted again.
    """

    order_id = models.BigIntegerField(primary_key=True)
    organization = organization_key("+", db_index=False)
    hour = models.DateTimeField()

    class Meta:
        db_table = "analytics_order_hours"
        default_permissions = ()
        indexes = [models.Index("organization", "hour", name="analytics_order_hours_hour")]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.hour:%Y-%m-%d %H:%M}"


class Counting(models.Model):
    """How far a restaurant is counted; its row is the lock under which figures are written.

    ``timezone`` is the clock by which hours and days were cut. ``rebuilt_up_to`` is the last order (our
    number) of a rebuilding under way, null when there is none. Orders changed before ``read_until``, and
    missed webhooks up to ``missed_until``, are counted.
    """

    organization = models.OneToOneField(
        Organization, models.CASCADE, to_field="iiko_id", primary_key=True, related_name="counting"
    )
    timezone = models.CharField(max_length=64)
    rebuilt_up_to = models.BigIntegerField(null=True)
    read_until = models.DateTimeField()
    missed_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "analytics_counting"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.organization_id}"
