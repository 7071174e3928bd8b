"""Values as a grower reads them: rounded for the eye, soil moisture in percent, units spelt as on a gauge. Pure.

The stored number stays exact; this is only its picture. Which units a person prefers would be chosen here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from types import MappingProxyType
from typing import Final

from cropmark_ingest.metric import Metric


@dataclass(frozen=True, slots=True)
class Display:
    """How a unit of the catalogue is shown: times ``factor``, with ``decimals``, followed by ``symbol``."""

    symbol: str
    factor: int
    decimals: int


_DISPLAYS: Final[Mapping[str, Display]] = MappingProxyType(
    {
        "Cel": Display("°C", 1, 1),
        "%": Display("%", 1, 0),
        "W/m2": Display("W/m²", 1, 0),
        "m/s": Display("m/s", 1, 1),
        "mm": Display("mm", 1, 1),
        "m3/m3": Display("%", 100, 1),
        "V": Display("V", 1, 2),
    }
)


ORDER: Final = (
    "air_temperature", "rainfall", "soil_moisture_10cm", "soil_moisture_30cm", "soil_temperature_10cm",
    "soil_temperature_30cm", "air_humidity", "wind_speed", "leaf_wetness", "solar_radiation",
)  # fmt: skip
"""What a grower asks first; a metric that is not listed comes last."""


def rank(name: str) -> tuple[int, str]:
    """Return the place of a metric on a page, to sort by."""
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def display(metric: Metric) -> Display:
    """Return how ``metric`` is shown; a unit that is not listed is shown as it is."""
    return _DISPLAYS.get(metric.unit) or Display(metric.unit, 1, metric.decimals)


def shown(metric: Metric, mantissa: int, decimals: int) -> str:
    """Return the number alone, with a real minus sign."""
    form = display(metric)
    value = Decimal(mantissa).scaleb(-decimals) * form.factor
    rounded = value.quantize(Decimal(1).scaleb(-form.decimals), ROUND_HALF_EVEN)
    text = f"{abs(rounded) if rounded == 0 else rounded:,f}"
    return text.replace("-", "−")
