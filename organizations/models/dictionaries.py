"""Couriers and the other dictionaries of a restaurant, as iiko has them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.values.name_keys import NAME_ORDER, name_key
from organizations.fields import StampField
from organizations.models.organization import organization_key


class Courier(models.Model):
    """A courier of a restaurant, as iiko's dictionary has it; written by the synchronisation."""

    organization = organization_key("couriers")
    iiko_id = models.CharField(_("iiko id"), max_length=200)
    name = models.CharField(_("name"), max_length=400, blank=True)
    name_key = name_key("name")
    code = models.CharField(_("code"), max_length=200, blank=True)
    is_deleted = models.BooleanField(_("deleted in iiko"), default=False)
    updated_at = StampField(_("updated"), auto_now=True)

    class Meta:
        db_table = "couriers"
        ordering = ("organization", *NAME_ORDER)
        verbose_name = _("courier")
        verbose_name_plural = _("couriers")
        constraints = [
            models.UniqueConstraint(fields=("organization", "iiko_id"), name="couriers_one_per_iiko_id")
        ]

    def __str__(self) -> str:
        return self.name or self.iiko_id


class DictionaryKind(models.TextChoices):
    CANCEL_CAUSE = "cancel_cause", _("cancel cause")
    REMOVAL_TYPE = "removal_type", _("removal type")
    PAYMENT_TYPE = "payment_type", _("payment type")
    DISCOUNT = "discount", _("discount or surcharge")
    ORDER_TYPE = "order_type", _("order type")
    PRODUCT = "product", _("product")
    SIZE = "size", _("size of a product")


class DictionaryEntry(models.Model):
    """An entry of one of iiko's dictionaries; ``data`` holds its other fields.

    Amounts in ``data`` end in ``_minor`` and are whole; percentages are text. Written by the
    synchronisation. What is gone from iiko stays, marked: old orders name it.
    """

    organization = organization_key("dictionary_entries")
    kind = models.CharField(_("dictionary"), max_length=20, choices=DictionaryKind)
    iiko_id = models.CharField(_("iiko id"), max_length=200)
    name = models.CharField(_("name"), max_length=400, blank=True)
    name_key = name_key("name")
    data = models.JSONField(_("details"), default=dict)
    is_deleted = models.BooleanField(_("deleted in iiko"), default=False)
    updated_at = StampField(_("updated"), auto_now=True)

    class Meta:
        db_table = "dictionary_entries"
        ordering = ("organization", "kind", *NAME_ORDER)
        verbose_name = _("dictionary entry")
        verbose_name_plural = _("dictionary entries")
        constraints = [
            models.UniqueConstraint(
                fields=("organization", "kind", "iiko_id"), name="dictionary_entries_one_per_iiko_id"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.iiko_id
