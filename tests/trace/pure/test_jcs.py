"""Canonical JSON is RFC 8785's, and only what is canonical and unambiguous is read."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cropmark_trace import jcs
from cropmark_trace.jcs import Code, JcsError, Json, JsonValue

NAMES = ("arrays", "french", "structures", "unicode", "values", "weird")


def parse(data: bytes, *, newlines: bool = False) -> JsonValue:
    return jcs.parse(data, max_bytes=10_000, max_depth=8, newlines=newlines)


@pytest.mark.parametrize("name", NAMES)
def test_the_official_vectors_come_out_byte_by_byte(shared: Path, name: str) -> None:
    folder = shared / "vectors" / "jcs-rfc8785" / "testdata"
    value = json.loads((folder / "input" / f"{name}.json").read_bytes())
    expected = bytes.fromhex("".join((folder / "outhex" / f"{name}.txt").read_text().split()))
    assert jcs.canonical(value) == expected


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Mn", "Lm", "Lo", "Cf", "Zl", "Zp"]), max_size=8)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-jcs.MAX_SAFE, jcs.MAX_SAFE)
    | st.integers(-(10**12) + 1, 10**12 - 1).map(jcs.from_thousandths)
    | _TEXT.filter(jcs.is_text),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT.filter(jcs.is_text), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_what_is_written_is_read_back(value: Json) -> None:
    assert parse(jcs.canonical(value)) == value


@given(st.integers(-(10**12) + 1, 10**12 - 1))
@example(1)
@example(999_999_999_999)
def test_thousandths_survive_the_number(count: int) -> None:
    number = jcs.from_thousandths(count)
    assert jcs.thousandths(number) == count
    again = parse(jcs.canonical(number))
    assert isinstance(again, int | float)
    assert jcs.thousandths(again) == count


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[" * 9 + b"]" * 9, "too-deep"),
        (b'"' + b"x" * 10_000 + b'"', "too-large"),
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"nul", "not-json"),
        (b"NaN", "not-json"),
        (b"-Infinity", "not-json"),
        (b"01", "not-json"),
        (b"1 2", "not-json"),
        (b'"\n"', "not-json"),
        (b'"\xff"', "not-json"),
        (b"\xef\xbb\xbf1", "not-json"),
        (b"9007199254740992", "number"),
        (b"-9007199254740992", "number"),
        (b"9" * 5_000, "number"),
        (b"1e3", "number"),
        (b"1E400", "number"),
        (b"0.1234", "number"),
        (b"1000000000.5", "number"),
        (b"[1.5e0,9007199254740993]", "number"),
        ('"e\u0301"'.encode(), "text"),
        ('{"e\u0301":1}'.encode(), "text"),
        ('"\u202e"'.encode(), "text"),
        ('"\u2066"'.encode(), "text"),
        ('"\ufeff"'.encode(), "text"),
        ('"\u0085"'.encode(), "text"),
        (b'"\\u0007"', "text"),
        (b'"\\n"', "text"),
        (b'"\\ud800"', "text"),
        (b'["\\u202e",1e3]', "number"),
        (b" 1", "not-canonical"),
        (b"-0", "not-canonical"),
        (b"1.0", "not-canonical"),
        (b"0.10", "not-canonical"),
        (b'"\\u0041"', "not-canonical"),
        (b'{"b":1,"a":2}', "not-canonical"),
        (b'{"a":1,"a":1}', "not-canonical"),
        (b'{"a":1,"a":1,"b":"\\u202e"}', "text"),
    ],
)
def test_everything_else_is_refused_with_its_kind(data: bytes, code: Code) -> None:
    with pytest.raises(JcsError) as caught:
        parse(data)
    assert caught.value.code == code


def test_brackets_inside_texts_do_not_count_as_depth() -> None:
    assert parse(b'["[[[[[[[[[[\\"[[[["]') == ['[[[[[[[[[["[[[[']


def test_newlines_are_read_only_where_they_are_admitted() -> None:
    assert parse(b'"a\\nb"', newlines=True) == "a\nb"


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(JcsError):
        assert jcs.canonical(parse(data)) == data


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800"])
def test_what_json_cannot_say_is_not_written(value: Json) -> None:
    with pytest.raises(JcsError):
        jcs.canonical(value)
