"""What the parts of the overview share: tiles, numbers that stop at a limit, addresses of lists."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from core.database import counting

Row = dict[str, object]
"""What a template is given of one row."""

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with its name; ``tone`` colours it when there is something to see to."""

    title: str
    count: int
    url: str
    tone: str = ""
    note: str | SafeString = ""
    words: str = ""
    """Shown in place of the count: an amount of money."""

    @property
    def text(self) -> str:
        return self.words or count_text(self.count)

    @property
    def shown_tone(self) -> str:
        return self.tone if self.count else ""


def count_text(count: int) -> str:
    number = number_format(min(count, counting.COUNT_UP_TO), 0, force_grouping=True)
    return f"{number}+" if count > counting.COUNT_UP_TO else number


def shown(number: int) -> int:
    """Give the number that stands before the words, which have to go with it."""
    return min(number, counting.COUNT_UP_TO)


def bounded(rows: QuerySet[Model]) -> int:
    return counting.count_rows(rows, up_to=counting.COUNT_UP_TO)


def list_url(model: str, **parameters: str) -> str:
    """Return the address of a list of the admin; ``model`` is ``app_model``."""
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode(parameters)}"


def orders_url(**parameters: str) -> str:
    return list_url("orders_order", **parameters)


def events_url(**parameters: str) -> str:
    return list_url("webhooks_webhookevent", **parameters)
