"""The field's season as a drawing: from a bundle's season summary to SVG coordinates, and the same figures by week.

Pure. Three panels over one time axis: air temperature (band of each day's lowest to highest, line of the mean), rain
(bars), soil moisture (band and line). A day without readings is a gap: no line crosses it, and it is hatched.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, floor, log10
from typing import Final, cast

from cropmark_trace.jcs import JsonValue

WIDTH: Final = 360
LEFT: Final = 30
RIGHT: Final = 354
_TOP: Final = 20
_HEIGHTS: Final = (116, 58, 74)
_SPACE: Final = 34
HEIGHT: Final = _TOP + sum(_HEIGHTS) + _SPACE * 2 + 22
_PANELS: Final = (
    ("temperature", "air_temperature", 1.0),
    ("rain", "rainfall", 1.0),
    ("soil", "soil_moisture_10cm", 100.0),
)

Column = Sequence[float | None]
"""One value for each day, or None."""


@dataclass(frozen=True, slots=True)
class Days:
    """One metric's days, in the unit shown."""

    low: Column
    high: Column
    mean: Column
    total: Column


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the three drawings. ``band``, ``line`` and ``bars`` are SVG paths; ``gaps`` are (x, width)."""

    name: str
    top: float
    height: float
    ticks: Sequence[Tick]
    band: str
    line: str
    bars: str
    gaps: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days, or the rest: first day, lowest and highest air temperature, rain, mean soil moisture, empty days."""

    first: date
    low: float | None
    high: float | None
    rain: float | None
    soil: float | None
    empty: int


@dataclass(frozen=True, slots=True)
class Season:
    """What there is to draw and to tell. ``months`` are the first days of months on the time axis."""

    days: Sequence[date]
    panels: Sequence[Panel]
    months: Sequence[tuple[float, date]]
    weeks: Sequence[Week]
    low: float | None
    high: float | None
    rain: float | None
    soil: float | None


def season(summary: Mapping[str, JsonValue]) -> Season | None:
    """Return the drawing of a season summary that fits its form (``bundle``), or None if its days are no dates."""
    try:
        days = [date.fromisoformat(str(day)) for day in cast("list[str]", summary["days"])]
    except ValueError:
        return None
    metrics = cast("Mapping[str, Mapping[str, JsonValue]]", summary["metrics"])
    columns = {name: _days(metrics.get(metric), factor, len(days)) for name, metric, factor in _PANELS}
    step = (RIGHT - LEFT) / len(days)
    panels = []
    top = float(_TOP)
    for (name, _, _), height in zip(_PANELS, _HEIGHTS, strict=True):
        panels.append(_panel(name, columns[name], top, height, step))
        top += height + _SPACE
    air, rain, soil = (columns[name] for name, _, _ in _PANELS)
    return Season(
        days=days,
        panels=panels,
        months=_months(days, step),
        weeks=list(_weeks(days, air, rain, soil)),
        low=_best(min, air.low),
        high=_best(max, air.high),
        rain=_best(sum, rain.total),
        soil=_mean(soil.mean),
    )


def _days(metric: Mapping[str, JsonValue] | None, factor: float, count: int) -> Days:
    nothing: Column = [None] * count
    if metric is None:
        return Days(nothing, nothing, nothing, nothing)
    unit = factor / 10 ** cast("int", metric["decimals"])

    def column(name: str) -> Column:
        return [None if value is None else value * unit for value in cast("list[int | None]", metric[name])]

    total = column("sum")
    counts = cast("list[int]", metric["count"])
    mean = [value / n if value is not None and n else None for value, n in zip(total, counts, strict=True)]
    return Days(column("min"), column("max"), mean, total)


def _there(column: Column) -> list[float]:
    return [value for value in column if value is not None]


def _best(of: Callable[[list[float]], float], column: Column) -> float | None:
    values = _there(column)
    return of(values) if values else None


def _mean(column: Column) -> float | None:
    values = _there(column)
    return sum(values) / len(values) if values else None


