"""SenML packs resolve as RFC 8428 says, or are refused with the reason."""

import contextlib
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_gateway import senml
from cropmark_gateway.senml import SenmlError

EXAMPLES = [f"ex{number}" for number in (1, 2, 4, 5, 6, 8, 9, 10, 11, 12)]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_rfc_resolve_as_given(shared: Path, name: str) -> None:
    folder = shared / "samples" / "senml"
    resolved = senml.resolve((folder / f"{name}.gen.json").read_bytes())
    expected = json.loads((folder / f"{name}.gen.resolved.json").read_bytes(), parse_float=Decimal, parse_int=Decimal)
    assert [record.name for record in resolved] == [record["n"] for record in expected]
    assert [record.unit for record in resolved] == [record.get("u") for record in expected]
    assert [record.value for record in resolved] == [record.get("v") for record in expected]
    assert [record.text for record in resolved] == [record.get("vs") for record in expected]
    assert [record.boolean for record in resolved] == [record.get("vb") for record in expected]


def test_numbers_are_decimals_and_never_floats() -> None:
    (record,) = senml.resolve(b'[{"n":"a","v":0.1}]')
    assert record.value == Decimal("0.1")


def test_base_fields_hold_for_what_follows() -> None:
    first, second = senml.resolve(
        b'[{"bn":"d/","bt":1700000000,"bu":"Cel","bv":10,"n":"a","v":1},{"n":"b","t":-5,"v":2}]'
    )
    assert (first.name, first.unit) == ("d/a", "Cel")
    assert (first.time, first.value) == (Decimal(1_700_000_000), Decimal(11))
    assert (second.name, second.unit) == ("d/b", "Cel")
    assert (second.time, second.value) == (Decimal(1_699_999_995), Decimal(12))
    assert not first.relative


def test_small_times_are_relative_to_now() -> None:
    (record,) = senml.resolve(b'[{"n":"a","t":-30,"v":1}]')
    assert record.relative


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not JSON"),
        (b"{}", "JSON array"),
        (b"[]", "at least one"),
        (b"[1]", "JSON object"),
        (b'[{"n":"a","v":NaN}]', "not a number"),
        (b'[{"n":"a","v":1e400}]', "out of all bounds"),
        (b'[{"n":"a","v":"1"}]', "not a number"),
        (b'[{"n":"a","v":1,"vs":"x"}]', "several values"),
        (b'[{"n":"a"}]', "no value"),
        (b'[{"n":" a","v":1}]', "not a SenML name"),
        (b'[{"v":1}]', "not a SenML name"),
        (b'[{"n":"a","v":1,"must_":1}]', "must be understood"),
        (b'[{"bver":11,"n":"a","v":1}]', "newer"),
        (b'[{"n":"a","n":"b","v":1}]', "twice"),
        (b'[{"n":"a","vb":1}]', "true or false"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "bytes"),
        (b"[" + b",".join([b'{"n":"a","v":1}'] * 257) + b"]", "at most 256"),
    ],
)
def test_a_pack_that_cannot_be_used_says_why(payload: bytes, reason: str) -> None:
    with pytest.raises(SenmlError, match=reason):
        senml.resolve(payload)


@given(st.binary(max_size=200))
def test_any_bytes_are_resolved_or_refused(payload: bytes) -> None:
    with contextlib.suppress(SenmlError):
        senml.resolve(payload)


LABELS = st.sampled_from(("n", "u", "v", "vs", "vb", "t", "bn", "bt", "bver"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["n", "u", "v", "vs", "vb", "t", "bn", "bt", "bver"]), inner)
    ),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=4))
def test_any_json_is_resolved_or_refused(pack: list[object]) -> None:
    with contextlib.suppress(SenmlError):
        senml.resolve(json.dumps(pack).encode())
