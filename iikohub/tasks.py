"""What the whole hub does by the clock."""

from core.database import db_clock
from core.jobs.scheduling import scheduled
from iikohub.first_steps import reach
from iikohub.operations.pruning import prune_all


# At night in most of Russia: 02:47 in Moscow, 04:47 in Yekaterinburg.
@scheduled("47 23 * * *")
def prune() -> None:
    prune_all(now=db_clock.now())


# At the start of a worker the web server may not answer yet; a minute later it does.
@scheduled("* * * * *", at_start=True)
def ask_own_address() -> None:
    reach.ask_if_due(now=db_clock.now())
