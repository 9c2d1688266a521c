"""The figures of all time, counted again."""

from django.core.management.base import CommandError, CommandParser

from analytics.counting.progress import begin_rebuilding, take_step
from audit.commands import AuditedCommand
from core.values.ids import searchable_id
from orders.models.order import Order
from organizations.models.organization import Organization


class Command(AuditedCommand):
    help = (
        "Count orders, commands and missed webhooks of all time again. Workers may go on meanwhile. What is "
        "interrupted is finished by the next run, and by workers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="ID", help="only this one, by its id in iiko")

    def handle(self, *_: object, organization: str | None, **__: object) -> None:
        restaurants = Organization.objects.order_by("pk")
        if organization is not None:
            restaurants = restaurants.filter(iiko_id=searchable_id(organization))
            if not restaurants:
                raise CommandError(f"No organization {organization} here.")
        for restaurant in restaurants:
            self._rebuild(restaurant)

    def _rebuild(self, restaurant: Organization) -> None:
        total, done = Order.objects.filter(organization_id=restaurant.iiko_id).count(), 0
        begin_rebuilding(restaurant.iiko_id)
        while not (step := take_step(restaurant.iiko_id)).is_last:
            done += step.orders if step.is_rebuilding else 0
            self.stdout.write(f"{restaurant.name}: {min(done, total)} of {total} orders counted")
            self.stdout.flush()
        self.stdout.write(f"{restaurant.name}: done")
