"""Segments and readings: what is sealed comes back, and nothing else is taken for it."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import cbor2
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cropmark_ingest import cbor, columns, merkle, segment
from cropmark_ingest.metric import CATALOGUE
from cropmark_ingest.reading import NO_DEVICE_TIME, LeafError, Reading, leaf, parse_leaf
from cropmark_ingest.segment import Gap, Segment, SegmentError, open_body, open_header
from tests.ingest.samples import FARM, GATEWAY, KEY, METRICS, SESSION, START, Chain, forged, pack, reading

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)

readings = st.builds(
    lambda device, session, counter, index, metric, time, mantissa, flags, said: Reading(
        FARM, device, session, counter, index, metric, time, mantissa, CATALOGUE[metric].decimals, flags, said, time + 1
    ),
    st.sampled_from(["a-1", "b-2", "c"]),
    st.sampled_from([SESSION, "00" * 8]),
    st.integers(0, (1 << 63) - 1),
    st.integers(0, 65_535),
    st.sampled_from(METRICS),
    st.integers(-(1 << 62), 1 << 62),
    INT64,
    st.integers(0, 65_535),
    INT64 | st.just(NO_DEVICE_TIME),
)
once_each = st.lists(
    readings, max_size=30, unique_by=lambda item: (item.device, item.session, item.counter, item.index)
)


def body_of(parts: cbor.Value) -> bytes:
    return zstandard.ZstdCompressor().compress(cbor.encode(parts))


def opened(made: Segment) -> list[Reading]:
    return open_body(open_header(made.header), made.body)


@given(readings)
def test_a_leaf_is_one_reading_and_back(item: Reading) -> None:
    data = leaf(item)
    assert parse_leaf(data) == item
    domain, farm, device, session, metric, fixed = cbor2.loads(data)
    assert (domain, farm, device, session.hex(), metric) == (
        "cropmark/reading/v1", FARM, item.device, item.session, item.metric,
    )  # fmt: skip
    # The layout of docs/formats.md §5, cut by hand.
    assert len(fixed) == 45
    assert int.from_bytes(fixed[0:8], "big") == item.counter
    assert int.from_bytes(fixed[8:10], "big") == item.index
    assert int.from_bytes(fixed[10:18], "big", signed=True) == item.time
    assert int.from_bytes(fixed[18:26], "big", signed=True) == item.mantissa
    assert int.from_bytes(fixed[26:27], "big", signed=True) == item.decimals
    assert int.from_bytes(fixed[27:29], "big") == item.flags
    assert int.from_bytes(fixed[29:37], "big", signed=True) == item.device_time
    assert int.from_bytes(fixed[37:45], "big", signed=True) == item.gateway_time


def test_what_is_no_leaf_is_refused() -> None:
    good = leaf(reading(0))
    for bad in (b"", good[:-1], good + b"\0", good.replace(b"reading/v1", b"reading/v2"), cbor.encode([1, 2])):
        with pytest.raises(LeafError):
            parse_leaf(bad)


@settings(deadline=None, max_examples=60)
@given(once_each)
def test_what_is_sealed_comes_back_in_order(items: list[Reading]) -> None:
    made = segment.seal(
        items, farm=FARM, gateway=GATEWAY, seq=0, prev=bytes(32), sealed_at=START, gaps=[], key=KEY
    )  # fmt: skip
    header = open_header(made.header)
    assert opened(Segment.from_wire(made.to_wire())) == segment.in_order(items)
    assert header.count == len(items)
    assert header.root == merkle.root([merkle.leaf_hash(leaf(item)) for item in segment.in_order(items)])
    times = [item.time for item in items] or [START]
    assert (header.first, header.last) == (min(times), max(times))


def test_a_segment_reads_as_the_page_says_with_other_peoples_tools() -> None:
    made = Chain().seal(pack(7), gaps=[Gap("spool-full", "soil-01", SESSION, 3, 5)])
    _, _, payload, _ = cbor2.loads(made.header)
    names = [
        "domain",
        "farm",
        "gateway",
        "seq",
        "prev",
        "root",
        "count",
        "first",
        "last",
        "body_digest",
        "body_length",
        "sealed_at",
        "gaps",
    ]
    header = dict(zip(names, cbor2.loads(payload), strict=True))
    assert header["domain"] == "cropmark/segment/v1"
    assert header["gaps"] == [["spool-full", "soil-01", bytes.fromhex(SESSION), 3, 5]]
    domain, count, streams, packed = cbor2.loads(zstandard.decompress(made.body))
    assert (domain, count) == ("cropmark/body/v1", 2)
    assert streams == [
        ["soil-01", bytes.fromhex(SESSION), "soil_moisture_10cm", 4],
        ["soil-01", bytes.fromhex(SESSION), "soil_temperature_10cm", 2],
    ]
    rows = [columns.unpack(column, count) for column in packed]
    assert rows[:3] == [[0, 1], [7, 7], [0, 1]]
    assert rows[4] == [2_007, 1_507]


def test_every_flipped_bit_of_a_small_segment_is_refused() -> None:
    good = Chain().seal(pack(0)).to_wire()
    taken = []
    for at in range(len(good) * 8):
        bad = bytearray(good)
        bad[at // 8] ^= 1 << at % 8
        try:
            opened(Segment.from_wire(bytes(bad)))
        except SegmentError:
            continue
        taken.append(at)
    assert taken == []


@given(st.binary(max_size=200))
def test_any_bytes_at_all_are_a_segment_or_refused(data: bytes) -> None:
    with pytest.raises(SegmentError):
        opened(Segment.from_wire(data))


FALSE_MEMBERS: dict[str, dict[str, cbor.Value]] = {
    "another domain": {"domain": "cropmark/segment/v2"},
    "a farm with a slash": {"farm": "../../etc"},
    "a gateway in capitals": {"gateway": "GW"},
    "a negative number": {"seq": -1},
    "a number past 63 bits": {"seq": 1 << 63, "prev": bytes([1]) * 32},
    "a truth value as number": {"seq": False},
    "a first segment with one before it": {"prev": bytes([1]) * 32},
    "a later segment with none before it": {"seq": 1},
    "a short digest": {"prev": bytes(31)},
    "a short root": {"root": bytes(31)},
    "a negative count": {"count": -1},
    "a truth value as count": {"count": True},
    "a count past the bound": {"count": segment.MAX_READINGS + 1},
    "time that runs backwards": {"first": 2, "last": 1},
    "time past 63 bits": {"last": 1 << 63},
    "a body past the bound": {"body_length": segment.MAX_BODY_BYTES + 1},
    "a month before 1970": {"sealed_at": -1},
    "a month after 9999": {"sealed_at": segment.MAX_TIME},
    "too many gaps": {"gaps": [["r", "d", bytes(8), 0, 0]] * (segment.MAX_GAPS + 1)},
    "a gap that ends before it begins": {"gaps": [["r", "d", bytes(8), 2, 1]]},
    "a gap of a device with a strange name": {"gaps": [["r", "../x", bytes(8), 0, 1]]},
    "a gap with a long reason": {"gaps": [["r" * 65, "d", bytes(8), 0, 1]]},
    "a gap past 63 bits": {"gaps": [["r", "d", bytes(8), 0, 1 << 63]]},
    "a gap with a truth value": {"gaps": [["r", "d", bytes(8), False, 1]]},
    "gaps that are none": {"gaps": None},
}


@pytest.mark.parametrize("members", FALSE_MEMBERS.values(), ids=FALSE_MEMBERS.keys())
def test_a_validly_signed_header_with_a_false_member_is_refused(members: dict[str, cbor.Value]) -> None:
    rows = pack(0)
    body = segment.encode_body(rows)
    open_header(forged(body, rows).header)
    with pytest.raises(SegmentError, match="bad header"):
        open_header(forged(body, rows, **members).header)


def test_a_header_that_is_too_long_is_not_even_parsed() -> None:
    with pytest.raises(SegmentError, match="more than"):
        open_header(bytes(segment.MAX_HEADER_BYTES + 1))
    with pytest.raises(SegmentError, match="more than"):
        Segment.from_wire(bytes(segment.MAX_HEADER_BYTES + segment.MAX_BODY_BYTES + 17))


def refuse_body(body: bytes, rows: Sequence[Reading], match: str, **members: cbor.Value) -> None:
    made = forged(body, rows, **members)
    header = open_header(made.header)
    with pytest.raises(SegmentError, match=match):
        open_body(header, body)


def test_a_signed_lie_about_the_body_is_found() -> None:
    rows = segment.in_order(pack(0))
    body = segment.encode_body(rows)
    refuse_body(body, rows, "root", root=bytes(32))
    refuse_body(body, rows, "counts 3 readings", count=3)
    refuse_body(body, rows, "time span", first=0)
    refuse_body(body, rows, "time span", last=START + 10**9)
    refuse_body(body, rows, "not the one", body_digest=bytes(32))
    refuse_body(body, rows, "not the one", body_length=len(body) + 1)


def test_one_identity_never_stands_twice() -> None:
    twice = [reading(0), reading(0)]
    refuse_body(segment.encode_body(twice), twice, "stand twice")
    # The same counter and index under two metrics: two streams, one identity.
    crossed = [reading(0, 0, metric="air_humidity"), reading(0, 0, metric="air_temperature")]
    refuse_body(segment.encode_body(crossed), crossed, "one identity")


def test_a_body_has_one_order_only() -> None:
    wrong = [reading(1), reading(0)]
    refuse_body(segment.encode_body(wrong), wrong, "not in order")


def parts(rows: list[Reading]) -> list[cbor.Value]:
    value = cbor.decode(zstandard.decompress(segment.encode_body(rows)))
    assert isinstance(value, list)
    return value


def test_a_body_of_another_form_is_refused() -> None:
    rows = segment.in_order(pack(0))
    domain, count, streams, packed = parts(rows)
    assert isinstance(streams, list)
    assert isinstance(packed, list)
    stream: list[cbor.Value] = ["soil-01", bytes(8), "m", 0]
    bad: dict[str, cbor.Value] = {
        "another domain": ["cropmark/body/v2", count, streams, packed],
        "a column too few": [domain, count, streams, packed[:-1]],
        "a short column": [domain, count, streams, [*packed[:-1], b"1234567"]],
        "a column that is text": [domain, count, streams, [*packed[:-1], "x"]],
        "a negative count": [domain, -1, streams, packed],
        "a huge count": [domain, 1 << 40, streams, packed],
        "a truth value as count": [domain, True, [streams[0]], [column[:8] for column in packed]],
        "a stream too few": [domain, count, streams[:1], packed],
        "streams out of order": [domain, count, streams[::-1], packed],
        "a stream twice": [domain, count, [streams[0], streams[0]], packed],
        "a device with a strange name": [domain, count, [["../x", *stream[1:]], streams[1]], packed],
        "a metric with a strange name": [domain, count, [[*stream[:2], "Metric<b>", 0], streams[1]], packed],
        "a short session": [domain, count, [["soil-01", bytes(7), "m", 0], streams[1]], packed],
        "decimals that are none": [domain, count, [["soil-01", bytes(8), "m", 200], streams[1]], packed],
        "not an array": {0: 1},
    }
    for what, value in bad.items():
        body = body_of(value)
        header = open_header(forged(body, rows).header)
        with pytest.raises(SegmentError):
            pytest.fail(f"{what} was taken: {open_body(header, body)}")


def test_a_negative_counter_or_an_index_past_16_bits_is_refused() -> None:
    rows = [reading(0)]
    _, _, streams, packed = parts(rows)
    assert isinstance(packed, list)
    for column, value in ((1, -1), (2, 65_536), (2, -1), (5, 65_536), (5, -1), (0, 1), (0, -1)):
        changed = [*packed[:column], columns.pack([value]), *packed[column + 1 :]]
        body = body_of([segment.BODY_DOMAIN, 1, streams, changed])
        header = open_header(forged(body, rows).header)
        with pytest.raises(SegmentError, match="bad body"):
            open_body(header, body)


def test_a_compression_bomb_costs_nothing() -> None:
    # A quarter of a gigabyte of zeros in a few kilobytes; a frame that says its size, and one that does not.
    size = 256 * 1024 * 1024
    zeros = bytes(1024 * 1024)
    rows = [reading(0)]
    for declared in (size, -1):
        out = zstandard.ZstdCompressor(level=1, write_content_size=declared > 0).compressobj(
            size=declared if declared > 0 else -1
        )
        bomb = b"".join(out.compress(zeros) for _ in range(size // len(zeros))) + out.flush()
        assert len(bomb) < 64 * 1024
        tracemalloc.start()
        try:
            refuse_body(bomb, rows, "bad body")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 2 * segment.MAX_BODY_PLAIN_BYTES


def test_two_frames_or_a_tail_are_not_one_body() -> None:
    rows = segment.in_order(pack(0))
    body = segment.encode_body(rows)
    for tail in (b"\0", body, zstandard.ZstdCompressor().compress(b"")):
        refuse_body(body + tail, rows, "bad body")


def test_a_segment_may_hold_gaps_only() -> None:
    made = Chain().seal([], gaps=[Gap("spool-full", "soil-01", SESSION, 0, 9)])
    header = open_header(made.header)
    assert (header.count, header.gaps[0].last) == (0, 9)
    assert opened(made) == []


def test_a_segment_of_too_many_readings_is_not_sealed() -> None:
    rows = [reading(0)] * (segment.MAX_READINGS + 1)
    with pytest.raises(SegmentError, match="more than"):
        Chain().seal(rows)


def test_the_largest_segment_fits_its_own_bounds() -> None:
    rows = [replace(reading(counter), mantissa=counter * 7919 % 65_536) for counter in range(segment.MAX_READINGS)]
    assert opened(Chain().seal(rows)) == rows
