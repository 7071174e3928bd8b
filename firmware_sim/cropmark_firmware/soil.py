"""Soil water and temperature of one field, hour by hour, driven by the weather.

Two layers of 200 mm (a probe in the middle of each, at 10 and 30 cm). Water enters as rain and irrigation, leaves by
evapotranspiration (Makkink's formula as in de Bruin 1987: 0.65 x slope / (slope + psychrometric constant) x radiation
/ latent heat, times a crop coefficient, less as the soil dries) and by drainage above field capacity; what does not
fit runs off. Soil temperature follows the air with a lag of 6 and 48 hours. Simulation, not agronomy: good enough
that a wet week looks wet.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cropmark_firmware.weather import Air, Weather

LAYER_MM: Final = 200.0
SATURATION: Final = 0.45
FIELD_CAPACITY: Final = 0.32
WILTING_POINT: Final = 0.14
DRAINAGE_PER_HOUR: Final = 0.08
UPPER_SHARE: Final = 0.7
CROP_COEFFICIENT: Final = 0.95
LAG_HOURS: Final = (6.0, 48.0)


@dataclass(frozen=True, slots=True)
class Soil:
    """Volumetric water content (m3/m3) and temperature (Cel) of both layers, and the hour's flows in millimetres."""

    upper: float
    lower: float
    upper_temperature: float
    lower_temperature: float
    entered: float = 0.0
    evaporated: float = 0.0
    drained: float = 0.0
    ran_off: float = 0.0

    @property
    def water_mm(self) -> float:
        """Return the water in both layers."""
        return (self.upper + self.lower) * LAYER_MM


def makkink(air: Air) -> float:
    """Return reference evapotranspiration in millimetres per hour."""
    slope = (
        4098 * 0.6108 * math.exp(17.27 * air.temperature / (air.temperature + 237.3)) / (air.temperature + 237.3) ** 2
    )
    return 0.65 * slope / (slope + 0.066) * air.radiation * 3600 / 2.45e6


def _dryness(content: float) -> float:
    return min(1.0, max(0.0, (content - WILTING_POINT) / (0.6 * (FIELD_CAPACITY - WILTING_POINT))))


def step(soil: Soil, air: Air, irrigation: float = 0.0) -> Soil:
    """Return the soil one hour later, after ``air`` and ``irrigation`` millimetres."""
    upper, lower = soil.upper * LAYER_MM, soil.lower * LAYER_MM
    demand = makkink(air) * CROP_COEFFICIENT
    from_upper = min(upper, demand * UPPER_SHARE * _dryness(soil.upper))
    from_lower = min(lower, demand * (1 - UPPER_SHARE) * _dryness(soil.lower))
    entered = air.rain + irrigation
    upper += entered - from_upper
    lower -= from_lower
    ran_off = max(0.0, upper - SATURATION * LAYER_MM)
    upper -= ran_off
    seeped = min(max(0.0, upper - FIELD_CAPACITY * LAYER_MM) * DRAINAGE_PER_HOUR, SATURATION * LAYER_MM - lower)
    upper -= seeped
    lower += seeped
    drained = max(0.0, lower - FIELD_CAPACITY * LAYER_MM) * DRAINAGE_PER_HOUR
    lower -= drained
    upper_lag, lower_lag = LAG_HOURS
    return Soil(
        upper / LAYER_MM,
        lower / LAYER_MM,
        soil.upper_temperature + (air.temperature - soil.upper_temperature) / upper_lag,
        soil.lower_temperature + (air.temperature - soil.lower_temperature) / lower_lag,
        entered,
        from_upper + from_lower,
        drained,
        ran_off,
    )


class Field:
    """The soil of one field from its first hour on; grows as far as it is asked for."""

    def __init__(self, weather: Weather, first_hour: int, irrigation: Mapping[int, float]) -> None:
        """``irrigation``: millimetres by number of the hour, counted from ``first_hour``."""
        self._weather = weather
        self._first = first_hour
        self._irrigation = irrigation
        temperature = weather.hour(first_hour).temperature
        self._hours = [Soil(FIELD_CAPACITY, FIELD_CAPACITY, temperature, temperature)]

    def after(self, hours: float) -> Soil:
        """Return the soil ``hours`` after the first one (0 for anything before)."""
        number = max(0, int(hours))
        while len(self._hours) <= number:
            past = len(self._hours) - 1
            air = self._weather.hour(self._first + past)
            self._hours.append(step(self._hours[-1], air, self._irrigation.get(past, 0.0)))
        return self._hours[number]
