"""Names, counters, columns, metrics and the clock."""

import itertools
import json
from array import array
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_ingest import columns, names
from cropmark_ingest.clock import ScaledClock
from cropmark_ingest.counters import Counters
from cropmark_ingest.metric import CATALOGUE, UnitError, UnknownMetricError, metric
from cropmark_ingest.principal import Principal
from cropmark_ingest.registry import Placement, field_at

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


@pytest.mark.parametrize("text", ["demo", "gw-1", "0", "a" * 32])
def test_a_name_of_the_documented_form_is_taken(text: str) -> None:
    assert names.name(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", "A", "a" * 33, "a/b", "..", "a+", "#", "a b", "a\n", "\u0430", "\u0661", "a\0"]
)
def test_any_other_name_is_refused(text: str) -> None:
    with pytest.raises(names.BadNameError):
        names.name(text)


def test_sessions_and_batches_have_their_one_form() -> None:
    assert names.session("9f2c51aa07be3d44") == "9f2c51aa07be3d44"
    assert names.batch("K5QWZ2M7RTA4CXE6OBNI") == "K5QWZ2M7RTA4CXE6OBNI"
    for text in ("9F2C51AA07BE3D44", "9f2c51aa07be3d4", "9f2c51aa07be3d44\n"):
        with pytest.raises(names.BadNameError):
            names.session(text)
    for text in ("K5QWZ2M7RTA4CXE6OBN1", "k5qwz2m7rta4cxe6obni", "K5QWZ2M7RTA4CXE6OBNIA"):
        with pytest.raises(names.BadNameError):
            names.batch(text)


def test_a_topic_comes_apart_and_together_again() -> None:
    topic = names.parse_topic("cropmark/v1/demo/gw-1/segment")
    assert (topic.farm, topic.node, topic.channel) == ("demo", "gw-1", "segment")
    assert str(topic) == "cropmark/v1/demo/gw-1/segment"


@pytest.mark.parametrize(
    "text",
    ["", "cropmark/v1/demo/gw-1", "cropmark/v2/demo/gw-1/up", "cropmark/v1/demo/gw-1/up/x", "cropmark/v1/../gw/up",
     "cropmark/v1/demo/+/up", "/cropmark/v1/demo/gw-1/up", "cropmark/v1/demo/gw-1/shell"],
)  # fmt: skip
def test_a_topic_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(names.BadNameError):
        names.parse_topic(text)


@given(st.lists(st.integers(0, 60) | st.tuples(st.integers(0, 60), st.integers(0, 20))))
def test_counters_are_a_set(steps: list[int | tuple[int, int]]) -> None:
    held, plain = Counters(), set[int]()
    for step in steps:
        if isinstance(step, int):
            assert held.add(step) is (step not in plain)
            plain.add(step)
        else:
            held.add_range(step[0], step[0] + step[1])
            plain |= set(range(step[0], step[0] + step[1] + 1))
        assert len(held) == len(plain)
    ranges = list(held)
    assert {number for first, last in ranges for number in range(first, last + 1)} == plain
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(ranges))
    assert held.highest == max(plain, default=-1)
    missing = {number for first, last in held.gaps() for number in range(first, last + 1)}
    assert missing == set(range(held.highest + 1)) - plain
    assert Counters(ranges) == held
    assert all((number in held) is (number in plain) for number in range(90))


def test_a_range_that_is_none_is_refused() -> None:
    for first, last in ((-1, 2), (3, 2)):
        with pytest.raises(ValueError, match="range"):
            Counters([(first, last)])


@given(st.lists(INT64, max_size=50))
def test_a_column_comes_back_whatever_it_holds(values: list[int]) -> None:
    assert columns.unpack(columns.pack(values), len(values)) == values


def test_a_column_is_laid_out_as_the_page_says() -> None:
    # 1, 3, 2: differences 1, 2, -1; little-endian; first bytes first.
    assert columns.pack([1, 3, 2]).hex() == "0102ff" + "0000ff" * 7


@given(st.binary(max_size=64), st.integers(0, 9))
def test_bytes_of_the_wrong_length_are_no_column(data: bytes, count: int) -> None:
    if len(data) == count * 8:
        assert columns.pack(columns.unpack(data, count)) == data
    else:
        with pytest.raises(columns.ColumnError):
            columns.unpack(data, count)


def test_a_value_past_64_bits_is_refused() -> None:
    with pytest.raises(OverflowError):
        columns.pack([1 << 63])
    assert columns.unpack(columns.pack([-(1 << 63), (1 << 63) - 1]), 2) == list(array("q", [-(1 << 63), (1 << 63) - 1]))


