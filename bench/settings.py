"""The hub's settings with a job queue beside it, for the side of the comparison that uses one."""

from iikohub.settings import *  # noqa: F403  # how settings are extended
from iikohub.settings import INSTALLED_APPS as HUB_APPS, LOGGING as HUB_LOGGING

INSTALLED_APPS = list(dict.fromkeys([*HUB_APPS, "procrastinate.contrib.django", "bench"]))
# A line for every job would be charged to the queue's account; those of the bench's own pages hide its table.
_QUIET = {name: {"level": "WARNING"} for name in ("procrastinate", "iikohub", "axes", "core.csv_export")}
LOGGING = HUB_LOGGING | {"loggers": HUB_LOGGING["loggers"] | _QUIET}
