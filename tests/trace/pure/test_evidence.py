"""The season's summary is exact and the same for everyone; the sample is the record's choice."""

import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_ingest import merkle
from cropmark_ingest.reading import Flag, Reading, leaf
from cropmark_ingest.segment import Gap
from cropmark_trace import evidence, jcs, sample, summary
from cropmark_trace.evidence import Stay
from cropmark_trace.summary import SummaryError
from tests.trace import world
from tests.trace.world import DAY, OFFSET, START

HOUR = 3_600_000


def reading(time: int, mantissa: int, *, counter: int = 0, flags: int = 0, metric: str = "air_temperature") -> Reading:
    return Reading("demo", "air-1", "0" * 16, counter, 0, metric, time, mantissa, 2, flags, time, time)


def season(readings: list[Reading], days: int = 3) -> Any:
    return summary.summarise(readings, field="north", start=START, stop=START + days * DAY, utc_offset=OFFSET)


def test_days_are_the_farms_and_days_without_readings_are_told() -> None:
    made = season([reading(START, 100), reading(START + DAY - 1, -300), reading(START + 2 * DAY, 7)])
    assert made["days"] == ["2026-05-02", "2026-05-03", "2026-05-04"]
    assert made["metrics"]["air_temperature"] == {
        "decimals": 2,
        "min": [-300, None, 7],
        "max": [100, None, 7],
        "sum": [-200, None, 7],
        "count": [2, 0, 1],
    }


def test_readings_outside_the_stretch_out_of_range_or_of_the_battery_are_left_out() -> None:
    made = season(
        [
            reading(START - 1, 1),
            reading(START + 3 * DAY, 1),
            reading(START, 9_999, flags=Flag.RANGE),
            reading(START, 3_600, metric="battery_voltage"),
            reading(START, 5, flags=Flag.LATE | Flag.SPIKE),
        ]
    )
    assert made["metrics"]["air_temperature"]["count"] == [1, 0, 0]
    assert list(made["metrics"]) == ["air_temperature"]


def test_of_equal_extremes_the_first_is_named() -> None:
    twice = [reading(START + HOUR, 5, counter=2), reading(START + HOUR, 5, counter=1), reading(START + 2 * HOUR, 5)]
    ends = season(twice)["extremes"]["air_temperature"]
    first = merkle.leaf_hash(leaf(twice[1])).hex()
    assert ends == {"min": first, "max": first}


def test_only_three_metrics_name_extremes() -> None:
    made = season([reading(START, 5, metric=name) for name in ("rainfall", "air_humidity", "soil_moisture_10cm")])
    assert list(made["extremes"]) == ["soil_moisture_10cm"]


_READINGS = st.lists(
    st.builds(
        lambda time, mantissa, counter: reading(START + time, mantissa, counter=counter),
        st.integers(0, 3 * DAY - 1),
        st.integers(-5_000, 5_000),
        st.integers(0, 50),
    ),
    max_size=40,
)


@given(_READINGS, st.randoms(use_true_random=False))
def test_the_order_of_readings_does_not_matter(readings: list[Reading], source: random.Random) -> None:
    shuffled = list(readings)
    source.shuffle(shuffled)
    made = season(readings)
    assert summary.digest(made) == summary.digest(season(shuffled))
    assert jcs.parse(jcs.canonical(made), max_bytes=10**6, max_depth=8) == made


@given(_READINGS)
def test_sums_and_counts_are_those_of_plain_arithmetic(readings: list[Reading]) -> None:
    made = season(readings)["metrics"].get("air_temperature", {"count": [0], "sum": [None], "min": [None]})
    assert sum(made["count"]) == len(readings)
    assert sum(number or 0 for number in made["sum"]) == sum(item.mantissa for item in readings)
    assert [number for number in made["min"] if number is not None] == [] if not readings else True


@pytest.mark.parametrize(
    "change",
    [
        lambda: season([reading(START, 1), replace(reading(START, 1), decimals=3)]),
        lambda: season([reading(START, 2**53)]),
        lambda: season([reading(START, 2**52), reading(START, 2**52)]),
        lambda: season([], days=0),
        lambda: season([], days=401),
        lambda: summary.summarise([], field="north", start=START + 1, stop=START + DAY, utc_offset=0),
    ],
)
def test_what_cannot_be_summed_up_is_refused(change: Callable[[], object]) -> None:
    with pytest.raises(SummaryError):
        change()


def test_a_reading_counts_where_its_device_stood_and_once() -> None:
    stays = [Stay("air-1", START, START + DAY), Stay("air-1", START + 2 * DAY, START + 3 * DAY)]
    times = [START - 1, START, START + DAY - 1, START + DAY, START + 2 * DAY, START + 3 * DAY]
    heard = [reading(time, number, counter=number) for number, time in enumerate(times)]
    again = [replace(item, gateway_time=0) for item in heard]
    strange = replace(heard[1], device="air-2")
    chosen = evidence.select([*heard, strange, *again], stays)
    assert chosen == [heard[1], heard[2], heard[4]]


def test_losses_are_those_of_the_fields_devices_in_touching_segments() -> None:
    header = world.headers()[2]
    stays = [Stay("soil-1", START, START + 30 * DAY)]
    assert evidence.lost(world.headers(), stays, START, START + 30 * DAY) == 1
    assert evidence.lost(world.headers(), stays, START, header.first) == 0
    assert evidence.lost(world.headers(), [Stay("soil-2", START, START + DAY)], START, START + 30 * DAY) == 0
    many = replace(header, gaps=(Gap("spool-full", "soil-1", "0" * 16, 3, 7),))
    assert evidence.lost([many], stays, START, START + 30 * DAY) == 5


@given(st.binary(min_size=32, max_size=32), st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_the_sample_is_drawn_from_every_gateway_and_each_reading_once(record_id: bytes, sizes: list[int]) -> None:
    def count_of(tree: int, seq: int) -> int:
        return (tree + seq) % 5

    drawn = sample.choices(record_id, sizes, count_of)
    assert len(set(drawn)) == len(drawn) <= 8 * len(sizes)
    assert all(0 <= seq < sizes[tree] and 0 <= index < count_of(tree, seq) for tree, seq, index in drawn)
    assert drawn == sample.choices(record_id, sizes, count_of)


def test_the_sample_is_computed_as_the_formats_page_says() -> None:
    record_id = bytes(range(32))
    digest = sha256(b"cropmark/sample/v1\n" + record_id + bytes((1, 0))).digest()
    seq = int.from_bytes(digest[:8], "big") % 1_000
    index = int.from_bytes(digest[8:16], "big") % 4_096
    assert (1, seq, index) in sample.choices(record_id, [7, 1_000], lambda tree, _: 4_096 if tree else 0)