def test_a_value_becomes_an_integer_of_the_catalogues_unit() -> None:
    assert metric("soil_moisture_10cm").mantissa(Decimal("0.2871"), "/") == 2871
    assert metric("soil_moisture_10cm").mantissa(Decimal("28.71"), "%") == 2871
    assert metric("leaf_wetness").mantissa(Decimal("0.255"), "/") == 255
    assert metric("air_temperature").mantissa(Decimal("-0.005"), "Cel") == 0
    assert metric("air_temperature").mantissa(Decimal("-0.015"), "Cel") == -2
    assert metric("air_temperature").value(-215) == Decimal("-2.15")


@given(
    st.sampled_from([(row.name, unit) for row in CATALOGUE.values() for unit in row.units]),
    st.decimals(-(10**6), 10**6, allow_nan=False, places=40),
)
def test_a_value_is_rounded_once_however_many_digits_it_has(row: tuple[str, str], value: Decimal) -> None:
    found = metric(row[0])
    with localcontext(prec=200):
        exact = value * found.units[row[1]] * 10**found.decimals
        assert found.mantissa(value, row[1]) == int(exact.to_integral_value(ROUND_HALF_EVEN))


def test_a_hair_above_the_half_rounds_up() -> None:
    # 36 digits: rounding to 28 first would make a tie of it, and the tie goes to the even neighbour.
    value = Decimal("0.28725000000000000000000000000000001")
    assert metric("soil_moisture_10cm").mantissa(value, "/") == 2873


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+31", "1E+999999"])
def test_what_is_no_number_of_sane_size_is_refused(value: str) -> None:
    with pytest.raises(UnitError):
        metric("air_temperature").mantissa(Decimal(value), "Cel")


def test_unknown_metrics_and_units_are_named() -> None:
    with pytest.raises(UnknownMetricError, match=r"no metric 'soil_ph'.*air_temperature"):
        metric("soil_ph")
    with pytest.raises(UnitError, match="air_temperature is sent in 'Cel', not in 'F'"):
        metric("air_temperature").mantissa(Decimal(1), "F")


def test_the_range_is_inclusive() -> None:
    row = metric("air_temperature")
    assert [row.in_range(mantissa) for mantissa in (-9001, -9000, 6000, 6001)] == [False, True, True, False]


def test_every_row_of_the_catalogue_holds_together() -> None:
    for name, row in CATALOGUE.items():
        assert row.name == name
        assert row.low < row.high
        assert 0 <= row.decimals <= 6
        assert row.en
        assert row.zh
        assert 1 in row.units.values()


def test_a_replay_runs_fast_until_it_has_caught_up_and_then_keeps_time() -> None:
    clock = ScaledClock(epoch_real_ms=1_000_000, epoch_scaled_ms=400_000, rate=100.0)
    assert clock.at(1_000_000) == 400_000
    assert clock.at(1_001_000) == 500_000
    assert clock.pace(1_001_000) == 100.0
    assert clock.at(1_010_000) == 1_010_000
    assert clock.pace(1_010_000) == 1.0
    assert ScaledClock.from_json(clock.to_json()) == clock


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_clock_never_runs_backwards(first: int, second: int) -> None:
    clock = ScaledClock(epoch_real_ms=5_000, epoch_scaled_ms=1_000, rate=7.3)
    early, late = sorted((first, second))
    assert clock.at(early) <= clock.at(late) <= late


@pytest.mark.parametrize(
    ("real", "scaled", "rate"),
    [(1, 2, 1), (2, 1, 0.5), (2, 1, float("inf")), (2, 1, float("nan")), (True, 0, 1), (2, "1", 1)],
)  # fmt: skip
def test_a_clock_that_makes_no_sense_is_refused(real: object, scaled: object, rate: object) -> None:
    with pytest.raises(ValueError, match="clock"):
        ScaledClock.from_json(json.dumps({"epoch_real_ms": real, "epoch_scaled_ms": scaled, "rate": rate}))


def test_a_placement_never_applies_backwards() -> None:
    placements = [Placement("demo", "s-1", "north", 100), Placement("demo", "s-1", "south", 200)]
    assert [field_at(placements, "s-1", time) for time in (99, 100, 199, 200)] == [None, "north", "north", "south"]
    assert field_at(placements, "s-2", 150) is None


def test_a_principal_sees_its_own_farms() -> None:
    assert Principal("anna", frozenset({"demo"})).may("demo")
    assert not Principal("anna", frozenset({"demo"})).may("other")
    assert Principal("operator", None).may("other")
