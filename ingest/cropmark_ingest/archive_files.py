"""The archive in files, with an index in SQL that can be made again from them.

Append, fsync, index; in that order. A crash between the last two leaves frames that the index does not know: opening
takes them in. An end torn by a crash was never acknowledged: it is moved aside. Anything broken before the end stays
where it is, is skipped, and is named by the audit. One process at a time (``lock``), one appending thread in it.
"""

import mmap
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from cropmark_ingest.archive import (
    BEGINNING,
    ArchiveError,
    Bytes,
    FrameError,
    Place,
    file_of,
    frame,
    frames,
    read_frame,
    read_header,
)
from cropmark_ingest.archive_index_sql import ArchiveIndex, Indexed
from cropmark_ingest.database import Database
from cropmark_ingest.segment import Header, Segment, SegmentError, header_digest, open_header

TORN: Final = ".torn"
RESERVE_BYTES: Final = 64 * 1024 * 1024
"""What must stay free on the disk: the databases beside the archive need room to say that it is full."""

log = structlog.get_logger()


class FileArchive:
    """The archive under one folder. See :class:`cropmark_ingest.archive.Archive` for what each method promises."""

    def __init__(self, root: Path, database: Database, *, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._root = root
        self._index = ArchiveIndex(database)
        self._reserve = reserve_bytes
        root.mkdir(parents=True, exist_ok=True)
        self._recover()
        self._behind = False
        """Set while files may hold frames that the index does not know."""

    def _recover(self) -> None:
        """Take in what was written but not indexed, and move a torn end aside."""
        known = self._index.ends()
        for path in self._files():
            name = str(path.relative_to(self._root))
            start = known.get(name, 0)
            size = path.stat().st_size
            if size < start:
                log.error("archive-file-shorter-than-indexed", file=name, bytes=size, indexed=start)
            elif size > start:
                self._take_in(path, name, start)

    def _files(self) -> list[Path]:
        return sorted(self._root.glob("*/*/*.seg"))

    def _take_in(self, path: Path, name: str, start: int) -> None:
        rows = []
        with _mapped(path) as data:
            size = len(data)
            for offset, end, found in frames(data, start):
                if isinstance(found, FrameError):
                    if end == size:
                        self._move_aside(path, data[offset:], offset, str(found))
                    else:
                        log.error("archive-bytes-skipped", file=name, offset=offset, bytes=end - offset)
                    continue
                try:
                    rows.append((open_header(found.header), Place(name, offset, end - offset)))
                except SegmentError as error:
                    log.error("archive-frame-skipped", file=name, offset=offset, reason=str(error))  # noqa: TRY400 - the text says it all
        if rows:
            log.warning("archive-index-behind", file=name, segments=len(rows))
            self._index.add(rows)

    @staticmethod
    def _move_aside(path: Path, torn: bytes, offset: int, reason: str) -> None:
        aside = path.with_name(f"{path.name}.{offset}{TORN}")
        try:
            with aside.open("wb") as out:
                out.write(torn)
                out.flush()
                os.fsync(out.fileno())
            _sync_folder(path.parent)
            os.truncate(path, offset)
        except OSError as error:
            raise ArchiveError(f"the torn end of {path} could not be moved aside: {error}. Check the disk.") from error
        log.error("archive-end-moved-aside", file=str(path), bytes=len(torn), aside=aside.name, reason=reason)

    def append(self, segments: Sequence[tuple[Header, Segment]]) -> None:
        """Keep verified segments: one write and one fsync a file."""
        if self._behind:
            self._recover()
            self._behind = False
        by_file: dict[str, list[tuple[Header, bytes]]] = defaultdict(list)
        for header, segment in segments:
            if not self.holds(header, body=bool(segment.body)):
                by_file[file_of(header)].append((header, frame(segment)))
        self._check_room(sum(len(data) for files in by_file.values() for _, data in files))
        rows = []
        self._behind = True
        for name, framed in by_file.items():
            offset = self._write(self._root / name, b"".join(data for _, data in framed))
            for header, data in framed:
                rows.append((header, Place(name, offset, len(data))))
                offset += len(data)
        self._index.add(rows)
        self._behind = False

    def _check_room(self, size: int) -> None:
        try:
            free = shutil.disk_usage(self._root).free
        except OSError as error:
            raise ArchiveError(f"{self._root} cannot be reached: {error}. Check the disk.") from error
        if free < size + self._reserve:
            raise ArchiveError(
                f"the disk of {self._root} has {free // 2**20} MiB free, {self._reserve // 2**20} MiB are kept back. "
                "No receipts are given until there is room: free space on it."
            )

    def _write(self, path: Path, data: bytes) -> int:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
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
            if offset == 0:
                for folder in (path.parent, path.parent.parent, self._root):
                    _sync_folder(folder)
        except OSError as error:
            raise ArchiveError(f"{path} could not be written: {error}. Free space on its disk.") from error
        return offset

    def holds(self, header: Header, *, body: bool) -> bool:
        """Tell whether this very segment is archived, with its body if ``body``."""
        found = self._index.one(header.key, header.seq)
        if found is None or found.digest != header.digest:
            return False
        return not body or bool(self._read(found).body)

    def _read(self, entry: Indexed) -> Segment:
        path = self._root / entry.place.file
        try:
            with path.open("rb") as source:
                source.seek(entry.place.offset)
                segment, _ = read_frame(source.read(entry.place.length))
            _check_digest(entry, segment.header)
        except (OSError, FrameError) as error:
            raise _unreadable(entry, error) from error
        return segment

    def digest(self, key: bytes, seq: int) -> bytes | None:
        """Return the digest of the header archived as ``seq`` of gateway ``key``."""
        found = self._index.one(key, seq)
        return None if found is None else found.digest

    def segment(self, key: bytes, seq: int) -> Segment:
        """Return an archived segment, read again and held to its digest; raise :class:`LookupError` if it is none."""
        found = self._index.one(key, seq)
        if found is None:
            raise LookupError(f"segment {seq} of gateway key {key.hex()[:16]} is not in the archive")
        return self._read(found)

    def headers(self, key: bytes, start: int, stop: int) -> list[bytes]:
        """Return the headers from ``start`` up to ``stop``, ending before the first that is missing."""
        found = []
        name, source = "", None
        try:
            for entry in self._index.between(key, start, stop):
                try:
                    if source is None or entry.place.file != name:
                        if source is not None:
                            source.close()
                        name = entry.place.file
                        source = (self._root / name).open("rb")
                    source.seek(entry.place.offset)
                    header = source.read(read_header(source.read(BEGINNING)))
                    _check_digest(entry, header)
                except (OSError, FrameError) as error:
                    raise _unreadable(entry, error) from error
                found.append(header)
        finally:
            if source is not None:
                source.close()
        return found

    def tree_size(self, key: bytes) -> int:
        """Return how many segments of a gateway are archived from 0 on without a gap."""
        return self._index.tree_size(key)

    def after(self, number: int, limit: int) -> list[tuple[int, Segment]]:
        """Return up to ``limit`` segments archived after ``number``, in order."""
        return [(entry.number, self._read(entry)) for entry in self._index.after(number, limit)]

    def last_number(self) -> int:
        """Return the number of the segment archived last, 0 for none."""
        return self._index.last_number()

    def counts(self, farm: str | None = None) -> tuple[int, int]:
        """Return how many segments and readings are archived, of one farm or of all."""
        return self._index.counts(farm)

    def index(self) -> list[tuple[bytes, int, bytes, Place]]:
        """Return key, seq, header digest and place of every indexed segment, in order of archiving."""
        return [(entry.key, entry.seq, entry.digest, entry.place) for entry in self._index.after(0)]

    def torn(self) -> list[str]:
        """Return the files that hold what was moved aside because it was no whole frame."""
        return [str(path.relative_to(self._root)) for path in sorted(self._root.glob(f"*/*/*{TORN}"))]

    def scan(self) -> Iterator[tuple[Place, Segment | FrameError]]:
        """Read every frame of every file, and every stretch of bytes that is none."""
        for path in self._files():
            name = str(path.relative_to(self._root))
            with _mapped(path) as data:
                for offset, end, found in frames(data):
                    yield Place(name, offset, end - offset), found


@contextmanager
def _mapped(path: Path) -> Iterator[Bytes]:
    try:
        with path.open("rb") as source:
            if os.fstat(source.fileno()).st_size == 0:
                yield b""
                return
            with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data
    except OSError as error:
        raise ArchiveError(f"{path} could not be read: {error}. Check the disk.") from error


def _check_digest(entry: Indexed, header: bytes) -> None:
    if header_digest(header) != entry.digest:
        raise FrameError("the header is not the one that was archived here")


def _unreadable(entry: Indexed, error: Exception) -> ArchiveError:
    return ArchiveError(
        f"segment {entry.seq} of gateway key {entry.key.hex()[:16]}, in {entry.place.file} at byte "
        f"{entry.place.offset}: {error}. Run `cropmark fsck`."
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
