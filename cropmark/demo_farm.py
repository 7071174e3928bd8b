"""The demo farm: what stands in its registry and what its people record in a season.

Nothing here is real but the weather, and every record says so inside its signature.
"""

from dataclasses import dataclass
from typing import Any, Final

from cropmark_ingest.registry import Farm, Field, Party, Text

FARM: Final = "demo"
GATEWAY: Final = "gw-1"
GROWER: Final = "grower"
PACKER: Final = "cooperative"
HARVESTED_FIELD: Final = "north"
DAY_MS: Final = 86_400_000

DEMO: Final = Text(
    en="Demo: simulated sensors replay a real weather year (Greensboro, North Carolina, TMY3), moved to this season. "
    "Nothing was grown.",
    zh="演示数据：模拟传感器重放真实的气象年（美国北卡罗来纳州格林斯伯勒，TMY3），日期已平移到本季。并未真正种植。",
)

PRODUCT: Final = Text(en="Sweet corn", zh="甜玉米")


def _rectangle(west: float, south: float, east: float, north: float) -> dict[str, object]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def farm() -> Farm:
    """Return the demo farm, at the weather station whose year it replays (UTC-5)."""
    return Farm(FARM, Text("Demo farm", "示范农场"), "US", -300, DEMO)


def fields(planted: str) -> tuple[Field, ...]:
    """Return its two fields, planted on the ISO date ``planted``."""
    return (
        Field(
            FARM, "north", Text("North field", "北田"), _rectangle(-79.9520, 36.1000, -79.9498, 36.1018),
            PRODUCT, planted,
        ),
        Field(
            FARM, "south", Text("South field", "南田"), _rectangle(-79.9520, 36.0975, -79.9498, 36.0993),
            Text("Tomato", "番茄"), planted,
        ),
    )  # fmt: skip


def parties() -> tuple[Party, ...]:
    """Return who signs: the grower, and the cooperative that packs."""
    return (
        Party(FARM, GROWER, Text("Demo grower", "示范种植户"), "grower"),
        Party(FARM, PACKER, Text("Demo cooperative", "示范合作社"), "packer"),
    )


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody does in the season: ``day`` after its start, the record's step and its facts."""

    day: float
    step: str
    facts: dict[str, Any]


def deeds(days: int) -> tuple[Deed, ...]:
    """Return the season of the harvested field, in order, for a season of ``days``."""
    corn = {"en": PRODUCT.en, "zh": PRODUCT.zh}
    return (
        Deed(0, "planting", {"crop": corn, "variety": None, "areaSquareMetres": 39_500}),
        Deed(
            days * 0.25,
            "input",
            {"kind": "fertiliser", "what": {"en": "Compost", "zh": "堆肥"}, "amount": 1_200, "unit": "kg"},
        ),
        Deed(
            days * 0.5,
            "input",
            {"kind": "irrigation", "what": {"en": "Drip irrigation", "zh": "滴灌"}, "amount": 25, "unit": "mm"},
        ),
        Deed(days, "harvest", {"product": corn, "weightKilograms": 820.5}),
        Deed(days, "packing", {"product": corn, "units": 410, "unitWeightKilograms": 2}),
    )
