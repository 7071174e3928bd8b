"""Segments from archive files in a folder, for ``cropmark verify --evidence`` (docs/formats.md §5, archive file).

Reads what ingest's archive wrote, or a copy of it. Nothing is trusted: the verifier checks every header and body.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final
from zlib import crc32

from cropmark_ingest.segment import MAX_BODY_BYTES, MAX_HEADER_BYTES, Segment

_HEAD: Final = struct.Struct(">4sII")
_CRC: Final = struct.Struct(">I")
_MAGIC: Final = b"CMSG"


class EvidenceFileError(ValueError):
    """A folder without archive files, or a file that is not one; the text names it and the next step."""


def read(folder: Path) -> Iterator[Segment]:
    """Yield the segments of all ``*.seg`` files below ``folder``; a torn last frame is passed over."""
    paths = sorted(folder.rglob("*.seg"))
    if not paths:
        raise EvidenceFileError(f"{folder} has no archive files (*.seg). Name the folder of the farm's archive.")
    for path in paths:
        try:
            with path.open("rb") as file:
                yield from _frames(file, path)
        except OSError as error:
            raise EvidenceFileError(f"{path} cannot be read: {error.strerror}. Check its rights.") from error


def _frames(file: BinaryIO, path: Path) -> Iterator[Segment]:
    while head := file.read(_HEAD.size):
        if len(head) < _HEAD.size:
            return
        magic, header_length, body_length = _HEAD.unpack(head)
        if magic != _MAGIC or header_length > MAX_HEADER_BYTES or body_length > MAX_BODY_BYTES:
            raise EvidenceFileError(f"{path} is not an archive file, or is damaged. Fetch it again.")
        rest = file.read(header_length + body_length + _CRC.size)
        if len(rest) < header_length + body_length + _CRC.size:
            return
        content, (crc,) = rest[: -_CRC.size], _CRC.unpack(rest[-_CRC.size :])
        if crc32(head + content) != crc:
            raise EvidenceFileError(f"{path} is damaged: a frame's checksum is wrong. Fetch it again.")
        yield Segment(content[:header_length], content[header_length:])
