"""The store port: what a time-series store must do. It is a projection of the archive and can always be rebuilt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cropmark_ingest.reading import Reading
from cropmark_ingest.storage import StorageError


class StoreError(StorageError):
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


Source = tuple[str, str, str]
"""Farm, device and metric."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What the readings of one source add up to; held against the archive by the audit."""

    count: int
    mantissas: int
    times: int
    flags: int


class TelemetryStore(Protocol):
    """Readings by farm, device and metric."""

    def write(self, readings: Sequence[Reading], watermark: int) -> int:
        """Add readings, each identity once for ever, and move the watermark, in one transaction.

        Returns how many were new. All readings of one pack (device, session, counter) come in one call, and of each
        pack one copy. The watermark is only as durable as the rows.
        """
        ...

    def watermark(self) -> int:
        """Return the number of the last archived segment whose readings are in the store, 0 for none."""
        ...

    def latest(self, farm: str, devices: Sequence[str]) -> list[Latest]:
        """Return the newest value of each device and metric; late data never moves it back.

        Newest by event time; where that lies ahead of the gateway's clock, by the gateway's.
        """
        ...

    def series(  # noqa: PLR0913 - a query
        self, farm: str, devices: Sequence[str], metric: str, start: int, stop: int, *, width: int, offset: int = 0,
        without: int = 0,
    ) -> list[Bucket]:  # fmt: skip
        """Return buckets of ``width`` milliseconds from ``start`` up to ``stop``, only those that have readings.

        Buckets begin at multiples of ``width`` in local time, which is ``offset`` milliseconds ahead of UTC. Readings
        that carry any of the flags ``without`` are left out, and those with other decimals than the catalogue's.
        """
        ...

    def count(self, farm: str | None = None) -> int:
        """Return how many readings are stored, of one farm or of all."""
        ...

    def counts(self, farm: str) -> dict[str, int]:
        """Return how many readings are stored of each device of a farm."""
        ...

    def totals(self) -> tuple[int, dict[Source, Totals]]:
        """Return the watermark, and what the readings stored up to it add up to, both of one moment."""
        ...

    def clear(self) -> None:
        """Forget everything, the watermark too."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...
