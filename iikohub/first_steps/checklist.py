"""The first steps of a new hub, in order: one registry, looked at anew each time."""

from dataclasses import dataclass
from datetime import datetime

from core.access import AnyUser
from iikohub.first_steps.address import AddressStep
from iikohub.first_steps.channels import ChannelsStep
from iikohub.first_steps.first_events import FirstEventsStep
from iikohub.first_steps.login import LoginStep
from iikohub.first_steps.people import PeopleStep
from iikohub.first_steps.registration import RegistrationStep
from iikohub.first_steps.step import Finding, Step
from iikohub.first_steps.worker import WorkerStep
from iikohub.first_steps.zones import ZonesStep
from organizations.access import is_restricted

STEPS: tuple[Step, ...] = (
    AddressStep(),
    LoginStep(),
    ZonesStep(),
    RegistrationStep(),
    WorkerStep(),
    FirstEventsStep(),
    PeopleStep(),
    ChannelsStep(),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A step as it stands now."""

    number: int
    step: Step
    finding: Finding


@dataclass(frozen=True, slots=True)
class Checklist:
    entries: tuple[Entry, ...]

    @property
    def open(self) -> list[Entry]:
        return [one for one in self.entries if not one.finding.is_done]

    @property
    def done_count(self) -> int:
        return len(self.entries) - len(self.open)

    @property
    def next_number(self) -> int:
        """The first step that is not done; 0: there is none."""
        return self.open[0].number if self.open else 0

    @property
    def is_done(self) -> bool:
        return not self.open


def checklist(now: datetime) -> Checklist:
    """Look at each step; a dozen queries, however many restaurants there are."""
    return Checklist(tuple(Entry(number, one, one.look(now)) for number, one in enumerate(STEPS, 1)))


SETS_UP = (
    *("organizations.add_apilogin", "organizations.view_apilogin", "attention.view_channel"),
    *("webhooks.add_webhookconfig", "webhooks.change_webhookconfig"),
)


def may_set_up(user: AnyUser) -> bool:
    """Whether the first steps are for a person: who may do what they ask for, in all restaurants."""
    return user.has_perms(SETS_UP) and not is_restricted(user)
