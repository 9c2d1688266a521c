"""Faults of webhooks and of API calls, with their probabilities."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from random import Random
from threading import Lock

_DELAY_SECONDS = (2.0, 10.0)
_OVERTAKEN_AFTER_SECONDS = (5.0, 20.0)
_FORM = re.compile(r"(?P<share>[^@x]*)(@(?P<operation>[\w/]+?))?(x(?P<times>[1-9]\d*))?")


@dataclass(frozen=True, slots=True)
class Aim:
    """Limits a fault to operations with this prefix, and to so many times."""

    fault: str
    operation: str = ""
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """Say how likely each fault of a webhook and of a call of the API is, from 0 to 1."""

    duplicate: float = 0.0  # is sent twice
    delay: float = 0.0  # is held for some seconds, and so are all behind it
    reorder: float = 0.0  # is held alone, so that later ones overtake it
    drop: float = 0.0  # is not sent at all
    batch: float = 0.0  # waits for others of its restaurant to go with it in one array

    http_402: float = 0.0  # the licence has expired
    http_429: float = 0.0  # there were too many
    # Before anything was done, or after all was done.
    http_408_before: float = 0.0
    http_408_after: float = 0.0
    http_500_before: float = 0.0
    http_500_after: float = 0.0
    reset_before: float = 0.0
    reset_after: float = 0.0
    slow: float = 0.0  # is answered late
    aims: tuple[Aim, ...] = ()

    def share(self, name: str) -> float:
        return float(getattr(self, name))

    def aim(self, name: str) -> Aim:
        return next((aim for aim in self.aims if aim.fault == name), Aim(name))

    def __str__(self) -> str:
        return ", ".join(self._each("{} {:g}", " at {}", " {} times")) or "none"

    @property
    def as_given(self) -> str:
        """Write the faults as ``parse_faults`` reads them."""
        return ",".join(self._each("{}={:g}", "@{}", "x{}"))

    def _each(self, share: str, operation: str, times: str) -> Iterator[str]:
        for name in filter(self.share, FAULT_NAMES):
            aim = self.aim(name)
            only = operation.format(aim.operation) if aim.operation else ""
            limit = times.format(aim.times) if aim.times else ""
            yield f"{share.format(name, self.share(name))}{only}{limit}"


NO_FAULTS = Faults()
FAULT_NAMES = tuple(field.name for field in fields(Faults) if field.name != "aims")
CALL_FAULTS = tuple(FAULT_NAMES[FAULT_NAMES.index("http_402") :])


def parse_faults(text: str) -> Faults:
    """Read ``duplicate=0.1,reset_after=1@deliveries/cancelx2``: share, operation and times.

    Raises:
        ValueError: with a sentence for the user.
    """
    shares: dict[str, float] = {}
    aims: list[Aim] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in FAULT_NAMES:
            raise ValueError(f"there is no fault {name!r}; known are {', '.join(FAULT_NAMES)}")
        shares[name], aim = _parse_value(name, value)
        aims += [aim] if aim != Aim(name) else []
    return Faults(**shares, aims=tuple(aims))


def _parse_value(name: str, text: str) -> tuple[float, Aim]:
    found = _FORM.fullmatch(text)
    with suppress(ValueError):
        share = float(found["share"]) if found else -1.0
        if found and 0 <= share <= 1:
            times = int(found["times"]) if found["times"] else None
            return share, Aim(name, found["operation"] or "", times)
    raise ValueError(f"{name} must be a probability from 0 to 1, as in {name}=0.1, not {text!r}")


@dataclass(frozen=True, slots=True)
class DeliveryFault:
    """How one webhook is sent: how many copies, how much later, and whether later ones may overtake it."""

    copies: int = 1
    delay_s: float = 0.0
    may_be_overtaken: bool = False


class FaultInjector:
    """Decides on the faults of each delivery and of each call, the same for the same seed.

    Thread-safe.
    """

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._random = Random(f"{seed}/faults")
        self._calls = Random(f"{seed}/faults of calls")
        self._happened: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def faults(self) -> Faults:
        return self._faults

    def set(self, faults: Faults) -> None:
        """Replace the faults; their limits are counted from zero again."""
        with self._lock:
            self._faults = faults
            self._happened.clear()

    def for_delivery(self) -> DeliveryFault:
        """Choose the faults of one delivery."""
        with self._lock:
            if self._happens("drop", self._random):
                return DeliveryFault(copies=0)
            copies = 2 if self._happens("duplicate", self._random) else 1
            if self._happens("reorder", self._random):
                return DeliveryFault(
                    copies, self._random.uniform(*_OVERTAKEN_AFTER_SECONDS), may_be_overtaken=True
                )
            if self._happens("delay", self._random):
                return DeliveryFault(copies, self._random.uniform(*_DELAY_SECONDS))
            return DeliveryFault(copies)

    def for_call(self, operation: str) -> list[str]:
        """Choose the faults of a call: the first of the failing ones and perhaps ``slow``."""
        with self._lock:
            chosen = [name for name in CALL_FAULTS if self._is_aimed_at(name, operation)]
            failing = [name for name in chosen if name != "slow"][:1]
            self._happened.update(failing)
            return failing + (["slow"] if "slow" in chosen else [])

    def _is_aimed_at(self, name: str, operation: str) -> bool:
        aim = self._faults.aim(name)
        is_used_up = aim.times is not None and self._happened[name] >= aim.times
        return not is_used_up and operation.startswith(aim.operation) and self._happens(name, self._calls)

    def _happens(self, name: str, random: Random) -> bool:
        return random.random() < self._faults.share(name)
