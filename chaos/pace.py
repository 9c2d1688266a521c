"""How fast this machine is, and what that allows: limits are those of a machine that has time, and scaled."""

from bisect import bisect_left, bisect_right

from chaos.evidence import Calm, Evidence, Injected, Sample

_QUICK_S = 0.1
"""A webhook takes less on a machine that has time, under the load of a run."""
_MOST_TIMES = 4.0
"""A machine that is slower than that proves nothing, and limits say no more."""
_OWN_S = 1.0
"""What an answer takes beside what it waits for: the part of a limit that grows with the machine."""
_LAGS = 3
"""An answer waits for the processor a few times: for the loop, a thread, the database."""


def times_of(calm: Calm) -> float:
    """Return how many times as long as a machine that has time this one is given."""
    return min(max(calm.webhook_s / _QUICK_S, 1.0), _MOST_TIMES)


class Pace:
    """Scales limits by what a webhook took before the first fault, and adds what the machine held up."""

    def __init__(self, evidence: Evidence) -> None:
        self.times = times_of(evidence.calm)
        self._lags = sorted(evidence.lags)
        self._moments = [at for at, _lag_s in self._lags]

    def scaled_s(self, seconds: float) -> float:
        return seconds * self.times

    def allowed_s(self, seconds: float, sample: Sample) -> float:
        """Return how long this one may take, where a machine that has time is allowed ``seconds``."""
        return seconds + _OWN_S * (self.times - 1) + _LAGS * self._worst_lag_s(sample)

    def _worst_lag_s(self, sample: Sample) -> float:
        first = bisect_left(self._moments, sample.at)
        last = bisect_right(self._moments, sample.at + sample.took_s + 1.0)
        return max((lag_s for _at, lag_s in self._lags[first:last]), default=0.0)


def caught_up_s(evidence: Evidence, fault: Injected) -> float | None:
    """Return how long after a fault all was applied that came before its end; None: it never was.

    The time of other faults does not count.
    """
    for one in evidence.backlog:
        if one.at >= fault.ended and one.at - one.oldest_s >= fault.ended:
            others = (
                max(0.0, min(other.up_again, one.at) - max(other.began, fault.ended))
                for other in evidence.injected
                if other is not fault
            )
            return max(0.0, one.at - fault.ended - sum(others))
    return None
