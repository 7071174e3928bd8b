"""The EPCIS 2.0 event inside a record: fixed by what the record says, so the two can never differ (docs/formats.md §6).

Events are valid under GS1's JSON schema on their own, with CBV 2.0 business steps and dispositions, UN/CEFACT Rec. 20
units, and class identifiers made of an address of the seller's; never a GTIN that nobody was given. The CBV event hash
is not used: it collides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from cropmark_trace.jcs import JsonValue, from_thousandths, thousandths

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"
ID_BASE: Final = "https://cropmark.invalid"

Step = Literal["planting", "input", "harvest", "packing"]
STEPS: Final[tuple[Step, ...]] = get_args(Step)
UNITS: Final[Mapping[str, str]] = {
    "kg": "KGM", "g": "GRM", "t": "TNE", "L": "LTR", "mL": "MLT", "m3": "MTQ", "mm": "MMT", "h": "HUR",
}  # fmt: skip
"""UCUM units of inputs, and the UN/CEFACT code of each."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What an event is made of: ``time`` and ``offset`` as they stand in it, and the record's nonce as its id."""

    step: Step
    farm: str
    field: str
    batch: str
    facts: Mapping[str, JsonValue]
    time: str
    offset: str
    nonce: str
    id_base: str = ID_BASE


def offset_text(minutes: int) -> str:
    """Return minutes east of UTC as EPCIS has them: ``+08:00``."""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def _amount(epc_class: str, quantity: JsonValue = None, uom: str | None = None) -> JsonValue:
    element: dict[str, JsonValue] = {"epcClass": epc_class}
    if quantity is not None:
        element["quantity"] = quantity
    if uom is not None:
        element["uom"] = uom
    return element


def _packed_weight(facts: Mapping[str, JsonValue]) -> JsonValue:
    units, weight = facts["units"], facts["unitWeightKilograms"]
    assert isinstance(units, int)
    assert isinstance(weight, int | float)
    return from_thousandths(units * thousandths(weight))


def event(happening: Happening) -> dict[str, JsonValue]:
    """Return the one event of a record; ``facts`` must have the members of the step."""
    base, facts, batch = happening.id_base, happening.facts, happening.batch
    farm = f"{base}/farm/{happening.farm}"
    place = farm if happening.step == "packing" else f"{farm}/field/{happening.field}"
    crop, harvested, packed = f"{base}/crop/{batch}", f"{base}/harvest/{batch}", f"{base}/lot/{batch}"
    common: dict[str, JsonValue] = {
        "@context": [CONTEXT],
        "eventID": f"{base}/event/{happening.nonce}",
        "eventTime": happening.time,
        "eventTimeZoneOffset": happening.offset,
        "readPoint": {"id": place},
        "bizLocation": {"id": place},
    }
    match happening.step:
        case "planting":
            return common | {
                "type": "ObjectEvent",
                "action": "ADD",
                "bizStep": "commissioning",
                "disposition": "active",
                "quantityList": [_amount(crop, facts["areaSquareMetres"], "MTK")],
            }
        case "input":
            given = _amount(f"{base}/input/{facts['kind']}", facts["amount"], UNITS[str(facts["unit"])])
            return common | {
                "type": "ObjectEvent",
                "action": "OBSERVE",
                "bizStep": "other",
                "quantityList": [_amount(crop), given],
            }
        case "harvest":
            return common | {
                "type": "ObjectEvent",
                "action": "ADD",
                "bizStep": "commissioning",
                "disposition": "active",
                "quantityList": [_amount(harvested, facts["weightKilograms"], "KGM")],
            }
        case "packing":
            return common | {
                "type": "TransformationEvent",
                "bizStep": "packing",
                "disposition": "sellable_not_accessible",
                "inputQuantityList": [_amount(harvested, _packed_weight(facts), "KGM")],
                "outputQuantityList": [_amount(packed, facts["units"])],
            }
