"""The archive: the source of truth. Every segment as it was signed, in append-only files (docs/formats.md §5).

Frames and their reading are pure and here; the port says what an archive promises; ``archive_files`` is the adapter.
"""

import mmap
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from cropmark_ingest.segment import MAX_BODY_BYTES, MAX_HEADER_BYTES, Header, Segment
from cropmark_ingest.storage import StorageError

MAGIC: Final = b"CMSG"
BEGINNING: Final = 12
"""Bytes of a frame before its header."""
_LENGTHS: Final = struct.Struct(">4sII")
_CRC: Final = struct.Struct(">I")


class ArchiveError(StorageError):
    """The archive cannot be written or read; the text says what to do. Nothing was acknowledged."""


class FrameError(ValueError):
    """Bytes that are not a whole frame."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame lies: file (relative to the archive), offset and length."""

    file: str
    offset: int
    length: int


def frame(segment: Segment) -> bytes:
    """Return the bytes of one frame."""
    whole = _LENGTHS.pack(MAGIC, len(segment.header), len(segment.body)) + segment.header + segment.body
    return whole + _CRC.pack(zlib.crc32(whole))


Bytes = bytes | mmap.mmap


def read_frame(data: Bytes, offset: int = 0) -> tuple[Segment, int]:
    """Return the segment at ``offset`` and where the next frame begins, or raise :class:`FrameError`."""
    start = offset + _LENGTHS.size
    if start > len(data):
        raise FrameError("the file ends inside a frame's beginning")
    magic, header_length, body_length = _LENGTHS.unpack_from(data, offset)
    if magic != MAGIC or header_length > MAX_HEADER_BYTES or body_length > MAX_BODY_BYTES:
        raise FrameError("no frame begins here")
    end = start + header_length + body_length
    if end + _CRC.size > len(data):
        raise FrameError("the file ends inside a frame")
    (crc,) = _CRC.unpack_from(data, end)
    if crc != zlib.crc32(data[offset:end]):
        raise FrameError("the frame's checksum does not fit its bytes")
    middle = start + header_length
    return Segment(data[start:middle], data[middle:end]), end + _CRC.size


def frames(data: Bytes, start: int = 0) -> Iterator[tuple[int, int, Segment | FrameError]]:
    """Yield begin, end and content of every frame from ``start`` on.

    What is no frame is yielded as one error that ends where the next whole frame begins, or with the data: one bad
    byte must not hide what was archived after it.
    """
    offset = start
    while offset < len(data):
        try:
            segment, end = read_frame(data, offset)
            yield offset, end, segment
        except FrameError as error:
            end = _next_frame(data, offset + 1)
            yield offset, end, error
        offset = end


def _next_frame(data: Bytes, start: int) -> int:
    at = data.find(MAGIC, start)
    while at != -1:
        try:
            read_frame(data, at)
        except FrameError:
            at = data.find(MAGIC, at + 1)
        else:
            return at
    return len(data)


def read_header(data: bytes) -> int:
    """Return the length of the header in a frame that begins with ``data`` (at least 12 bytes)."""
    try:
        magic, header_length, _ = _LENGTHS.unpack_from(data)
    except struct.error as error:
        raise FrameError("the file ends inside a frame's beginning") from error
    if magic != MAGIC or header_length > MAX_HEADER_BYTES:
        raise FrameError("no frame begins here")
    return int(header_length)


def file_of(header: Header) -> str:
    """Return the archive file that a segment belongs in."""
    month = datetime.fromtimestamp(header.sealed_at / 1000, UTC).strftime("%Y-%m")
    return f"{header.farm}/{header.gateway}/{month}.seg"


class Archive(Protocol):
    """Where segments are kept for ever."""

    def append(self, segments: Sequence[tuple[Header, Segment]]) -> None:
        """Keep verified segments, each once. Durable when it returns; raises :class:`StorageError` if it cannot.

        A header may come first without its body (the gateway gave it up, or it was lost on the way) and with it later:
        then the later one counts, under a new number.
        """
        ...

    def digest(self, key: bytes, seq: int) -> bytes | None:
        """Return the digest of the header archived as number ``seq`` of gateway ``key``, or None."""
        ...

    def holds(self, header: Header, *, body: bool) -> bool:
        """Tell whether this very segment is archived, with its body if ``body``."""
        ...

    def segment(self, key: bytes, seq: int) -> Segment:
        """Return an archived segment; raise :class:`LookupError` if there is none."""
        ...

    def headers(self, key: bytes, start: int, stop: int) -> list[bytes]:
        """Return the headers from ``start`` up to ``stop``, ending before the first that is missing."""
        ...

    def tree_size(self, key: bytes) -> int:
        """Return how many segments of a gateway are archived from 0 on without a gap."""
        ...

    def after(self, number: int, limit: int) -> list[tuple[int, Segment]]:
        """Return up to ``limit`` segments archived after ``number``, in order, with their numbers."""
        ...

    def last_number(self) -> int:
        """Return the number of the segment archived last, 0 for none."""
        ...

    def index(self) -> list[tuple[bytes, int, bytes, Place]]:
        """Return key, seq, header digest and place of every indexed segment, in order of archiving."""
        ...

    def torn(self) -> list[str]:
        """Return the files that hold what was moved aside because it was no whole frame."""
        ...

    def scan(self) -> Iterator[tuple[Place, Segment | FrameError]]:
        """Read every frame of every file, index or not."""
        ...
