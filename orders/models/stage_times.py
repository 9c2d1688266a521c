"""How long the stages of an order usually take."""

from django.db import models

from organizations.models.organization import Organization


class StageTimes(models.Model):
    """How long a restaurant usually needs for each stage, in seconds; written by ``orders.stage_times``.

    Medians of the deliveries closed in the last two weeks; NULL where there are too few of them.
    """

    organization = models.OneToOneField(
        Organization, models.CASCADE, to_field="iiko_id", primary_key=True, related_name="stage_times"
    )
    accept_s = models.PositiveIntegerField(null=True)
    cook_s = models.PositiveIntegerField(null=True)
    wait_s = models.PositiveIntegerField(null=True)
    carry_s = models.PositiveIntegerField(null=True)
    orders = models.PositiveIntegerField()
    measured_at = models.DateTimeField()

    class Meta:
        db_table = "console_stage_times"

    def __str__(self) -> str:
        return f"{self.organization_id}"
