"""The store port: what a time-series store must do. It is a projection of the archive and can always be rebuilt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cropmark_ingest.reading import Reading


class StoreError(RuntimeError):
    """The store failed; nothing was written. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of one metric of one device, by event time."""

    device: str
    metric: str
    time: int
    mantissa: int
    decimals: int
    flags: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """One time window of a series. Values are mantissas; ``mean`` is exact within a float."""

    start: int
    least: int
    most: int
    mean: float
    total: int
    count: int


class TelemetryStore(Protocol):
    """Readings by farm, device and metric."""

    def write(self, readings: Sequence[Reading], watermark: int) -> int:
        """Add readings, each identity once for ever, and move the watermark, in one transaction.

        Returns how many were new. Readings of one pack (device, session, counter) come in one call. The watermark is
        only as durable as the rows.
        """
        ...

    def watermark(self) -> int:
        """Return the number of the last archived segment whose readings are in the store, 0 for none."""
        ...

    def latest(self, farm: str, devices: Sequence[str]) -> list[Latest]:
        """Return the newest value of each device and metric; late data never moves it back."""
        ...

    def series(  # noqa: PLR0913 - a query
        self, farm: str, devices: Sequence[str], metric: str, start: int, stop: int, *, width: int, offset: int = 0,
        without: int = 0,
    ) -> list[Bucket]:  # fmt: skip
        """Return buckets of ``width`` milliseconds from ``start`` up to ``stop``, only those that have readings.

        Buckets begin at multiples of ``width`` in local time, which is ``offset`` milliseconds ahead of UTC. Readings
        that carry any of the flags ``without`` are left out.
        """
        ...

    def count(self, farm: str | None = None) -> int:
        """Return how many readings are stored, of one farm or of all."""
        ...

    def counts(self, farm: str) -> dict[str, int]:
        """Return how many readings are stored of each device of a farm."""
        ...

    def clear(self) -> None:
        """Forget everything, the watermark too."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...
