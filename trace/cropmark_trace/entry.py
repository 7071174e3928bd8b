"""Leaf data of the log (docs/formats.md §7): deterministic CBOR that holds digests only."""

from dataclasses import dataclass
from typing import Final

from cropmark_ingest import cbor
from cropmark_ingest.cbor import CborError

DOMAIN: Final = "cropmark/entry/v1"


class EntryError(ValueError):
    """Bytes that are not an entry of the log."""


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """A record or key record: its id, and the SHA-256 of its stored bytes, proofs included."""

    id: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class SegmentsEntry:
    """The RFC 6962 root over the first ``size`` headers of the gateway with this public key."""

    key: bytes
    size: int
    root: bytes


def _hash(value: bytes, what: str) -> bytes:
    if len(value) != 32:
        raise EntryError(f"{what} has 32 bytes, not {len(value)}")
    return value


def record_entry(record_id: bytes, digest: bytes) -> bytes:
    """Return the entry of a record."""
    return cbor.encode([DOMAIN, "record", _hash(record_id, "a record's id"), _hash(digest, "a digest")])


def segments_entry(key: bytes, size: int, root: bytes) -> bytes:
    """Return the entry of a gateway's header tree, which has at least one header."""
    if size < 1:
        raise EntryError("a header tree without headers is not logged")
    return cbor.encode([DOMAIN, "segments", _hash(key, "a gateway's key"), size, _hash(root, "a root")])


def parse(data: bytes) -> RecordEntry | SegmentsEntry:
    """Read an entry back; raise :class:`EntryError` if it is none of the two kinds."""
    try:
        parts = cbor.decode(data)
    except CborError as error:
        raise EntryError(f"not an entry: {error}") from error
    match parts:
        case ["cropmark/entry/v1", "record", bytes() as record_id, bytes() as digest]:
            return RecordEntry(_hash(record_id, "a record's id"), _hash(digest, "a digest"))
        case ["cropmark/entry/v1", "segments", bytes() as key, int() as size, bytes() as root] if size >= 1:
            return SegmentsEntry(_hash(key, "a gateway's key"), size, _hash(root, "a root"))
        case _:
            raise EntryError("not an entry of a kind that this version knows")
