"""What the first steps keep: how the hub's own address answered, and who looked at which time zone."""

from django.db import models

from organizations.models.organization import Organization


class Reached(models.TextChoices):
    """What the hub found when it asked its own address."""

    OK = "ok"
    NO_HTTPS = "no_https"
    PRIVATE = "private"
    NO_NAME = "no_name"
    NO_ANSWER = "no_answer"
    BAD_CERTIFICATE = "bad_certificate"
    REDIRECTS = "redirects"
    BAD_STATUS = "bad_status"
    OTHER = "other"


class AddressCheck(models.Model):
    """The last time that the hub asked its own address; one row. Written by ``first_steps.reach``.

    ``detail`` is what people need beside the outcome: a status, where a redirect leads.
    """

    base_url = models.CharField(max_length=500)
    outcome = models.CharField(max_length=20, choices=Reached)
    detail = models.CharField(max_length=500, blank=True)
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "address_checks"

    def __str__(self) -> str:
        return f"{self.base_url}: {self.outcome}"


class ZoneConfirmation(models.Model):
    """That a person found the time zone of a restaurant right; it counts for that zone alone."""

    organization = models.OneToOneField(
        Organization, models.CASCADE, to_field="iiko_id", primary_key=True, related_name="zone_confirmation"
    )
    timezone = models.CharField(max_length=64)
    confirmed_by = models.CharField(max_length=200)
    confirmed_at = models.DateTimeField()

    class Meta:
        db_table = "zone_confirmations"

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.timezone}"
