"""Water is neither made nor lost in the simulated soil."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_firmware import soil, weather
from cropmark_firmware.soil import FIELD_CAPACITY, SATURATION, Field, Soil, step
from cropmark_firmware.weather import Air

airs = st.builds(
    Air,
    temperature=st.floats(-30, 45),
    humidity=st.floats(0, 100),
    radiation=st.floats(0, 1_200),
    wind=st.floats(0, 30),
    rain=st.floats(0, 120),
)
contents = st.floats(0, SATURATION)


@given(contents, contents, airs, st.floats(0, 60))
def test_what_enters_less_what_leaves_is_what_is_stored(
    upper: float, lower: float, air: Air, irrigation: float
) -> None:
    before = Soil(upper, lower, 15, 15)
    after = step(before, air, irrigation)
    flows = after.entered - after.evaporated - after.drained - after.ran_off
    assert after.water_mm - before.water_mm == pytest.approx(flows, abs=1e-6)
    assert 0 <= after.upper <= SATURATION + 1e-9
    assert 0 <= after.lower <= SATURATION + 1e-9
    assert min(after.evaporated, after.drained, after.ran_off) >= 0


def test_irrigation_wets_the_soil() -> None:
    year = weather.greensboro()
    dry = Field(year, 0, {}).after(240)
    wet = Field(year, 0, {230: 30.0}).after(240)
    assert wet.upper > dry.upper


def test_a_field_gives_the_same_answer_whatever_was_asked_before() -> None:
    year = weather.greensboro()
    first, second = Field(year, 100, {}), Field(year, 100, {})
    first.after(500)
    assert first.after(20) == second.after(20)
    assert first.after(0) == Soil(
        FIELD_CAPACITY, FIELD_CAPACITY, year.hour(100).temperature, year.hour(100).temperature
    )


def test_summer_evaporates_more_than_winter() -> None:
    assert soil.makkink(Air(30, 50, 800, 2, 0)) > soil.makkink(Air(2, 50, 200, 2, 0)) > 0
