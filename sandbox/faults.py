"""What may go wrong with webhooks and with calls of the API, as often as the user asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from random import Random
from threading import Lock

_DELAY_SECONDS = (2.0, 10.0)
_OVERTAKEN_AFTER_SECONDS = (5.0, 20.0)
_FORM = re.compile(r"(?P<share>[^@x]*)(@(?P<operation>[\w/]+?))?(x(?P<times>[1-9]\d*))?")


@dataclass(frozen=True, slots=True)
class Aim:
    """Narrows a fault to operations that begin so, and to so many times."""

    fault: str
    operation: str = ""
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """Say how likely each fault is, from 0 to 1.

    That a webhook …

    duplicate: is sent twice.
    delay: is held for some seconds, and so are all behind it.
    reorder: is held alone, so that later ones overtake it.
    drop: is not sent at all.
    batch: waits for others of its restaurant to go with it in one array.

    … and that a call of the API …

    http_402: finds the licence expired, http_429: is one too many.
    http_408_before, http_500_before, reset_before: fails before anything was done.
    http_408_after, http_500_after, reset_after: fails after all was done.
    slow: is answered late.
    """

    duplicate: float = 0.0
    delay: float = 0.0
    reorder: float = 0.0
    drop: float = 0.0
    batch: float = 0.0
    http_402: float = 0.0
    http_429: float = 0.0
    http_408_before: float = 0.0
    http_408_after: float = 0.0
    http_500_before: float = 0.0
    http_500_after: float = 0.0
    reset_before: float = 0.0
    reset_after: float = 0.0
    slow: float = 0.0
    aims: tuple[Aim, ...] = ()

    def share(self, name: str) -> float:
        return float(getattr(self, name))

    def aim(self, name: str) -> Aim:
        return next((aim for aim in self.aims if aim.fault == name), Aim(name))

    def __str__(self) -> str:
        return ", ".join(self._word(name) for name in FAULT_NAMES if self.share(name)) or "none"

    @property
    def as_given(self) -> str:
        """Write the faults as ``parse_faults`` reads them."""
        return ",".join(self._option(name) for name in FAULT_NAMES if self.share(name))

    def _option(self, name: str) -> str:
        aim = self.aim(name)
        operation = f"@{aim.operation}" if aim.operation else ""
        return f"{name}={self.share(name):g}{operation}{f'x{aim.times}' if aim.times else ''}"

    def _word(self, name: str) -> str:
        aim = self.aim(name)
        only = f" at {aim.operation}" if aim.operation else ""
        times = f" {aim.times} times" if aim.times else ""
        return f"{name} {self.share(name):g}{only}{times}"


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
    try:
        share = float(found["share"]) if found else -1.0
    except ValueError:
        share = -1.0
    if not found or not 0 <= share <= 1:
        raise ValueError(f"{name} must be a probability from 0 to 1, as in {name}=0.1, not {text!r}")
    return share, Aim(name, found["operation"] or "", int(found["times"]) if found["times"] else None)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one webhook: how many copies are sent, how much later, and whether alone so."""

    copies: int = 1
    delay_s: float = 0.0
    may_be_overtaken: bool = False


class FaultDice:
    """Decides the fate of each webhook and of each call, the same for the same seed.

    May be asked and changed from any thread.
    """

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._random = Random(f"{seed}/faults")
        self._calls = Random(f"{seed}/faults of calls")
        self._happened: dict[str, int] = {}
        self._lock = Lock()

    @property
    def faults(self) -> Faults:
        return self._faults

    def set(self, faults: Faults) -> None:
        """Let other things go wrong from now on; what happened so many times is counted anew."""
        with self._lock:
            self._faults = faults
            self._happened.clear()

    def roll(self) -> Fate:
        """Decide on a webhook."""
        with self._lock:
            if self._happens("drop", self._random):
                return Fate(copies=0)
            copies = 2 if self._happens("duplicate", self._random) else 1
            if self._happens("reorder", self._random):
                return Fate(copies, self._random.uniform(*_OVERTAKEN_AFTER_SECONDS), may_be_overtaken=True)
            if self._happens("delay", self._random):
                return Fate(copies, self._random.uniform(*_DELAY_SECONDS))
            return Fate(copies)

    def roll_for_call(self, operation: str) -> list[str]:
        """Decide on a call: name what befalls it, the first of the failing ones and perhaps ``slow``."""
        with self._lock:
            befalls = [name for name in CALL_FAULTS if self._is_aimed_at(name, operation)]
            failing = [name for name in befalls if name != "slow"][:1]
            for name in failing:
                self._happened[name] = self._happened.get(name, 0) + 1
            return failing + (["slow"] if "slow" in befalls else [])

    def _is_aimed_at(self, name: str, operation: str) -> bool:
        aim = self._faults.aim(name)
        is_used_up = aim.times is not None and self._happened.get(name, 0) >= aim.times
        return not is_used_up and operation.startswith(aim.operation) and self._happens(name, self._calls)

    def _happens(self, name: str, random: Random) -> bool:
        return random.random() < self._faults.share(name)
