"""What the whole hub does by the clock."""

from core.database import db_clock
from core.jobs.scheduling import scheduled
from iikohub.first_steps import reach
from iikohub.pages.sign_in import forget_old_failures


@scheduled("47 * * * *")
def forget_sign_in_failures() -> None:
    forget_old_failures()


# At the start of a worker the web server may not answer yet; a minute later it does.
@scheduled("* * * * *", at_start=True)
def ask_own_address() -> None:
    reach.ask_if_due(now=db_clock.now())
