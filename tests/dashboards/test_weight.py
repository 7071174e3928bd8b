from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_dashboards import weight
from cropmark_dashboards.weight import Unit, WeightError


@pytest.mark.parametrize(
    ("text", "unit", "thousandths"),
    [
        ("820.5", "kg", 820_500),
        (" 820,5 ", "kg", 820_500),
        ("1641", "jin", 820_500),
        ("1,641", "jin", 820_500),
        ("1641斤", "kg", 820_500),
        ("820.5 公斤", "jin", 820_500),
        ("８２０．５", "kg", 820_500),
        ("12,345,678.5", "jin", 6_172_839_250),
        ("0.001", "kg", 1),
        ("0.002", "jin", 1),
    ],
)
def test_weights_are_read_as_people_write_them(text: str, unit: Unit, thousandths: int) -> None:
    if thousandths > weight.MAX_THOUSANDTHS:
        with pytest.raises(WeightError, match="large"):
            weight.parse(text, unit)
    else:
        assert weight.parse(text, unit) == thousandths


@pytest.mark.parametrize(
    ("text", "unit", "code"),
    [
        ("", "kg", "number"),
        ("viel", "kg", "number"),
        ("-5", "kg", "number"),
        ("1e3", "kg", "number"),
        ("1.2.3", "kg", "number"),
        ("١٢", "kg", "number"),
        ("0", "kg", "zero"),
        ("0.0", "jin", "zero"),
        ("0.0005", "kg", "precision"),
        ("0.001", "jin", "precision"),
        ("1000001", "kg", "large"),
        ("9" * 200, "kg", "number"),
    ],
)
def test_a_weight_that_cannot_be_used_says_why(text: str, unit: Unit, code: str) -> None:
    with pytest.raises(WeightError) as error:
        weight.parse(text, unit)
    assert error.value.code == code


@given(st.integers(min_value=1, max_value=weight.MAX_THOUSANDTHS), st.sampled_from(["kg", "jin"]))
def test_what_is_written_is_read_back_exactly(thousandths: int, unit: Unit) -> None:
    if unit == "jin" and weight.parse(weight.written(thousandths), "kg") * 2 > 999_999_999_999:
        return
    assert weight.parse(weight.written(thousandths, unit), unit) == thousandths


@given(st.integers(min_value=1, max_value=weight.MAX_THOUSANDTHS))
def test_the_signed_number_is_the_typed_one(thousandths: int) -> None:
    number = weight.json_number(thousandths)
    assert Decimal(repr(number)) * 1_000 == thousandths


@pytest.mark.parametrize(("text", "code"), [("", "whole"), ("4.5", "whole"), ("0", "zero"), ("1000001", "large")])
def test_boxes_come_in_whole_numbers(text: str, code: str) -> None:
    with pytest.raises(WeightError) as error:
        weight.count(text)
    assert error.value.code == code
    assert weight.count("1,200") == 1_200
