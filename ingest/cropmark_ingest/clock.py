"""The farm's clock: real time, or a season replayed faster so that it ends now (docs/formats.md §2, design §5).

``scaled(real) = min(real, epoch_scaled + (real - epoch_real) x rate)``: with a rate above 1 the replay catches up with
real time and then runs with it. Sign-in, TLS and the chain keep real time.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Self

Clock = Callable[[], int]
"""Returns integer UTC milliseconds."""


def real_ms() -> int:
    """Return the machine's time."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """A replay: at ``epoch_real_ms`` the farm's time is ``epoch_scaled_ms``, and it runs ``rate`` times as fast."""

    epoch_real_ms: int
    epoch_scaled_ms: int
    rate: float = 1.0

    def at(self, real: int) -> int:
        """Return the farm's time at the machine's time ``real``."""
        return min(real, self.epoch_scaled_ms + round((real - self.epoch_real_ms) * self.rate))

    def now(self) -> int:
        """Return the farm's time now."""
        return self.at(real_ms())

    def pace(self, real: int) -> float:
        """Return how fast the farm's time runs at ``real``: waits of the farm's clock are this many times longer."""
        return self.rate if self.at(real) < real else 1.0

    def to_json(self) -> str:
        """Return the clock as the JSON text that every process is given."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read :meth:`to_json` back; raise :class:`ValueError` if it is not a clock."""
        data = json.loads(text)
        match data:
            case {
                "epoch_real_ms": int() as real,
                "epoch_scaled_ms": int() as scaled,
                "rate": int() | float() as rate,
            } if bool not in {type(real), type(scaled), type(rate)} and 1 <= rate < math.inf and scaled <= real:
                return cls(real, scaled, float(rate))
            case _:
                raise ValueError("a clock file holds epoch_real_ms, epoch_scaled_ms (not later) and rate (at least 1)")
