"""The kinds of device and what each sensor of theirs shows: weather or soil, plus noise, at the sensor's resolution.

Pure: the same device and instant give the same values, whatever was asked before.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cropmark_firmware.soil import Soil
from cropmark_firmware.weather import Air

Kind = Literal["weather-station", "leaf", "soil-probe"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One SenML measurement: name, unit, and the value as the text that goes on the wire."""

    name: str
    unit: str
    value: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a device stands in: the air, the soil, and the rain (mm) that fell since its last sample."""

    air: Air
    soil: Soil
    rain: float


def wetness(air: Air) -> float:
    """Return the wet share of a leaf: full in rain, else rising from 87 to 95 % relative humidity."""
    return 1.0 if air.rain > 0 else min(1.0, max(0.0, (air.humidity - 87) / 8))


def _shown(value: float, noise: float, resolution: float, decimals: int, low: float, high: float) -> str:
    stepped = round(min(high, max(low, value + noise)) / resolution) * resolution
    return f"{stepped:.{decimals}f}"


def measure(kind: Kind, seed: int, instant: int, around: Surroundings) -> list[Measurement]:
    """Return what a device of ``kind`` measures at ``instant`` (milliseconds), battery left out."""
    noise = random.Random(f"{seed}/{instant}")  # noqa: S311 - sensor noise, the same at every replay
    offset = random.Random(seed)  # noqa: S311 - the unit's own error, the same for its life

    def sensor(  # noqa: PLR0913, PLR0917 - a row of a table
        name: str, unit: str, value: float, error: float, resolution: float, decimals: int, low: float, high: float
    ) -> Measurement:
        shown = _shown(value, offset.gauss(0, error) + noise.gauss(0, error / 3), resolution, decimals, low, high)
        return Measurement(name, unit, shown)

    air, soil = around.air, around.soil
    temperature = sensor("air_temperature", "Cel", air.temperature, 0.15, 0.1, 1, -40, 80)
    humidity = sensor("air_humidity", "%RH", air.humidity, 1.0, 0.1, 1, 0, 100)
    if kind == "leaf":
        return [temperature, humidity, sensor("leaf_wetness", "/", wetness(air), 0.0, 0.01, 2, 0, 1)]
    if kind == "soil-probe":
        return [
            sensor("soil_moisture_10cm", "/", soil.upper, 0.006, 0.0001, 4, 0, 0.6),
            sensor("soil_moisture_30cm", "/", soil.lower, 0.006, 0.0001, 4, 0, 0.6),
            sensor("soil_temperature_10cm", "Cel", soil.upper_temperature, 0.1, 0.1, 1, -40, 80),
            sensor("soil_temperature_30cm", "Cel", soil.lower_temperature, 0.1, 0.1, 1, -40, 80),
        ]
    sun = sensor("solar_radiation", "W/m2", air.radiation, 2.0 if air.radiation else 0.0, 1, 0, 0, 1500)
    return [
        temperature,
        humidity,
        sun,
        sensor("wind_speed", "m/s", air.wind, 0.1 if air.wind else 0.0, 0.1, 1, 0, 60),
        sensor("rainfall", "mm", around.rain, 0.0, 0.2, 1, 0, 500),
    ]


MEASUREMENTS: Final[Mapping[Kind, int]] = {"weather-station": 6, "leaf": 4, "soil-probe": 5}
"""How many measurements a pack of each kind has, the battery included."""

SAMPLE_COST: Final = 0.0002
SEND_COST: Final = 0.0005
SUN_GAIN: Final = 0.00002


def charge_after(charge: float, hours: float, radiation: float, *, sent: bool) -> float:
    """Return the battery's charge (0 to 1) after a sample, ``hours`` of sun and perhaps a transmission."""
    used = SAMPLE_COST + (SEND_COST if sent else 0.0)
    return min(1.0, max(0.0, charge - used + radiation * hours * SUN_GAIN))


def battery_voltage(charge: float) -> Measurement:
    """Return the battery's measurement: 3.2 V empty, 4.1 V full."""
    return Measurement("battery_voltage", "V", f"{3.2 + 0.9 * charge:.3f}")


def pack(farm: str, device: str, session: str, counter: int, instant: int, values: list[Measurement]) -> bytes:
    """Write one SenML JSON pack (RFC 8428). Written out by hand: the same pack must have the same bytes for ever."""
    base = (
        f'[{{"bn":"cropmark/{farm}/{device}/","bt":{instant // 1000}.{instant % 1000:03d},'
        f'"n":"session","vs":"{session}"}},{{"n":"counter","v":{counter}}}'
    )
    rest = "".join(f',{{"n":"{item.name}","u":"{item.unit}","v":{item.value}}}' for item in values)
    return f"{base}{rest}]".encode()
