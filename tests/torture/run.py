"""What one part of the suite was asked for, and what came of it: trials, losses, counts."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MOST_LOSSES_TOLD: Final = 20
"""A part ends after so many: one cause is behind them, and it has been seen."""


@dataclass
class Run:
    """One part's run. About `wanted` trials, and but for the first none `limit_s` seconds later.

    The n-th trial of a part draws from a source that only the seed, the part and n decide, so that
    one trial can be looked at alone. When a process is killed is also up to the machine.
    """

    part: str
    folder: Path
    wanted: int
    seed: int
    limit_s: float | None = None
    trials: int = 0
    losses: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    not_run: str = ""
    """Why the part could not run on this machine; empty if it could."""
    cpu_s: float = 0.0
    _drawn: int = 0
    _began: float | None = None

    def goes_on(self) -> bool:
        """Say whether another trial is wanted."""
        if self._began is None:  # what the part prepares takes no time of its trials
            self._began = time.monotonic()
        spent_s = time.monotonic() - self._began
        # What was to be killed may have been through sooner: that is no trial.
        late = self.limit_s is not None and spent_s > self.limit_s and self.trials > 0
        return self.trials < self.wanted and not late and len(self.losses) < MOST_LOSSES_TOLD

    def moment(self) -> random.Random:
        """Return the source of chance of the next trial."""
        self._drawn += 1
        return random.Random(f"{self.seed} {self.part} {self._drawn}")

    def passed(self, trials: int = 1, *, losses: Iterable[str] = (), **counts: int) -> None:
        """Note that so many trials are through, what was lost in them, and what else to count."""
        self.trials += trials
        self.losses += (f"trial {self._drawn}: {loss}" for loss in losses)
        self.counts.update({name.replace("_", " "): number for name, number in counts.items()})
