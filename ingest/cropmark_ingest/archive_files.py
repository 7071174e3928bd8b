"""The archive in files, with an index in SQL that can be made again from them.

Append, fsync, index; in that order. A crash between the last two leaves frames that the index does not know: opening
reads on from where the index ends and takes them in. A frame torn by a crash was never acknowledged: it is moved aside.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    UniqueConstraint,
    func,
    insert,
    select,
)

from cropmark_ingest.archive import ArchiveError, FrameError, Place, file_of, frame, read_frame
from cropmark_ingest.database import METADATA, Database
from cropmark_ingest.segment import Header, Segment, SegmentError, open_header

TORN: Final = ".torn"

_segment = Table(
    "segment",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("key", LargeBinary(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("farm", String(32), nullable=False),
    Column("gateway", String(32), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("readings", Integer, nullable=False),
    Column("sealed_at", BigInteger, nullable=False),
    Column("file", String(120), nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("length", BigInteger, nullable=False),
    UniqueConstraint("key", "seq"),
    sqlite_autoincrement=True,
)

log = structlog.get_logger()


class FileArchive:
    """The archive under one folder."""

    def __init__(self, root: Path, database: Database) -> None:
        self._root = root
        self._database = database
        root.mkdir(parents=True, exist_ok=True)
        self._recover()

    def _recover(self) -> None:
        """Take in what was written but not indexed, and move a torn end aside."""
        with self._database.reading() as connection:
            query = select(_segment.c.file, func.max(_segment.c.offset + _segment.c.length)).group_by(_segment.c.file)
            known: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
        for path in sorted(self._root.glob("*/*/*.seg")):
            name = str(path.relative_to(self._root))
            start = known.get(name, 0)
            if path.stat().st_size > start:
                self._take_in(path, name, start)

    def _take_in(self, path: Path, name: str, start: int) -> None:
        data = path.read_bytes()
        offset = start
        rows = []
        while offset < len(data):
            try:
                segment, end = read_frame(data, offset)
                rows.append((open_header(segment.header), Place(name, offset, end - offset)))
            except (FrameError, SegmentError) as error:
                self._cut(path, data, offset, str(error))
                break
            offset = end
        if rows:
            log.warning("archive-index-behind", file=name, segments=len(rows))
            self._index(rows)

    @staticmethod
    def _cut(path: Path, data: bytes, offset: int, reason: str) -> None:
        aside = path.with_name(f"{path.name}.{offset}{TORN}")
        aside.write_bytes(data[offset:])
        with path.open("r+b") as out:
            out.truncate(offset)
            os.fsync(out.fileno())
        log.error("archive-end-moved-aside", file=str(path), bytes=len(data) - offset, aside=str(aside), reason=reason)

    def append(self, segments: Sequence[tuple[Header, Segment]]) -> None:
        """Keep verified segments: one write and one fsync a file. See :class:`cropmark_ingest.archive.Archive`."""
        by_file: dict[str, list[tuple[Header, bytes]]] = defaultdict(list)
        for header, segment in segments:
            by_file[file_of(header)].append((header, frame(segment)))
        rows = []
        for name, frames in by_file.items():
            offset = self._write(name, b"".join(data for _, data in frames))
            for header, data in frames:
                rows.append((header, Place(name, offset, len(data))))
                offset += len(data)
        self._index(rows)

    def _write(self, name: str, data: bytes) -> int:
        path = self._root / name
        try:
            fresh = not path.exists()
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
            try:
                offset = os.fstat(handle).st_size
                try:
                    view = memoryview(data)
                    while view:
                        view = view[os.write(handle, view) :]
                    os.fsync(handle)
                except OSError:
                    # Leave the file as it was, so that the next append does not follow half a frame.
                    os.ftruncate(handle, offset)
                    raise
            finally:
                os.close(handle)
            if fresh:
                _sync_folder(path.parent)
        except OSError as error:
            raise ArchiveError(f"{path} could not be written: {error}. Free space on its disk.") from error
        return offset

    def _index(self, rows: Sequence[tuple[Header, Place]]) -> None:
        values = [
            {
                "key": header.key, "seq": header.seq, "farm": header.farm, "gateway": header.gateway,
                "digest": header.digest, "readings": header.count, "sealed_at": header.sealed_at,
                "file": place.file, "offset": place.offset, "length": place.length,
            }
            for header, place in rows
        ]  # fmt: skip
        if values:
            with self._database.writing() as connection:
                connection.execute(insert(_segment).prefix_with("OR IGNORE", dialect="sqlite"), values)

    def _read(self, place: Place) -> Segment:
        path = self._root / place.file
        try:
            with path.open("rb") as source:
                source.seek(place.offset)
                data = source.read(place.length)
            return read_frame(data)[0]
        except (OSError, FrameError) as error:
            raise ArchiveError(f"{path} at byte {place.offset}: {error}. Run `cropmark fsck`.") from error

    def _row(self, key: bytes, seq: int) -> Row[Any] | None:
        with self._database.reading() as connection:
            return connection.execute(select(_segment).where(_segment.c.key == key, _segment.c.seq == seq)).first()

    def digest(self, key: bytes, seq: int) -> bytes | None:
        """Return the digest of the header archived as ``seq`` of gateway ``key``."""
        row = self._row(key, seq)
        return None if row is None else row.digest

    def segment(self, key: bytes, seq: int) -> Segment:
        """Return an archived segment; raise :class:`LookupError` if there is none."""
        row = self._row(key, seq)
        if row is None:
            raise LookupError(f"segment {seq} of gateway key {key.hex()[:16]} is not in the archive")
        return self._read(Place(row.file, row.offset, row.length))

    def headers(self, key: bytes, start: int, stop: int) -> list[bytes]:
        """Return the headers from ``start`` up to ``stop``, ending before the first that is missing."""
        query = (
            select(_segment)
            .where(_segment.c.key == key, _segment.c.seq >= start, _segment.c.seq < stop)
            .order_by(_segment.c.seq)
        )
        with self._database.reading() as connection:
            rows = list(connection.execute(query))
        found = []
        for expected, row in enumerate(rows, start):
            if row.seq != expected:
                break
            found.append(self._read(Place(row.file, row.offset, row.length)).header)
        return found

    def tree_size(self, key: bytes) -> int:
        """Return how many segments of a gateway are archived from 0 on without a gap."""
        with self._database.reading() as connection:
            count, highest = connection.execute(
                select(func.count(), func.max(_segment.c.seq)).where(_segment.c.key == key)
            ).one()
            if highest is None:
                return 0
            if count == highest + 1:
                return int(count)
            seqs = connection.scalars(select(_segment.c.seq).where(_segment.c.key == key).order_by(_segment.c.seq))
            size = 0
            for seq in seqs:
                if seq != size:
                    break
                size += 1
            return size

    def after(self, number: int, limit: int) -> list[tuple[int, Segment]]:
        """Return up to ``limit`` segments archived after ``number``, in order."""
        query = select(_segment).where(_segment.c.number > number).order_by(_segment.c.number).limit(limit)
        with self._database.reading() as connection:
            rows = list(connection.execute(query))
        return [(row.number, self._read(Place(row.file, row.offset, row.length))) for row in rows]

    def last_number(self) -> int:
        """Return the number of the segment archived last, 0 for none."""
        with self._database.reading() as connection:
            return int(connection.scalar(select(func.max(_segment.c.number))) or 0)

    def counts(self, farm: str | None = None) -> tuple[int, int]:
        """Return how many segments and readings are archived, of one farm or of all."""
        query = select(func.count(), func.coalesce(func.sum(_segment.c.readings), 0))
        if farm is not None:
            query = query.where(_segment.c.farm == farm)
        with self._database.reading() as connection:
            segments, readings = connection.execute(query).one()
        return int(segments), int(readings)

    def index(self) -> list[tuple[bytes, int, bytes, Place]]:
        """Return key, seq, header digest and place of every indexed segment, in order of archiving."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_segment).order_by(_segment.c.number))
            return [(row.key, row.seq, row.digest, Place(row.file, row.offset, row.length)) for row in rows]

    def scan(self) -> Iterator[tuple[Place, Segment | FrameError]]:
        """Read every frame of every file; a file's scan ends at the first frame that is not whole."""
        for path in sorted(self._root.glob("*/*/*.seg")):
            name = str(path.relative_to(self._root))
            data = path.read_bytes()
            offset = 0
            while offset < len(data):
                try:
                    segment, end = read_frame(data, offset)
                except FrameError as error:
                    yield Place(name, offset, len(data) - offset), error
                    break
                yield Place(name, offset, end - offset), segment
                offset = end


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
