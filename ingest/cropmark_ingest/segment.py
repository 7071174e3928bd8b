"""Telemetry segments: a signed, hash-chained header over a compressed columnar body (docs/formats.md §5).

Pure: bytes in, values out. ``seal`` is what a gateway does, ``open_header`` and ``open_body`` what everyone else does.
Chaining and trust (is this key enrolled, does ``prev`` fit) are the caller's: order of arrival is free.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from operator import attrgetter, lt
from struct import error as StructError  # noqa: N812 - an exception, named as one
from typing import Final

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest import cbor, columns, cose, merkle, names
from cropmark_ingest.cbor import CborError
from cropmark_ingest.reading import FIXED, Reading, leaf_prefix

DOMAIN: Final = "cropmark/segment/v1"
BODY_DOMAIN: Final = "cropmark/body/v1"
NO_PREVIOUS: Final = bytes(32)
MAX_READINGS: Final = 65_536
MAX_GAPS: Final = 4_096
MAX_REASON: Final = 64
MAX_HEADER_BYTES: Final = 256 * 1024
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
MAX_BODY_PLAIN_BYTES: Final = 8 * 1024 * 1024
MAX_TIME: Final = 253_402_300_800_000
"""Milliseconds of the end of the year 9999: a later ``sealed_at`` names no month."""
_METRIC: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_COLUMNS: Final = 8
_STREAM: Final = attrgetter("device", "session", "metric", "decimals")


class SegmentError(ValueError):
    """Bytes that are not a segment; the text says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Packs that a gateway knows it cannot deliver: ``first`` to ``last`` counter of one session, both included."""

    reason: str
    device: str
    session: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a gateway signed about one segment. ``key`` is its 32-byte public key, ``digest`` the header's own."""

    key: bytes
    digest: bytes
    farm: str
    gateway: str
    seq: int
    prev: bytes
    root: bytes
    count: int
    first: int
    last: int
    body_digest: bytes
    body_length: int
    sealed_at: int
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as it travels: the header's COSE bytes and the compressed body."""

    header: bytes
    body: bytes

    def to_wire(self) -> bytes:
        """Return the MQTT payload."""
        return cbor.encode([self.header, self.body])

    @classmethod
    def from_wire(cls, payload: bytes) -> "Segment":
        """Take an MQTT payload apart; raise :class:`SegmentError` if it is none."""
        if len(payload) > MAX_HEADER_BYTES + MAX_BODY_BYTES + 16:
            raise SegmentError(f"{len(payload)} bytes are more than a segment may have")
        try:
            parts = cbor.decode(payload)
        except CborError as error:
            raise SegmentError(f"not a segment: {error}") from error
        match parts:
            case [bytes() as header, bytes() as body]:
                return cls(header, body)
            case _:
                raise SegmentError("not a segment: expected [header, body]")


def header_digest(header: bytes) -> bytes:
    """Return the digest by which the next header names this one."""
    return sha256(b"cropmark/segment-header/v1\n" + header).digest()


def in_order(readings: Iterable[Reading]) -> list[Reading]:
    """Sort readings as a body holds them: by stream (device, session, metric), counter, index."""
    return sorted(readings, key=attrgetter("device", "session", "metric", "decimals", "counter", "index"))


def leaves(readings: Sequence[Reading]) -> list[bytes]:
    """Return the leaf data of each reading, in the given order."""
    prefixes: dict[tuple[str, str, str, str], bytes] = {}
    result = []
    for item in readings:
        stream = (item.farm, item.device, item.session, item.metric)
        prefix = prefixes.get(stream)
        if prefix is None:
            prefix = prefixes[stream] = leaf_prefix(*stream)
        result.append(
            prefix
            + FIXED.pack(
                item.counter, item.index, item.time, item.mantissa,
                item.decimals, item.flags, item.device_time, item.gateway_time,
            )
        )  # fmt: skip
    return result


def encode_body(readings: Sequence[Reading]) -> bytes:
    """Compress readings, which must be :func:`in_order` and of one farm."""
    streams = sorted({_STREAM(item) for item in readings})
    number = {stream: place for place, stream in enumerate(streams)}
    rows = [
        (
            number[_STREAM(item)], item.counter, item.index, item.time,
            item.mantissa, item.flags, item.device_time, item.gateway_time,
        )
        for item in readings
    ]  # fmt: skip
    packed = [columns.pack(column) for column in zip(*rows, strict=True)] if rows else [b""] * _COLUMNS
    table = [[device, bytes.fromhex(session), metric, decimals] for device, session, metric, decimals in streams]
    return zstandard.ZstdCompressor(level=3).compress(cbor.encode([BODY_DOMAIN, len(readings), table, packed]))


