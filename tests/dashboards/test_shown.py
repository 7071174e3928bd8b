"""What counts as live, stale, doubtful: pure facts."""

from dataclasses import replace

import pytest

from cropmark_dashboards import moment, quantity, shown
from cropmark_dashboards.moment import Phrase
from cropmark_ingest.metric import CATALOGUE
from cropmark_ingest.notices import Kind, Notice
from cropmark_ingest.registry import Device, Field, Placement, Text
from cropmark_ingest.store import Latest
from tests.dashboards.world import DAY, HOUR, NOW, OFFSET

FIELD = Field("demo", "north", Text("North", "北"), {})
AIR = Latest("air-1", "air_temperature", NOW - HOUR, 1_234, 2, 0)
STANDS = Placement("demo", "air-1", "north", NOW - 10 * DAY)
DEVICE = Device("demo", "air-1", "m", HOUR)


def field_now(live: list[Latest], *placements: Placement) -> shown.FieldNow:
    (found,) = shown.fields_now([FIELD], placements or (STANDS,), live, shown.grace_of([DEVICE]), NOW)
    return found


def test_a_field_is_live_within_three_intervals() -> None:
    assert not field_now([replace(AIR, time=NOW - 3 * HOUR)]).stale
    assert field_now([replace(AIR, time=NOW - 3 * HOUR - 1)]).stale


def test_a_fast_device_still_gets_half_an_hour() -> None:
    assert shown.silent_after(60_000) == 30 * 60_000
    assert shown.silent_after(None) == 3 * HOUR


def test_a_field_that_never_reported_is_empty_and_not_stale() -> None:
    found = field_now([])
    assert (found.stale, found.newest, found.values, found.devices) == (False, None, (), 1)


def test_of_two_devices_the_newer_speaks() -> None:
    other = replace(AIR, device="air-2", time=NOW - 2 * HOUR, mantissa=999)
    found = field_now([AIR, other], STANDS, replace(STANDS, device="air-2"))
    assert [item.mantissa for item in found.values] == [1_234]


def test_a_clock_that_runs_ahead_neither_speaks_nor_proves_life() -> None:
    ahead = replace(AIR, device="air-2", time=NOW + 2 * DAY, mantissa=999)
    old = replace(AIR, time=NOW - 5 * HOUR)
    found = field_now([old, ahead], STANDS, replace(STANDS, device="air-2"))
    assert found.stale
    assert found.newest == old.time


def test_a_value_from_where_the_device_stood_before_is_not_this_fields() -> None:
    assert field_now([AIR], Placement("demo", "air-1", "north", NOW - 30 * 60_000)).values == ()


def test_the_battery_is_not_a_value_of_the_field() -> None:
    battery = replace(AIR, metric=shown.BATTERY, mantissa=3_900, decimals=3)
    found = field_now([AIR, battery])
    assert [item.metric for item in found.values] == ["air_temperature"]
    assert found.batteries == (battery,)


def kinds(live: list[Latest]) -> list[str]:
    return [item.kind for item in shown.device_problems([DEVICE], live, shown.grace_of([DEVICE]), NOW)]


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ([AIR], []),
        ([], ["never-heard"]),
        ([replace(AIR, time=NOW - 4 * HOUR)], ["silent"]),
        ([replace(AIR, flags=1)], ["doubtful"]),
        ([replace(AIR, metric=shown.BATTERY, mantissa=3_399, decimals=3)], ["low-battery"]),
        ([replace(AIR, metric=shown.BATTERY, mantissa=3_400, decimals=3)], []),
        ([replace(AIR, time=NOW + DAY, flags=32)], ["silent", "doubtful"]),
    ],
)
def test_newest_values_tell_what_is_wrong(live: list[Latest], expected: list[str]) -> None:
    assert kinds(live) == expected


def test_every_kind_of_notice_is_known_to_the_pages() -> None:
    notices = [Notice(kind, "demo", "x", "why", 0, NOW, 1) for kind in Kind]
    problems = shown.gravest_first(shown.noticed(notices))
    assert "other" not in {item.kind for item in problems}
    assert problems[0].kind == "unreadable"


def test_a_notice_of_a_later_version_is_still_shown() -> None:
    strange = Notice("meteor", "demo", "x", "why", 0, NOW, 1)  # type: ignore[arg-type]  # what a newer ingest may say
    assert [item.kind for item in shown.noticed([strange])] == ["other"]


@pytest.mark.parametrize(
    ("past", "phrase"),
    [
        (-5_000, Phrase("age.now", {})),
        (59_999, Phrase("age.now", {})),
        (60_000, Phrase("age.minutes.one", {"n": 1})),
        (59 * 60_000, Phrase("age.minutes.other", {"n": 59})),
        (HOUR, Phrase("age.hours.one", {"n": 1})),
        (47 * HOUR, Phrase("age.days.one", {"n": 1})),
        (9 * DAY, Phrase("age.days.other", {"n": 9})),
    ],
)
def test_ages_are_told_in_the_largest_unit(past: int, phrase: Phrase) -> None:
    assert moment.age(NOW - past, NOW) == phrase


def test_times_are_the_farms() -> None:
    assert moment.when(NOW, NOW, OFFSET) == Phrase("when.today", {"time": "05:12"})
    assert moment.when(NOW - 6 * HOUR, NOW, OFFSET) == Phrase("when.yesterday", {"time": "23:12"})
    assert moment.when(NOW - 6 * HOUR, NOW, -300).key == "when.today"
    assert moment.when(NOW - 365 * DAY, NOW, OFFSET).key == "when.year"


@pytest.mark.parametrize(
    ("metric", "mantissa", "text"),
    [
        ("air_temperature", -327, "−3.3"),
        ("air_temperature", -4, "0.0"),
        ("soil_moisture_10cm", 2_871, "28.7"),
        ("solar_radiation", 1_021, "1,021"),
        ("air_humidity", 605, "60"),
        ("rainfall", 25, "0.2"),
    ],
)
def test_numbers_are_rounded_for_the_eye(metric: str, mantissa: int, text: str) -> None:
    assert quantity.shown(CATALOGUE[metric], mantissa, CATALOGUE[metric].decimals) == text


def test_every_unit_of_the_catalogue_has_a_symbol() -> None:
    assert {metric.unit for metric in CATALOGUE.values()} <= set(quantity._DISPLAYS)
