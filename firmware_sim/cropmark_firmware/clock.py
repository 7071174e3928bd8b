"""The farm's clock as a device has it: real time, or a replay that ends now (docs/formats.md, the clock file)."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self


def real_ms() -> int:
    """Return the machine's time in UTC milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class ReplayClock:
    """``min(real, scaled + (real - epoch) x rate)``."""

    epoch_real_ms: int
    epoch_scaled_ms: int
    rate: float

    def now(self) -> int:
        """Return the farm's time in UTC milliseconds."""
        real = real_ms()
        return min(real, self.epoch_scaled_ms + round((real - self.epoch_real_ms) * self.rate))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a clock file; raise :class:`ValueError` if it is not one."""
        data = json.loads(path.read_text())
        return cls(int(data["epoch_real_ms"]), int(data["epoch_scaled_ms"]), float(data["rate"]))
