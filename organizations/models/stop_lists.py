"""Stop lists: how they are read, what is on them, and what was on them and for how long."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Case, DurationField, F, Q, Value, When
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils.translation import gettext_lazy as _

from organizations.fields import StampField


class StopListReading(models.Model):
    """The reading of a restaurant's stop lists from iiko: what is due, who holds the lease, the last result.

    ``wanted_at``: all lists are to be read, whatever changed. ``lease_until``: a worker is asking iiko.
    Written by ``stop_lists.refresh``, under a lock on the row.
    """

    organization = models.OneToOneField(
        "organizations.Organization",
        models.CASCADE,
        to_field="iiko_id",
        primary_key=True,
        related_name="stop_list_reading",
        verbose_name=_("organization"),
    )
    wanted_at = models.DateTimeField(_("wanted"), null=True)
    read_at = models.DateTimeField(_("read"), null=True)
    holder = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    failing_since = models.DateTimeField(_("could not be read since"), null=True)
    retry_at = models.DateTimeField(_("next attempt"), null=True)
    error_code = models.CharField(_("reason"), max_length=40, blank=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        db_table = "stop_list_readings"
        verbose_name = _("reading of stop lists")
        verbose_name_plural = _("readings of stop lists")

    def __str__(self) -> str:
        return self.organization_id


class StopListGroupQuerySet(models.QuerySet["StopListGroup"]):
    def due(self) -> StopListGroupQuerySet:
        """Keep those reported as changed and not read since."""
        return self.filter(changed_since__isnull=False)


class StopListGroup(models.Model):
    """The changes that a terminal group reported of its stop list; written by the handler of StopListUpdate.

    ``changes`` counts the messages: it shows whether one came while the list was being read.
    ``changed_since`` is the time of the first that no reading has followed, null when there is none.
    """

    organization = models.ForeignKey(
        "organizations.Organization",
        models.CASCADE,
        to_field="iiko_id",
        related_name="stop_list_groups",
        verbose_name=_("organization"),
        db_index=False,
    )
    terminal_group_id = models.CharField(_("terminal group"), max_length=200)
    changes = models.PositiveBigIntegerField(_("messages"), default=0)
    changed_since = models.DateTimeField(_("changed since"), null=True)
    changed_at = models.DateTimeField(_("last change"), null=True)
    is_full = models.BooleanField(_("reported in full"), default=False)
    read_at = models.DateTimeField(_("read"), null=True)

    objects = StopListGroupQuerySet.as_manager()

    class Meta:
        db_table = "stop_list_groups"
        verbose_name = _("stop list")
        verbose_name_plural = _("stop lists")
        constraints = [
            models.UniqueConstraint(
                fields=("organization", "terminal_group_id"), name="stop_list_groups_one_per_group"
            )
        ]
        indexes = [
            models.Index(
                "organization", name="stop_list_groups_due", condition=Q(changed_since__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return self.terminal_group_id


class StopListItemQuerySet(models.QuerySet["StopListItem"]):
    def current(self) -> StopListItemQuerySet:
        """Keep what is on a stop list now, as far as the lists were read."""
        return self.filter(until__isnull=True)

    def within(self, since: datetime, until: datetime) -> StopListItemQuerySet:
        """Keep what was on a list at some time of this period."""
        return self.filter(Q(until__gt=since) | Q(until__isnull=True), since__lt=until)

    def timed(self, since: datetime, until: datetime) -> StopListItemQuerySet:
        """Add ``out_for``: how long the product was out of stock in this period."""
        ended = Least(Coalesce("until", Value(until)), Value(until))
        length = ended - Greatest("since", Value(since))
        return self.annotate(
            out_for=Case(
                When(is_out_of_stock=True, then=length),
                default=Value(timedelta()),
                output_field=DurationField(),
            )
        )


class StopListItem(models.Model):
    """An interval during which a product was on the stop list of a terminal group.

    It ends when the product leaves the list, runs out or comes back (``is_out_of_stock`` changes), or iiko
    reports that it was added again. So the time out of stock is the sum of the intervals with that flag.
    Written by ``stop_lists.intervals`` from iiko's answers.
    """

    organization = models.ForeignKey(
        "organizations.Organization",
        models.CASCADE,
        to_field="iiko_id",
        related_name="stop_list_items",
        verbose_name=_("organization"),
        db_index=False,
    )
    terminal_group_id = models.CharField(_("terminal group"), max_length=200)
    product_id = models.CharField(_("product"), max_length=200)
    size_id = models.CharField(_("size"), max_length=200, blank=True)
    sku = models.CharField(_("SKU"), max_length=200, blank=True)
    balance = models.DecimalField(
        _("left"),
        max_digits=18,
        decimal_places=6,
        null=True,
        help_text=_("How much is left, as iiko said last. Empty: iiko did not say it readably."),
    )
    is_out_of_stock = models.BooleanField(_("out of stock"), help_text=_("The balance is 0 or less."))
    added_at = models.DateTimeField(_("put on the list, says iiko"), null=True)
    since = models.DateTimeField(_("since"))
    is_since_told = models.BooleanField(
        _("iiko said since when"), default=False, help_text=_("Else: when the hub saw it first.")
    )
    until = models.DateTimeField(_("until"), null=True, help_text=_("When the hub read that it was over."))
    updated_at = StampField(_("updated"), auto_now=True)

    objects = StopListItemQuerySet.as_manager()

    class Meta:
        db_table = "stop_list_items"
        ordering = ("-since", "-id")
        verbose_name = _("product on a stop list")
        verbose_name_plural = _("stop lists")
        permissions = [("refresh_stoplistitem", "Can have stop lists read again")]
        constraints = [
            models.UniqueConstraint(
                fields=("organization", "terminal_group_id", "product_id", "size_id"),
                name="stop_list_items_one_current",
                condition=Q(until__isnull=True),
            )
        ]
        indexes = [
            models.Index(F("since"), F("id"), name="stop_list_items_since"),
            models.Index("organization", "since", "id", name="stop_list_items_organization"),
            models.Index("product_id", "since", name="stop_list_items_product"),
            models.Index("until", name="stop_list_items_until", condition=Q(until__isnull=False)),
        ]

    def __str__(self) -> str:
        return getattr(self, "product_name", None) or self.product_id

    def span(self, now: datetime) -> timedelta:
        """Return how long it was, or has been, on the list."""
        return max((self.until or now) - self.since, timedelta())
