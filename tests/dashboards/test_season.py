"""What a chart draws, over the real store."""

from datetime import date

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_dashboards import season
from cropmark_dashboards.season import DAY_MS, RangeError, Step
from cropmark_ingest.metric import CATALOGUE
from cropmark_ingest.registry import Device, Placement
from cropmark_ingest.store import Bucket
from tests.dashboards.conftest import send
from tests.dashboards.world import DAY, HOUR, NOW, OFFSET, World, readings

URL = "/api/v1/farms/demo/fields/north/season"


def get(browser: httpx.Client, **query: str) -> httpx.Response:
    return browser.get(URL, params=query, headers={"accept": "application/json"})


def test_a_day_is_the_farms_day_and_its_numbers_are_the_stores(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    body = get(browser, metric="air_temperature").json()
    assert (body["unit"], body["decimals"], body["stepSeconds"]) == ("Cel", 2, 86_400)
    assert len(body["times"]) == 120
    at = body["times"].index(season.midnight(date(2026, 11, 8), OFFSET) // 1000)
    first = season.midnight(date(2026, 11, 8), OFFSET)
    mine = [
        item.mantissa
        for item in readings("demo", "air-1", ["air_temperature"], NOW - 5 * DAY, NOW)
        if first <= item.time < first + DAY
    ]
    assert body["count"][at] == len(mine) == 24
    assert body["min"][at] == min(mine) / 100
    assert body["max"][at] == max(mine) / 100
    assert body["mean"][at] == sum(mine) // 24 / 100
    assert body["min"][0] is None
    assert body["count"][0] == 0


def test_rain_is_summed_and_two_gauges_do_not_make_it_rain_twice(
    world: World, browser: httpx.Client, csrf: str
) -> None:
    assert csrf
    before = get(browser, metric="rainfall").json()["sum"]
    assert max(value for value in before if value is not None) > 0
    world.registry.put_device(Device("demo", "air-2", "cropmark-air", HOUR))
    world.registry.place(Placement("demo", "air-2", "north", NOW - 130 * DAY))
    world.store.write(readings("demo", "air-2", ["rainfall"], NOW - 5 * DAY, NOW - 4 * 60_000), 2)
    assert get(browser, metric="rainfall").json()["sum"] == before


def test_a_value_out_of_range_is_not_drawn(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    drawn = [value for value in get(browser, metric="leaf_wetness").json()["max"] if value is not None]
    assert max(drawn) <= 100


def test_a_device_counts_for_a_field_only_while_it_stands_there(world: World, browser: httpx.Client, csrf: str) -> None:
    assert csrf
    moved = NOW - 2 * DAY
    world.registry.place(Placement("demo", "air-1", "south", moved))
    north = get(browser, metric="air_temperature", **{"from": "2026-11-05"}).json()
    south = browser.get(
        URL.replace("north", "south"), params={"metric": "air_temperature", "from": "2026-11-05"}
    ).json()
    total = sum(north["count"]) + sum(south["count"])
    assert total == len(readings("demo", "air-1", ["air_temperature"], NOW - 5 * DAY, NOW - 4 * 60_000))
    assert north["count"][-1] == 0
    assert south["count"][-1] > 0


def test_hours_are_drawn_on_request(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    body = get(browser, metric="air_temperature", step="hour", **{"from": "2026-11-09", "to": "2026-11-09"}).json()
    assert (len(body["times"]), body["stepSeconds"], set(body["count"])) == (24, 3600, {1})


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"metric": "happiness"}, "no metric 'happiness'"),
        ({"metric": "rainfall", "from": "2026-11-09", "to": "2026-11-01"}, "before it begins"),
        ({"metric": "rainfall", "from": "2020-01-01"}, "at most 400"),
        ({"metric": "rainfall", "step": "hour"}, "at most 2000"),
        ({"metric": "rainfall", "step": "second"}, "does not fit"),
        ({"metric": "rainfall", "from": "yesterday"}, "does not fit"),
        ({}, "does not fit"),
    ],
)
def test_a_chart_that_cannot_be_drawn_says_why(
    browser: httpx.Client, csrf: str, query: dict[str, str], says: str
) -> None:
    assert csrf
    answer = get(browser, **query)
    assert answer.status_code == 422
    assert says in answer.json()["error"]


def test_a_field_that_is_not_there_is_404(browser: httpx.Client, csrf: str) -> None:
    assert csrf
    assert browser.get(URL.replace("north", "moon"), params={"metric": "rainfall"}).status_code == 404
    assert send(browser, URL, {"csrf": csrf}).status_code == 405


offsets = st.integers(min_value=-12 * 60, max_value=14 * 60)


@given(st.integers(min_value=0, max_value=4_102_444_800_000), offsets)
def test_local_midnight_begins_the_local_day(time: int, offset: int) -> None:
    day = season.local_day(time, offset)
    begin = season.midnight(day, offset)
    assert begin <= time < begin + DAY_MS
    assert season.local_day(begin, offset) == day


@given(
    st.integers(min_value=86_400_000 * 500, max_value=4_102_444_800_000),
    offsets,
    st.one_of(st.none(), st.dates(), st.just("nonsense")),
    st.sampled_from(["day", "hour"]),
)
def test_a_stretch_is_whole_days_and_bounded(time: int, offset: int, planted: object, step: Step) -> None:
    try:
        part = season.stretch(
            time, offset, planted=None if planted is None else str(planted), first=None, last=None, step=step
        )
    except RangeError:
        assert step == "hour"
        return
    assert part.first < part.end
    assert (part.end - part.first) % DAY_MS == 0
    assert (part.end - part.first) // season.STEP_MS[step] <= season.MAX_BUCKETS
    assert part.first <= time < part.end


buckets = st.lists(
    st.tuples(st.integers(0, 5), st.integers(-1000, 1000), st.integers(1, 9)).map(
        lambda item: Bucket(item[0] * DAY_MS, item[1], item[1] + item[2], item[1] + 0.5, item[1] * item[2], item[2])
    )
)


@given(buckets)
def test_merging_keeps_every_reading(rows: list[Bucket]) -> None:
    merged = season.merged(rows)
    assert sum(item.count for item in merged) == sum(item.count for item in rows)
    assert sum(item.total for item in merged) == sum(item.total for item in rows)
    assert [item.start for item in merged] == sorted({item.start for item in rows})
    for item in merged:
        together = [row for row in rows if row.start == item.start]
        assert item.least == min(row.least for row in together)
        assert item.most == max(row.most for row in together)


@given(buckets)
def test_rows_of_a_chart_are_equally_long(rows: list[Bucket]) -> None:
    part = season.Stretch(0, 6 * DAY_MS, "day")
    for name in ("rainfall", "air_temperature"):
        body = season.chart(CATALOGUE[name], part, 0, season.merged(rows))
        lists = [value for value in body.values() if isinstance(value, list)]
        assert {len(row) for row in lists} == {6}
        assert ("sum" in body) == (name == "rainfall")
