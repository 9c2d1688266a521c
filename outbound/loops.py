"""What every worker does of outbound webhooks, beside the inbox."""

from core.jobs.loops import WorkerLoop, run_in_workers
from outbound.feed.fan_out import fan_out
from outbound.sending.sender import Sender


class Feed(WorkerLoop):
    """Puts events in order and makes their deliveries."""

    name = "outbound.feed"

    def turn(self) -> bool:
        return fan_out() > 0


run_in_workers(Feed)
run_in_workers(Sender)
