"""What every adapter of ``TelemetryStore`` must do. Add one by adding its opener to ``ADAPTERS``."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cropmark_ingest.reading import Flag, Reading
from cropmark_ingest.segment import in_order
from cropmark_ingest.store import Bucket, TelemetryStore, Totals
from cropmark_ingest.store_duckdb import DuckDBStore
from tests.ingest.samples import FARM, START, pack, reading

Opener = Callable[[Path], TelemetryStore]
ADAPTERS: dict[str, Opener] = {"duckdb": lambda folder: DuckDBStore(folder / "telemetry.duckdb")}
HOUR = 3_600_000
MOISTURE = "soil_moisture_10cm"


@pytest.fixture(params=list(ADAPTERS.values()), ids=list(ADAPTERS))
def opener(request: pytest.FixtureRequest) -> Opener:
    chosen: Opener = request.param
    return chosen


@pytest.fixture
def store(opener: Opener, tmp_path: Path) -> Iterator[TelemetryStore]:
    with closing(opener(tmp_path)) as opened:
        yield opened


def test_a_new_store_is_empty(store: TelemetryStore) -> None:
    assert (store.watermark(), store.count(), store.count(FARM), store.totals()) == (0, 0, 0, (0, {}))
    assert store.latest(FARM, ["soil-01"]) == []
    assert store.series(FARM, ["soil-01"], MOISTURE, 0, 1 << 50, width=HOUR) == []


def test_readings_and_watermark_are_there_after_reopening(opener: Opener, tmp_path: Path) -> None:
    with closing(opener(tmp_path)) as store:
        assert store.write(pack(0) + pack(1), 7) == 4
    with closing(opener(tmp_path)) as store:
        assert (store.watermark(), store.count(FARM)) == (7, 4)
        assert store.write(pack(1) + pack(2), 8) == 2
        assert store.count() == 6


def test_each_pack_is_stored_once_whoever_brings_it(store: TelemetryStore) -> None:
    assert store.write(pack(0) + pack(1), 1) == 4
    assert store.write(pack(1) + pack(2), 2) == 2
    assert store.write([], 3) == 0
    assert store.watermark() == 3
    again = [replace(item, gateway_time=item.gateway_time + 70, mantissa=9) for item in pack(0)]
    assert store.write(again, 4) == 0
    assert store.count(FARM) == 6
    assert [item.mantissa for item in store.latest(FARM, ["soil-01"])] == [2_002, 1_502]


def test_an_identity_is_farm_device_session_and_counter(store: TelemetryStore) -> None:
    other = "00" * 8
    rows = pack(0) + pack(0, session=other) + pack(0, "soil-02") + pack(0, farm="second")
    assert store.write(in_order(rows), 1) == 8
    assert (store.count(FARM), store.count("second"), store.count("third")) == (6, 2, 0)
    assert store.counts(FARM) == {"soil-01": 4, "soil-02": 2}


def test_counters_may_come_in_any_order(store: TelemetryStore) -> None:
    for watermark, counter in enumerate((5, 1, 3, 2, 4, 0, 3, 5), 1):
        store.write(pack(counter), watermark)
    assert store.count() == 12


def test_two_readings_of_one_millisecond_both_survive(store: TelemetryStore) -> None:
    assert store.write([reading(0, time=START, mantissa=1), reading(1, time=START, mantissa=3)], 1) == 2
    assert store.series(FARM, ["soil-01"], MOISTURE, START, START + 1, width=HOUR) == [Bucket(START, 1, 3, 2.0, 4, 2)]


def test_late_data_never_moves_the_latest_value_back(store: TelemetryStore) -> None:
    store.write([reading(9)], 1)
    store.write([reading(3)], 2)
    (latest,) = store.latest(FARM, ["soil-01", "none"])
    assert (latest.device, latest.metric, latest.time, latest.mantissa) == (
        "soil-01",
        MOISTURE,
        START + 9 * HOUR,
        2_009,
    )
    store.write([reading(10)], 3)
    assert store.latest(FARM, ["soil-01"])[0].mantissa == 2_010
    assert store.latest("second", ["soil-01"]) == []
    assert store.latest(FARM, []) == []


def test_a_clock_in_the_future_does_not_pin_the_latest_value(store: TelemetryStore) -> None:
    ahead = replace(reading(0), time=START + 10**12, gateway_time=START, flags=int(Flag.CLOCK_SKEW))
    store.write([ahead], 1)
    assert store.latest(FARM, ["soil-01"])[0].time == START + 10**12
    store.write([replace(reading(1), time=START + 60_000, gateway_time=START + 60_000)], 2)
    assert store.latest(FARM, ["soil-01"])[0].time == START + 60_000


def test_a_series_is_least_most_mean_and_count_of_each_window(store: TelemetryStore) -> None:
    rows = [reading(hour, mantissa=hour * 10) for hour in range(6)]
    store.write([*rows, reading(6, metric="soil_temperature_10cm"), reading(0, device="soil-02", mantissa=50)], 1)
    found = store.series(FARM, ["soil-01"], MOISTURE, START, START + 5 * HOUR, width=2 * HOUR, offset=-START)
    assert found == [
        Bucket(START, 0, 10, 5.0, 10, 2),
        Bucket(START + 2 * HOUR, 20, 30, 25.0, 50, 2),
        Bucket(START + 4 * HOUR, 40, 40, 40.0, 40, 1),
    ]
    both = store.series(FARM, ["soil-01", "soil-02"], MOISTURE, START, START + HOUR, width=HOUR)
    assert both == [Bucket(START, 0, 50, 25.0, 50, 2)]
    assert store.series("second", ["soil-01"], MOISTURE, START, START + HOUR, width=HOUR) == []


def test_windows_follow_the_farms_day(store: TelemetryStore) -> None:
    day = 24 * HOUR
    noon_utc = START - START % day + 12 * HOUR
    store.write([reading(0, time=noon_utc)], 1)
    for minutes in (-300, 0, 345, 840):
        offset = minutes * 60_000
        (bucket,) = store.series(FARM, ["soil-01"], MOISTURE, 0, 1 << 50, width=day, offset=offset)
        assert (bucket.start + offset) % day == 0
        assert bucket.start <= noon_utc < bucket.start + day


def test_windows_before_1970_are_floored(store: TelemetryStore) -> None:
    store.write([reading(0, time=-1), reading(1, time=-1_000), reading(2, time=0)], 1)
    found = store.series(FARM, ["soil-01"], MOISTURE, -5_000, 5_000, width=1_000)
    assert [(bucket.start, bucket.count) for bucket in found] == [(-1_000, 2), (0, 1)]


def test_flagged_readings_can_be_left_out(store: TelemetryStore) -> None:
    bad = reading(1, mantissa=99_999, flags=int(Flag.RANGE | Flag.LATE))
    store.write([reading(0), bad, reading(2, flags=int(Flag.LATE))], 1)
    arguments = (FARM, ["soil-01"], MOISTURE, START, START + 9 * HOUR)
    assert store.series(*arguments, width=10 * HOUR, offset=-START)[0].count == 3
    assert store.series(*arguments, width=10 * HOUR, offset=-START, without=int(Flag.RANGE))[0].most == 2_002


def test_an_absurd_value_does_not_end_the_series(store: TelemetryStore) -> None:
    store.write([reading(0, mantissa=(1 << 63) - 1), reading(1, mantissa=(1 << 63) - 1)], 1)
    (bucket,) = store.series(FARM, ["soil-01"], MOISTURE, START, START + 9 * HOUR, width=10 * HOUR, offset=-START)
    assert (bucket.total, bucket.count) == ((1 << 64) - 2, 2)


def test_values_of_another_exponent_are_not_mixed_in(store: TelemetryStore) -> None:
    store.write([reading(0, mantissa=10), replace(reading(1, mantissa=999), decimals=6)], 1)
    (bucket,) = store.series(FARM, ["soil-01"], MOISTURE, START, START + 9 * HOUR, width=10 * HOUR, offset=-START)
    assert (bucket.most, bucket.count) == (10, 1)
    assert store.count(FARM) == 2


def test_a_window_has_a_width(store: TelemetryStore) -> None:
    for width in (0, -1):
        with pytest.raises(ValueError, match="window"):
            store.series(FARM, ["soil-01"], MOISTURE, 0, 1, width=width)


def test_totals_are_what_the_readings_add_up_to(store: TelemetryStore) -> None:
    store.write(pack(0) + pack(1) + pack(0, farm="second"), 5)
    watermark, totals = store.totals()
    assert watermark == 5
    assert totals == {
        (FARM, "soil-01", "soil_moisture_10cm"): Totals(2, 4_001, 2 * START + HOUR, 0),
        (FARM, "soil-01", "soil_temperature_10cm"): Totals(2, 3_001, 2 * START + HOUR, 0),
        ("second", "soil-01", "soil_moisture_10cm"): Totals(1, 2_000, START, 0),
        ("second", "soil-01", "soil_temperature_10cm"): Totals(1, 1_500, START, 0),
    }


def test_a_cleared_store_takes_everything_again(store: TelemetryStore) -> None:
    store.write(pack(0), 5)
    store.clear()
    assert (store.watermark(), store.count(), store.latest(FARM, ["soil-01"])) == (0, 0, [])
    assert store.write(pack(0), 6) == 2


def test_names_are_data_and_never_code(store: TelemetryStore) -> None:
    strange = "'; DROP TABLE reading; --"
    store.write([replace(reading(0), metric=strange)], 1)
    assert store.series(FARM, ["soil-01", strange], strange, START, START + 1, width=HOUR)[0].count == 1
    assert store.count(strange) == 0


def test_others_read_while_one_writes(store: TelemetryStore) -> None:
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                stored, upto = store.count(FARM), store.watermark()
                assert stored <= upto * 200
                store.latest(FARM, ["soil-01"])
                store.series(FARM, ["soil-01"], MOISTURE, START, START + 10**9, width=HOUR)
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    for batch in range(20):
        rows: list[Reading] = [item for counter in range(100) for item in pack(batch * 100 + counter)]
        store.write(in_order(rows), batch + 1)
    done.set()
    for thread in readers:
        thread.join(10)
    assert failures == []
    assert store.count(FARM) == 4_000
