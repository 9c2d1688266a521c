"""What the whole hub does by the clock."""

from __future__ import annotations

from iikohub.sign_in import forget_old_failures
from organizations.jobs import scheduled


@scheduled("47 * * * *")
def forget_sign_in_failures() -> None:
    forget_old_failures()
