"""What every worker does of outbound webhooks, beside the inbox."""

from core.jobs.loops import WorkerLoop, run_in_workers
from outbound.feed.fan_out import BATCH, fan_out
from outbound.pace import GATHER_S, Pace
from outbound.sending.sender import Sender


class Feed(WorkerLoop):
    """Puts events in order and makes their deliveries."""

    name = "outbound.feed"

    def __init__(self) -> None:
        self._pace = Pace()

    def turn(self) -> bool:
        count = fan_out()
        self.idle_s = self._pace.idle_s()
        self.pause_s = 0.0 if count == BATCH else GATHER_S
        return count > 0


run_in_workers(Feed)
run_in_workers(Sender)
