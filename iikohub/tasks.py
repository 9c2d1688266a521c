"""What the whole hub does by the clock."""

from core.jobs.scheduling import scheduled
from iikohub.pages.sign_in import forget_old_failures


@scheduled("47 * * * *")
def forget_sign_in_failures() -> None:
    forget_old_failures()