def nice_step(span: float, most: int) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that divides ``span`` into at most ``most`` parts."""
    rough = span / most
    power = 10.0 ** floor(log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _scale(name: str, days: Days) -> tuple[float, float, float]:
    """Return the axis: its lower end, upper end and step."""
    values = _there(days.total) if name == "rain" else _there(days.low) + _there(days.high)
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if name == "rain":
        low = 0.0
    if high - low < 1e-6:
        high = low + 1.0
    step = nice_step(high - low, 4 if name == "temperature" else 2)
    return floor(low / step) * step, ceil(high / step) * step, step


def _panel(name: str, days: Days, top: float, height: float, step: float) -> Panel:
    low, high, tick = _scale(name, days)

    def y(value: float) -> float:
        return round(top + height * (high - value) / (high - low), 1)

    shown = days.total if name == "rain" else days.mean
    runs = list(_runs(shown))
    ticks = [
        Tick(y(low + tick * number), _short(low + tick * number)) for number in range(round((high - low) / tick) + 1)
    ]
    empty = [(LEFT + first * step, (last - first) * step) for first, last in _holes(shown)]
    gaps = [(round(x, 1), round(width, 1)) for x, width in empty]
    if name == "rain":
        bars = "".join(
            f"M{_x(day, step, 0.15)} {y(0)}V{y(value)}H{_x(day, step, 0.85)}V{y(0)}Z"
            for day, value in enumerate(shown)
            if value
        )
        return Panel(name, top, height, ticks, "", "", bars, gaps)
    band = "".join(_band(days, run, step, y) for run in runs)
    line = "".join(_line(days.mean, run, step, y) for run in runs)
    return Panel(name, top, height, ticks, band, line, "", gaps)


def _x(day: int, step: float, part: float = 0.5) -> float:
    return round(LEFT + (day + part) * step, 1)


def _runs(column: Column) -> Iterator[tuple[int, int]]:
    """Yield each stretch of days with readings, its end not included."""
    first = None
    for day, value in enumerate([*column, None]):
        if value is not None and first is None:
            first = day
        if value is None and first is not None:
            yield first, day
            first = None


def _holes(column: Column) -> Iterator[tuple[int, int]]:
    return _runs([None if value is not None else 0.0 for value in column])


def _trace(column: Column, run: tuple[int, int], step: float, y: Callable[[float], float]) -> list[str]:
    """Return the points of a run, drawn out to the edges of its first and last day."""
    first, last = run
    points = [(day, cast("float", column[day])) for day in range(first, last)]
    return [
        f"{_x(first, step, 0)} {y(points[0][1])}",
        *(f"{_x(day, step)} {y(value)}" for day, value in points),
        f"{_x(last, step, 0)} {y(points[-1][1])}",
    ]


def _line(column: Column, run: tuple[int, int], step: float, y: Callable[[float], float]) -> str:
    return "M" + "L".join(_trace(column, run, step, y))


def _band(days: Days, run: tuple[int, int], step: float, y: Callable[[float], float]) -> str:
    return "M" + "L".join(_trace(days.high, run, step, y) + _trace(days.low, run, step, y)[::-1]) + "Z"


def _short(value: float) -> str:
    return (
        f"{value:.2f}".rstrip("0").rstrip(".").replace("-0", "0")
        if abs(value) < 0.005
        else f"{value:.2f}".rstrip("0").rstrip(".")
    )


def _months(days: Sequence[date], step: float) -> list[tuple[float, date]]:
    every = [(number, day) for number, day in enumerate(days) if day.day == 1]
    stride = max(1, ceil(len(every) / 6))
    return [(_x(number, step, 0), day) for number, day in every[::stride]] or [(_x(0, step, 0), days[0])]


def _weeks(days: Sequence[date], air: Days, rain: Days, soil: Days) -> Iterator[Week]:
    for first in range(0, len(days), 7):
        week = slice(first, first + 7)
        yield Week(
            days[first],
            _best(min, air.low[week]),
            _best(max, air.high[week]),
            _best(sum, rain.total[week]),
            _mean(soil.mean[week]),
            sum(
                low is None and total is None and mean is None
                for low, total, mean in zip(air.low[week], rain.total[week], soil.mean[week], strict=True)
            ),
        )
