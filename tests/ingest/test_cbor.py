"""Deterministic CBOR against RFC 8949's own examples and against another implementation."""

import contextlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_ingest import cbor

# RFC 8949 appendix A, the rows whose type the profile has and whose encoding is deterministic.
APPENDIX_A: list[tuple[str, cbor.Value]] = [
    ("00", 0),
    ("01", 1),
    ("0a", 10),
    ("17", 23),
    ("1818", 24),
    ("1819", 25),
    ("1864", 100),
    ("1903e8", 1000),
    ("1a000f4240", 1_000_000),
    ("1b000000e8d4a51000", 1_000_000_000_000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("3bffffffffffffffff", -18446744073709551616),
    ("20", -1),
    ("29", -10),
    ("3863", -100),
    ("3903e7", -1000),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("40", b""),
    ("4401020304", bytes.fromhex("01020304")),
    ("60", ""),
    ("6161", "a"),
    ("6449455446", "IETF"),
    ("62225c", '"\\'),
    ("62c3bc", "\u00fc"),
    ("63e6b0b4", "\u6c34"),
    ("64f0908591", "\U00010151"),
    ("80", []),
    ("83010203", [1, 2, 3]),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("98190102030405060708090a0b0c0d0e0f101112131415161718181819", list(range(1, 26))),
    ("a0", {}),
    ("a201020304", {1: 2, 3: 4}),
]

# Appendix A again: what the profile leaves out. And non-deterministic spellings of what it has.
REFUSED = {
    "bignum": "c249010000000000000000",
    "half float": "f90000",
    "single float": "fa47c35000",
    "double float": "fb3ff199999999999a",
    "infinity": "f97c00",
    "undefined": "f7",
    "simple 16": "f0",
    "simple 255": "f8ff",
    "false in two bytes": "f814",
    "tagged date": "c11a514b67b0",
    "indefinite bytes": "5f42010243030405ff",
    "indefinite text": "7f657374726561646d696e67ff",
    "indefinite array": "9fff",
    "indefinite map": "bf01020304ff",
    "text key": "a26161016162820203",
    "truth value as key": "a1f501",
    "keys out of order": "a203040102",
    "key twice": "a201020103",
    "0 in two bytes": "1800",
    "23 in two bytes": "1817",
    "255 in three bytes": "1900ff",
    "65535 in five bytes": "1a0000ffff",
    "2^32-1 in nine bytes": "1b00000000ffffffff",
    "long length of a short text": "780161",
    "reserved head": "1c",
    "not UTF-8": "61ff",
    "nothing": "",
    "ends inside a head": "19",
    "ends inside bytes": "4401",
    "ends inside an array": "8201",
    "array longer than what follows": "9b7fffffffffffffff",
    "map longer than what follows": "bb7fffffffffffffff",
    "bytes after the value": "0000",
}

leaves = (
    st.integers(-(1 << 64), (1 << 64) - 1) | st.binary(max_size=40) | st.text(max_size=20) | st.booleans() | st.none()
)
keys = st.integers(-(1 << 64), (1 << 64) - 1)


def containers(children: st.SearchStrategy[cbor.Value]) -> st.SearchStrategy[cbor.Value]:
    return st.lists(children, max_size=5) | st.dictionaries(keys, children, max_size=5)


def nested(depth: int) -> st.SearchStrategy[cbor.Value]:
    strategy: st.SearchStrategy[cbor.Value] = leaves
    for _ in range(depth):
        strategy = leaves | containers(strategy)
    return strategy


@pytest.mark.parametrize(("data", "value"), APPENDIX_A, ids=[row[0] for row in APPENDIX_A])
def test_the_rfcs_examples_encode_and_decode(data: str, value: cbor.Value) -> None:
    assert cbor.encode(value) == bytes.fromhex(data)
    decoded = cbor.decode(bytes.fromhex(data))
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_the_profile_leaves_out_is_refused(data: str) -> None:
    with pytest.raises(cbor.CborError):
        cbor.decode(bytes.fromhex(data))


@given(nested(4))
def test_a_value_comes_back_and_another_implementation_reads_the_same(value: cbor.Value) -> None:
    data = cbor.encode(value)
    assert cbor.decode(data) == value
    assert cbor2.loads(data) == value


@given(st.binary(max_size=60))
def test_bytes_that_decode_encode_to_themselves(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except cbor.CborError:
        return
    assert cbor.encode(value) == data


@given(nested(3), st.data())
def test_a_changed_byte_string_is_refused_or_means_another_value(value: cbor.Value, data: st.DataObject) -> None:
    good = cbor.encode(value)
    at = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[at // 8] ^= 1 << at % 8
    with contextlib.suppress(cbor.CborError):
        assert cbor.encode(cbor.decode(bytes(bad))) == bytes(bad) != good


def test_map_keys_are_in_bytewise_order_of_their_encoding() -> None:
    # RFC 8949 §4.2.1's order: 10, 100, -1. A length-first order would put -1 before 100.
    assert cbor.encode({-1: 0, 100: 0, 10: 0}).hex() == "a30a00186400" + "2000"


def test_nesting_is_bounded_both_ways() -> None:
    value: cbor.Value = 0
    for _ in range(cbor.MAX_DEPTH):
        value = [value]
    assert cbor.decode(cbor.encode(value)) == value
    with pytest.raises(cbor.CborError, match="nested"):
        cbor.encode([value])
    with pytest.raises(cbor.CborError, match="nested"):
        cbor.decode(b"\x81" + cbor.encode(value))


@pytest.mark.parametrize(
    "value", [1.5, 1 << 64, -(1 << 64) - 1, "\ud800", bytearray(b"a"), {"a": 1}, {True: 1}, {1, 2}, object()]
)
def test_what_has_no_encoding_is_refused(value: object) -> None:
    with pytest.raises(cbor.CborError):
        cbor.encode(value)  # type: ignore[arg-type]  # on purpose


def test_a_truth_value_is_not_an_integer() -> None:
    assert cbor.is_int(0, -1, (1 << 63) - 1)
    assert not cbor.is_int(True)  # noqa: FBT003 - the very thing that is asked
    assert not cbor.is_int(1 << 63)
    assert not cbor.is_int(1, -1, low=0)
