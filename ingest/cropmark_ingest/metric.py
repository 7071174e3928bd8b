"""The metric catalogue: unit (UCUM), SenML spelling, physical range and resolution of everything a sensor may say.

A value becomes an integer *mantissa* once, here, and stays it: value = mantissa x 10^-decimals. Ranges are what air,
soil and hardware can show on Earth, not what is usual in a season; a value outside is kept and flagged ``range``.
Sources: WMO records for air temperature (-89.2 to 56.7 °C) and wind gust (113 m/s); solar constant 1361 W/m2 with
room for cloud-edge enhancement; volumetric water content lies between 0 and porosity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from types import MappingProxyType
from typing import Final

_MAX_EXPONENT: Final = 30
"""No sensor says more; a mantissa has 64 bits, and a number of a million digits would only take time."""


class UnknownMetricError(KeyError):
    """A metric name that the catalogue does not have."""

    def __str__(self) -> str:
        return str(self.args[0])


class UnitError(ValueError):
    """A unit that the catalogue does not have for this metric."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the catalogue.

    ``units`` maps each SenML unit that may be sent to the factor that turns it into ``unit``; ``low`` and ``high``
    bound the physical range in ``unit``; ``total`` says that the values of a day are summed (rain), not averaged.
    """

    name: str
    unit: str
    units: Mapping[str, Decimal]
    low: Decimal
    high: Decimal
    decimals: int
    en: str
    zh: str
    total: bool = False

    def mantissa(self, value: Decimal, senml_unit: str) -> int:
        """Quantise ``value`` once, half to even.

        Raises :class:`UnitError` for a unit this metric is not sent in, and for what is not a number of sane size.
        """
        factor = self.units.get(senml_unit)
        if factor is None:
            known = ", ".join(repr(unit) for unit in self.units)
            raise UnitError(f"{self.name} is sent in {known}, not in {senml_unit[:20]!r}")
        if not value.is_finite() or value.adjusted() > _MAX_EXPONENT:
            raise UnitError(f"{self.name} is a finite number below 10^{_MAX_EXPONENT}, not {str(value)[:20]}")
        # As many digits as the product has: one that was rounded before would be rounded twice.
        digits = len(value.as_tuple().digits) + len(factor.as_tuple().digits)
        exact = Context(prec=digits).multiply(value, factor)
        return int(exact.scaleb(self.decimals, Context(prec=digits)).to_integral_value(ROUND_HALF_EVEN))

    def in_range(self, mantissa: int) -> bool:
        """Tell whether a mantissa lies in the physical range."""
        return self.low <= Decimal(mantissa).scaleb(-self.decimals) <= self.high

    def value(self, mantissa: int) -> Decimal:
        """Return the exact value of a mantissa in this metric's unit."""
        return Decimal(mantissa).scaleb(-self.decimals)


_ONE: Final = Decimal(1)
_PERCENT: Final = Decimal(100)


def _metric(  # noqa: PLR0913, PLR0917 - a row of a table
    name: str,
    unit: str,
    units: dict[str, Decimal],
    low: str,
    high: str,
    decimals: int,
    en: str,
    zh: str,
    *,
    total: bool = False,
) -> Metric:
    return Metric(name, unit, MappingProxyType(units), Decimal(low), Decimal(high), decimals, en, zh, total)


def _soil(depth: int) -> tuple[Metric, Metric]:
    return (
        _metric(
            f"soil_moisture_{depth}cm", "m3/m3", {"/": _ONE, "%": Decimal("0.01")}, "0", "0.8", 4,
            f"Soil moisture, {depth} cm", f"土壤水分（{depth} 厘米）",
        ),
        _metric(
            f"soil_temperature_{depth}cm", "Cel", {"Cel": _ONE}, "-50", "80", 2,
            f"Soil temperature, {depth} cm", f"土壤温度（{depth} 厘米）",
        ),
    )  # fmt: skip


_ROWS: Final = (
    _metric("air_temperature", "Cel", {"Cel": _ONE}, "-90", "60", 2, "Air temperature", "气温"),
    _metric("air_humidity", "%", {"%RH": _ONE}, "0", "100", 1, "Relative humidity", "空气相对湿度"),
    _metric("solar_radiation", "W/m2", {"W/m2": _ONE}, "0", "1800", 0, "Solar radiation", "太阳辐射"),
    _metric("wind_speed", "m/s", {"m/s": _ONE}, "0", "115", 2, "Wind speed", "风速"),
    _metric("rainfall", "mm", {"mm": _ONE}, "0", "500", 2, "Rain", "降雨量", total=True),
    _metric("leaf_wetness", "%", {"/": _PERCENT, "%": _ONE}, "0", "100", 1, "Leaf wetness", "叶面湿润度"),
    *_soil(10),
    *_soil(30),
    _metric("battery_voltage", "V", {"V": _ONE}, "0", "60", 3, "Battery", "电池电压"),
)

CATALOGUE: Final[Mapping[str, Metric]] = MappingProxyType({row.name: row for row in _ROWS})


def metric(name: str) -> Metric:
    """Look a metric up; raise :class:`UnknownMetricError` naming the ones there are."""
    try:
        return CATALOGUE[name]
    except KeyError:
        raise UnknownMetricError(f"no metric {name[:40]!r}; the catalogue has {', '.join(CATALOGUE)}") from None


def table() -> str:
    """Return the catalogue as the Markdown table of ``ingest/README.md``."""
    lines = ["| metric | unit | SenML unit | range | decimals | English | 中文 |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| `{row.name}` | `{row.unit}` | {', '.join(f'`{unit}`' for unit in row.units)} | {row.low} … {row.high} "
        f"| {row.decimals} | {row.en} | {row.zh} |"
        for row in CATALOGUE.values()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")  # noqa: T201 - this is what it is for