def seal(  # noqa: PLR0913 - the members of the format, by name
    readings: Iterable[Reading],
    *,
    farm: str,
    gateway: str,
    seq: int,
    prev: bytes,
    sealed_at: int,
    gaps: Sequence[Gap] = (),
    key: Ed25519PrivateKey,
) -> Segment:
    """Make segment number ``seq`` of ``readings``, all of ``farm``; none when there are only gaps to tell."""
    ordered = in_order(readings)
    if len(ordered) > MAX_READINGS:
        raise SegmentError(f"{len(ordered)} readings are more than the {MAX_READINGS} of one segment")
    body = encode_body(ordered)
    times = [item.time for item in ordered] or [sealed_at]
    payload = cbor.encode(
        [
            DOMAIN,
            farm,
            gateway,
            seq,
            prev,
            merkle.root(merkle.leaf_hashes(leaves(ordered))),
            len(ordered),
            min(times),
            max(times),
            sha256(body).digest(),
            len(body),
            sealed_at,
            [[gap.reason, gap.device, bytes.fromhex(gap.session), gap.first, gap.last] for gap in gaps],
        ]
    )
    return Segment(cose.sign1(payload, DOMAIN, key), body)


def open_header(data: bytes) -> Header:
    """Verify a header's signature and form; raise :class:`SegmentError` with the reason."""
    if len(data) > MAX_HEADER_BYTES:
        raise SegmentError(f"a header of {len(data)} bytes is more than {MAX_HEADER_BYTES}")
    try:
        signed = cose.verify1(data, DOMAIN)
        parts = cbor.decode(signed.payload)
    except (cose.CoseError, CborError) as error:
        raise SegmentError(f"bad header: {error}") from error
    match parts:
        case [
            "cropmark/segment/v1", str() as farm, str() as gateway, int() as seq, bytes() as prev, bytes() as root,
            int() as count, int() as first, int() as last, bytes() as body_digest, int() as body_length,
            int() as sealed_at, list() as raw_gaps,
        ]:  # fmt: skip
            pass
        case _:
            raise SegmentError("bad header: its members are not those of a segment header")
    gaps = tuple(_gap(raw) for raw in raw_gaps[: MAX_GAPS + 1])
    try:
        names.name(farm)
        names.name(gateway)
    except names.BadNameError as error:
        raise SegmentError(f"bad header: {error}") from error
    if (
        not cbor.is_int(seq, low=0)
        or not cbor.is_int(count, first, last, body_length)
        or not cbor.is_int(sealed_at, low=0, high=MAX_TIME - 1)
        or not {len(prev), len(root), len(body_digest)} == {32}
        or not 0 <= count <= MAX_READINGS
        or first > last
        or not 0 <= body_length <= MAX_BODY_BYTES
        or len(gaps) > MAX_GAPS
        or (seq == 0) != (prev == NO_PREVIOUS)
    ):
        raise SegmentError("bad header: a member is out of its bounds")
    return Header(
        signed.key, header_digest(data), farm, gateway, seq, prev, root, count,
        first, last, body_digest, body_length, sealed_at, gaps,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose segment a header says it is. Nothing about it is verified: it tells only where to answer."""

    farm: str
    gateway: str
    seq: int
    digest: bytes


def claimed(data: bytes) -> Claim | None:
    """Return what an unverified header claims, or None if it does not say."""
    if len(data) > MAX_HEADER_BYTES:
        return None
    try:
        match cbor.decode(data):
            case [bytes(), dict(), bytes() as payload, bytes()]:
                parts = cbor.decode(payload)
            case _:
                return None
        match parts:
            case ["cropmark/segment/v1", str() as farm, str() as gateway, int() as seq, *_] if cbor.is_int(seq, low=0):
                return Claim(names.name(farm), names.name(gateway), seq, header_digest(data))
            case _:
                return None
    except (CborError, names.BadNameError):
        return None


def _gap(raw: cbor.Value) -> Gap:
    match raw:
        case [str() as reason, str() as device, bytes() as session, int() as first, int() as last] if (
            len(session) == 8 and len(reason) <= MAX_REASON and cbor.is_int(first, last, low=0) and first <= last
        ):
            return Gap(reason, _device(device, "header"), session.hex(), first, last)
        case _:
            raise SegmentError("bad header: a gap entry is not [reason, device, session, first, last]")


def _device(text: str, where: str) -> str:
    try:
        return names.name(text)
    except names.BadNameError as error:
        raise SegmentError(f"bad {where}: {error}") from error


def open_body(header: Header, body: bytes) -> list[Reading]:
    """Return a body's readings after checking all that its header says of it; raise :class:`SegmentError` if one fails.

    Digest, length, order, each identity once, count, time span and root.
    """
    if len(body) != header.body_length or sha256(body).digest() != header.body_digest:
        raise SegmentError("the body is not the one that the header names")
    streams, packed, count = _parse_body(body)
    if count != header.count:
        raise SegmentError(f"the header counts {header.count} readings, the body {count}")
    try:
        unpacked = [columns.unpack(column, count) for column in packed]
        _check_order(streams, unpacked)
        rows = zip(*unpacked, strict=True)
        readings = [
            Reading(header.farm, device, session, counter, index, metric, time, mantissa, decimals, flags, said, heard)
            for stream, counter, index, time, mantissa, flags, said, heard in rows
            for device, session, metric, decimals in (streams[stream],)
        ]
        data = leaves(readings)
    except (columns.ColumnError, KeyError, StructError) as error:
        raise SegmentError(f"bad body: {error}") from error
    times = unpacked[3]
    if times and (min(times), max(times)) != (header.first, header.last):
        raise SegmentError("the readings' time span is not the header's")
    if merkle.root(merkle.leaf_hashes(data)) != header.root:
        raise SegmentError("the readings do not give the header's root")
    return readings


_Stream = tuple[str, str, str, int]


def _check_order(streams: Mapping[int, _Stream], unpacked: Sequence[Sequence[int]]) -> None:
    """Refuse a body that is not in its one order, or has an identity (device, session, counter, index) twice."""
    table = list(streams.values())
    places = list(zip(*unpacked[:3], strict=True))
    if not all(map(lt, table, table[1:])) or not all(map(lt, places, places[1:])):
        raise SegmentError("bad body: its streams or readings are not in order, or stand twice")
    sources: dict[tuple[str, str], int] = {}
    source = {number: sources.setdefault(stream[:2], len(sources)) for number, stream in streams.items()}
    if len({(source[stream], counter, index) for stream, counter, index in places}) != len(places):
        raise SegmentError("bad body: two readings have one identity")


def _parse_body(body: bytes) -> tuple[dict[int, _Stream], list[bytes], int]:
    try:
        # A frame that says its size is unpacked to that size, whatever max_output_size says: look before.
        if zstandard.frame_content_size(body) > MAX_BODY_PLAIN_BYTES:
            raise SegmentError(f"bad body: more than {MAX_BODY_PLAIN_BYTES} bytes decompressed")
        plain = zstandard.ZstdDecompressor().decompress(
            body, max_output_size=MAX_BODY_PLAIN_BYTES, read_across_frames=False, allow_extra_data=False
        )
        parts = cbor.decode(plain)
    except (zstandard.ZstdError, CborError) as error:
        raise SegmentError(f"bad body: {error}") from error
    match parts:
        case ["cropmark/body/v1", int() as count, list() as table, list() as packed] if len(
            packed
        ) == _COLUMNS and cbor.is_int(count, low=0, high=MAX_READINGS):
            pass
        case _:
            raise SegmentError("bad body: its members are not those of a body")
    return dict(enumerate(map(_stream, table))), [_bytes(column) for column in packed], count


def _stream(raw: cbor.Value) -> _Stream:
    match raw:
        case [str() as device, bytes() as session, str() as metric, int() as decimals] if (
            len(session) == 8 and _METRIC.fullmatch(metric) and cbor.is_int(decimals, low=-128, high=127)
        ):
            return _device(device, "body"), session.hex(), metric, decimals
        case _:
            raise SegmentError("bad body: a stream is not [device, session, metric, decimals]")


def _bytes(raw: cbor.Value) -> bytes:
    if not isinstance(raw, bytes):
        raise SegmentError("bad body: a column is not a byte string")
    return raw
