"""Every event is EPCIS 2.0 by the official schema, and says what the record says."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_trace import epcis, jcs
from cropmark_trace.epcis import Happening, Step
from tests.trace.world import FACTS

STEP_FACTS: list[tuple[Step, dict[str, Any]]] = [
    ("planting", FACTS["planting"]),
    ("input", FACTS["compost"]),
    ("input", FACTS["water"]),
    ("harvest", FACTS["harvest"]),
    ("packing", FACTS["packing"]),
]


def happening(step: Step, facts: dict[str, Any], **members: Any) -> Happening:
    return Happening(
        step, "demo", "north", "K5QWZ2M7RTA4CXE6OBNI", facts, "2026-05-02T01:00:00Z", "+08:00", "00" * 16, **members
    )


@pytest.fixture(scope="session")
def official(shared: Path) -> jsonschema.Draft7Validator:
    schema = json.loads((shared / "vectors" / "epcis2" / "EPCIS-JSON-Schema.json").read_bytes())
    formats = jsonschema.FormatChecker(formats=[])
    # The library leaves these two unchecked where others are not installed; the schema leans on them.
    formats.checks("uri")(lambda text: re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", str(text)) is not None)
    formats.checks("date-time")(lambda text: bool(datetime.fromisoformat(str(text))))
    return jsonschema.Draft7Validator(schema, format_checker=formats)


@pytest.mark.parametrize(("step", "facts"), STEP_FACTS)
@pytest.mark.parametrize("base", [epcis.ID_BASE, "https://farm.example:8443/ids"])
def test_each_event_passes_the_official_schema_alone(
    official: jsonschema.Draft7Validator, step: Step, facts: dict[str, Any], base: str
) -> None:
    event = epcis.event(happening(step, facts, id_base=base))
    assert list(official.iter_errors(event)) == []
    assert base in str(event["eventID"])


@pytest.mark.parametrize("unit", epcis.UNITS)
def test_each_unit_has_a_code_that_the_schema_takes(official: jsonschema.Draft7Validator, unit: str) -> None:
    event = epcis.event(happening("input", {**FACTS["compost"], "unit": unit}))
    assert list(official.iter_errors(event)) == []


def test_the_official_schema_would_have_noticed(official: jsonschema.Draft7Validator) -> None:
    event = epcis.event(happening("planting", FACTS["planting"]))
    for broken in (
        {name: item for name, item in event.items() if name != "@context"},
        {**event, "bizStep": "planting"},
        {**event, "action": "GROW"},
        {**event, "eventTimeZoneOffset": "8"},
    ):
        assert list(official.iter_errors(broken)) != []


@given(st.integers(1, 999_999), st.integers(1, 999_999))
def test_packed_weight_is_units_times_unit_weight_to_the_gram(units: int, grams: int) -> None:
    facts = {"units": units, "unitWeightKilograms": jcs.from_thousandths(grams)}
    event: Any = epcis.event(happening("packing", facts))
    weight = event["inputQuantityList"][0]["quantity"]
    assert jcs.thousandths(weight) == units * grams
    assert jcs.parse(jcs.canonical(event), max_bytes=10_000, max_depth=8) == event


@pytest.mark.parametrize(("minutes", "text"), [(480, "+08:00"), (0, "+00:00"), (-210, "-03:30"), (-840, "-14:00")])
def test_offsets_are_written_as_epcis_has_them(minutes: int, text: str) -> None:
    assert epcis.offset_text(minutes) == text
