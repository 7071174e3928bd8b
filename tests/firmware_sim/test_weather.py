"""The shipped weather year is pvlib's, and the air between its hours is sensible."""

import csv
import importlib.util
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_firmware import weather
from cropmark_firmware.weather import HOURS

FOLDER = Path(__file__).resolve().parents[2] / "firmware_sim"


def test_the_data_file_is_what_its_builder_makes_of_pvlibs_file() -> None:
    spec = importlib.util.spec_from_file_location("build_weather", FOLDER / "build_weather.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (FOLDER / "cropmark_firmware" / "weather.csv").read_text() == module.build()


def test_temperatures_are_those_of_the_source() -> None:
    rows = list(csv.reader((files("pvlib") / "data" / "723170TYA.CSV").read_text().splitlines()))
    place = rows[1].index("Dry-bulb (C)")
    year = weather.greensboro()
    assert [year.hour(number).temperature for number in range(HOURS)] == [float(row[place]) for row in rows[2:]]


def test_the_rain_of_the_year_is_what_falls_in_a_year() -> None:
    year = weather.greensboro()
    assert 700 < sum(year.hour(number).rain for number in range(HOURS)) < 1_500


def test_the_air_at_a_full_hour_is_the_reading_of_that_hour() -> None:
    year = weather.greensboro()
    assert year.at(13.0).temperature == pytest.approx(year.hour(12).temperature)
    assert year.at(13.0).humidity == pytest.approx(year.hour(12).humidity)


@given(st.floats(min_value=-1e5, max_value=1e5, allow_nan=False))
def test_between_hours_the_air_stays_between_their_readings(position: float) -> None:
    year = weather.greensboro()
    before, after = year.hour(int(position // 1) - 1), year.hour(int(position // 1))
    low, high = sorted((before.temperature, after.temperature))
    assert low - 1e-6 <= year.at(position).temperature <= high + 1e-6
    assert year.at(position).radiation >= 0


def test_the_year_is_a_circle() -> None:
    year = weather.greensboro()
    assert year.at(5.25) == year.at(5.25 + HOURS)
