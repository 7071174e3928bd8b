"""The season summary (docs/formats.md §8): what a field's sensors saw, per metric and local day, in exact integers.

Pure and exact: the same readings give the same bytes in any order. Readings flagged ``range`` are left out, and metrics
that say nothing about the field (battery). Which readings belong to the field is the caller's to know.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from cropmark_ingest import merkle
from cropmark_ingest.reading import Flag, Reading, leaf
from cropmark_trace.jcs import MAX_SAFE, Json, JsonValue, canonical

DOMAIN: Final = b"cropmark/summary/v1\n"
LEFT_OUT: Final = frozenset(("battery_voltage",))
DISCLOSED: Final = ("air_temperature", "soil_moisture_10cm", "soil_temperature_10cm")
"""The metrics whose lowest and highest reading is named, and shown in the bundle."""
MAX_DAYS: Final = 400
DAY: Final = 86_400_000
_MINUTE: Final = 60_000


class SummaryError(ValueError):
    """Readings that cannot be summarised; the text says why."""


def digest(summary: Mapping[str, Json]) -> bytes:
    """Return the digest by which a record names a summary."""
    return sha256(DOMAIN + canonical(summary)).digest()


def iso(time: int) -> str:
    """Return whole UTC milliseconds as ISO 8601 with ``Z``, cut to seconds."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=time // 1000)).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_of(time: int, utc_offset: int) -> int:
    """Return the local day of UTC milliseconds, as days since 1970-01-01; ``utc_offset`` in minutes east."""
    return (time + utc_offset * _MINUTE) // DAY


@dataclass(slots=True)
class _Day:
    low: int
    high: int
    total: int = 0
    count: int = 0


class _Metric:
    """What one metric did, growing reading by reading."""

    def __init__(self, decimals: int) -> None:
        self.decimals = decimals
        self.days: dict[int, _Day] = {}
        self.lowest: Reading | None = None
        self.highest: Reading | None = None

    def add(self, reading: Reading, day: int) -> None:
        value = reading.mantissa
        seen = self.days.get(day)
        if seen is None:
            seen = self.days[day] = _Day(value, value)
        seen.low = min(seen.low, value)
        seen.high = max(seen.high, value)
        seen.total += value
        seen.count += 1
        if self.lowest is None or (value, _order(reading)) < (self.lowest.mantissa, _order(self.lowest)):
            self.lowest = reading
        if self.highest is None or (-value, _order(reading)) < (-self.highest.mantissa, _order(self.highest)):
            self.highest = reading


def _order(reading: Reading) -> tuple[int, str, str, int, int]:
    return reading.time, reading.device, reading.session, reading.counter, reading.index


def summarise(
    readings: Iterable[Reading], *, field: str, start: int, stop: int, utc_offset: int
) -> dict[str, JsonValue]:
    """Return the summary of those ``readings`` with ``start`` <= time < ``stop`` (UTC milliseconds, whole seconds).

    Each reading must be given once. Raise :class:`SummaryError` for a stretch of no or too many days, one metric in two
    resolutions, or sums beyond 2^53.
    """
    if start % 1000 or stop % 1000 or start >= stop:
        raise SummaryError("a season begins before it ends, both at whole seconds")
    first, last = day_of(start, utc_offset), day_of(stop - 1, utc_offset)
    if last - first >= MAX_DAYS:
        raise SummaryError(f"a season of more than {MAX_DAYS} days")
    metrics: dict[str, _Metric] = {}
    for reading in readings:
        if reading.flags & Flag.RANGE or reading.metric in LEFT_OUT or not start <= reading.time < stop:
            continue
        metric = metrics.setdefault(reading.metric, _Metric(reading.decimals))
        if metric.decimals != reading.decimals:
            raise SummaryError(f"{reading.metric[:40]!a} comes in two resolutions")
        metric.add(reading, day_of(reading.time, utc_offset))
    return {
        "field": field,
        "from": iso(start),
        "to": iso(stop),
        "utcOffset": utc_offset,
        "days": [iso(day * DAY)[:10] for day in range(first, last + 1)],
        "metrics": {name: _columns(metrics[name], first, last) for name in sorted(metrics)},
        "extremes": {name: _extremes(metrics[name]) for name in DISCLOSED if name in metrics},
    }


def _columns(metric: _Metric, first: int, last: int) -> JsonValue:
    days = [metric.days.get(day) for day in range(first, last + 1)]
    if any(abs(number) > MAX_SAFE for day in days if day for number in (day.low, day.high, day.total)):
        raise SummaryError("a sum beyond 2^53: these are not readings of the catalogue")
    return {
        "decimals": metric.decimals,
        "min": [day.low if day else None for day in days],
        "max": [day.high if day else None for day in days],
        "sum": [day.total if day else None for day in days],
        "count": [day.count if day else 0 for day in days],
    }


def _extremes(metric: _Metric) -> JsonValue:
    assert metric.lowest is not None
    assert metric.highest is not None
    return {
        "min": merkle.leaf_hash(leaf(metric.lowest)).hex(),
        "max": merkle.leaf_hash(leaf(metric.highest)).hex(),
    }
