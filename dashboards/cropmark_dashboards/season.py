"""A field's season as a chart draws it: per local day or hour the least, greatest and mean value, from the store.

Pure. Buckets are aligned to the farm's local midnight, by its fixed offset from UTC; a bucket without readings is left
out, so a gap in the data stays a gap in the line.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from cropmark_ingest.metric import Metric
from cropmark_ingest.registry import Placement
from cropmark_ingest.store import Bucket

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000
MAX_DAYS: Final = 400
MAX_BUCKETS: Final = 2_000
DEFAULT_DAYS: Final = 120

Step = Literal["day", "hour"]
STEP_MS: Final[Mapping[Step, int]] = {"day": DAY_MS, "hour": HOUR_MS}


class RangeError(ValueError):
    """A stretch of time that cannot be drawn; the text says why and what to ask for instead."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``first`` to before ``end``, both UTC milliseconds at a local midnight, in buckets of ``step``."""

    first: int
    end: int
    step: Step


def local_day(time: int, utc_offset: int) -> date:
    """Return the farm's date at ``time``; ``utc_offset`` in minutes east of UTC."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=time + utc_offset * MINUTE_MS)).date()


def midnight(day: date, utc_offset: int) -> int:
    """Return UTC milliseconds of the farm's midnight that begins ``day``."""
    return (day - date(1970, 1, 1)).days * DAY_MS - utc_offset * MINUTE_MS


def stretch(
    now: int, utc_offset: int, *, planted: str | None, first: date | None, last: date | None, step: Step = "day"
) -> Stretch:
    """Return what to draw: from ``first`` (else the planting date, else 120 days back) to ``last`` (else today).

    Raises :class:`RangeError` for more than 400 days or 2,000 buckets, and for a stretch that ends before it begins.
    """
    today = local_day(now, utc_offset)
    to = today if last is None else last
    since = first or _planted(planted, to) or to - timedelta(days=DEFAULT_DAYS - 1)
    days = (to - since).days + 1
    if days < 1:
        raise RangeError(f"the chart would end ({to}) before it begins ({since}): swap 'from' and 'to'")
    if days > MAX_DAYS:
        raise RangeError(f"{days} days are asked for, at most {MAX_DAYS} are drawn: move 'from' and 'to' closer")
    buckets = days * DAY_MS // STEP_MS[step]
    if buckets > MAX_BUCKETS:
        raise RangeError(f"{buckets} points are asked for, at most {MAX_BUCKETS} are drawn: ask for step=day")
    return Stretch(midnight(since, utc_offset), midnight(to, utc_offset) + DAY_MS, step)


def _planted(text: str | None, to: date) -> date | None:
    """Return the planting date if it lies in the year before ``to``; an older one is another season's."""
    if text is None:
        return None
    try:
        planted = date.fromisoformat(text)
    except ValueError:
        return None
    return planted if timedelta(0) <= to - planted < timedelta(days=MAX_DAYS) else None


def standing(placements: Sequence[Placement], field: str, part: Stretch) -> dict[tuple[int, int], list[str]]:
    """Return which devices stood in ``field`` during ``part``: from-until (UTC milliseconds) to their names."""
    windows: dict[tuple[int, int], list[str]] = {}
    for device in sorted({item.device for item in placements}):
        mine = sorted((item for item in placements if item.device == device), key=lambda item: item.since)
        ends = [item.since for item in mine[1:]] + [part.end]
        for item, until in zip(mine, ends, strict=True):
            window = (max(item.since, part.first), min(until, part.end))
            if item.field == field and window[0] < window[1]:
                windows.setdefault(window, []).append(device)
    return windows


def merged(buckets: Iterable[Bucket]) -> list[Bucket]:
    """Put the buckets of several queries into one row, in order of time."""
    rows: dict[int, Bucket] = {}
    for item in buckets:
        known = rows.get(item.start)
        rows[item.start] = item if known is None else Bucket(
            item.start, min(known.least, item.least), max(known.most, item.most),
            (known.total + item.total) / (known.count + item.count),
            known.total + item.total, known.count + item.count,
        )  # fmt: skip
    return [rows[start] for start in sorted(rows)]


def averaged(rows: Sequence[Sequence[Bucket]]) -> list[Bucket]:
    """Put the gauges of one field together, where values add up: their mean total, not their sum, fell there."""
    gauges: dict[int, list[Bucket]] = {}
    for row in rows:
        for item in row:
            gauges.setdefault(item.start, []).append(item)
    return [
        Bucket(
            start, min(item.least for item in known), max(item.most for item in known),
            sum(item.total for item in known) / sum(item.count for item in known),
            round(sum(item.total for item in known) / len(known)), sum(item.count for item in known),
        )
        for start, known in sorted(gauges.items())
    ]  # fmt: skip


def number(mantissa: int, decimals: int) -> float:
    """Return mantissa x 10^-decimals as the nearest number that JSON can write."""
    return float(f"{mantissa}e-{decimals}")


def mean(metric: Metric, bucket: Bucket) -> float:
    """Return the bucket's mean, rounded down to the metric's resolution as the season summary does."""
    mantissa = math.floor(bucket.mean) if metric.total else bucket.total // bucket.count
    return number(mantissa, metric.decimals)


def chart(metric: Metric, part: Stretch, utc_offset: int, buckets: Iterable[Bucket]) -> dict[str, object]:
    """Return the JSON that the chart draws.

    ``times`` are Unix seconds at which buckets begin; an empty bucket is null in all rows. ``sum`` stands only where a
    metric's values add up (rain); times and rows are equally long.
    """
    known = {item.start: item for item in buckets}
    step = STEP_MS[part.step]
    row = [known.get(start) for start in range(part.first, part.end, step)]
    decimals = metric.decimals
    result: dict[str, object] = {
        "metric": metric.name,
        "unit": metric.unit,
        "decimals": decimals,
        "utcOffset": utc_offset,
        "stepSeconds": step // 1_000,
        "times": [start // 1_000 for start in range(part.first, part.end, step)],
        "min": [None if item is None else number(item.least, decimals) for item in row],
        "max": [None if item is None else number(item.most, decimals) for item in row],
        "mean": [None if item is None else mean(metric, item) for item in row],
        "count": [0 if item is None else item.count for item in row],
    }
    if metric.total:
        result["sum"] = [None if item is None else number(item.total, decimals) for item in row]
    return result
