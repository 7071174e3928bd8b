"""One real weather year, and the air at any instant of it.

Temperature, humidity and wind are readings at the end of their hour and are interpolated between hours. Radiation is
the mean of its hour and is interpolated between the middles of the hours. Rain is the sum of its hour and falls evenly
within it. The year is a circle. Nothing here knows dates: a position is hours since the year's first midnight.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

HOURS: Final = 8_760


@dataclass(frozen=True, slots=True)
class Air:
    """Cel, %, W/m2, m/s, and rain as millimetres per hour."""

    temperature: float
    humidity: float
    radiation: float
    wind: float
    rain: float


class Weather:
    """The year as hourly rows."""

    def __init__(self, rows: list[Air]) -> None:
        if len(rows) != HOURS:
            raise ValueError(f"a weather year has {HOURS} hours, not {len(rows)}")
        self._rows = rows

    def hour(self, number: int) -> Air:
        """Return the row of the hour that begins ``number`` hours after the year's first midnight."""
        return self._rows[number % HOURS]

    def at(self, position: float) -> Air:
        """Return the air at ``position``."""
        number = int(position // 1)
        part = position - number
        before, within = self.hour(number - 1), self.hour(number)
        middle = position - 0.5
        early = int(middle // 1)
        share = middle - early
        sun = self.hour(early).radiation * (1 - share) + self.hour(early + 1).radiation * share
        return Air(
            before.temperature * (1 - part) + within.temperature * part,
            before.humidity * (1 - part) + within.humidity * part,
            sun,
            before.wind * (1 - part) + within.wind * part,
            within.rain,
        )


@cache
def greensboro() -> Weather:
    """Return the shipped year (source and licence: README.md)."""
    rows = []
    for line in (files("cropmark_firmware") / "weather.csv").read_text().splitlines():
        if not line.startswith("#"):
            temperature, humidity, radiation, wind, rain = map(int, line.split(","))
            rows.append(Air(temperature / 10, float(humidity), float(radiation), wind / 10, rain / 10))
    return Weather(rows)
