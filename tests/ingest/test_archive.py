"""The archive keeps what it acknowledged: through every failing call, a killed process, a torn end, a lost index."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropmark_ingest.archive import MAGIC, ArchiveError, FrameError, file_of, frame, frames, read_frame
from cropmark_ingest.archive_files import FileArchive
from cropmark_ingest.database import Database, DatabaseError, sqlite_engine
from cropmark_ingest.lock import FolderLock, InUseError
from cropmark_ingest.segment import Segment, header_digest, open_header
from tests.ingest.samples import KEY, OTHER_KEY, Chain, headed, pack

REPOSITORY = Path(__file__).resolve().parents[2]


def reopened(tmp_path: Path) -> tuple[FileArchive, Database]:
    database = Database(sqlite_engine(tmp_path / "ingest.sqlite"))
    return FileArchive(tmp_path / "archive", database), database


def only_file(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "archive").rglob("*.seg")
    return path


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_a_frame_comes_back_and_is_laid_out_as_the_page_says(header: bytes, body: bytes) -> None:
    data = frame(Segment(header, body))
    assert read_frame(b"xx" + data + b"yy", 2) == (Segment(header, body), 2 + len(data))
    assert data[:4] == MAGIC == b"CMSG"
    assert (int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")) == (len(header), len(body))
    assert data[12:-4] == header + body
    assert int.from_bytes(data[-4:], "big") == zlib.crc32(data[:-4])


def test_every_flipped_bit_and_every_cut_of_a_frame_is_found() -> None:
    good = frame(Segment(b"header", b"body"))
    for at in range(len(good) * 8):
        bad = bytearray(good)
        bad[at // 8] ^= 1 << at % 8
        with pytest.raises(FrameError):
            read_frame(bytes(bad))
    for length in range(len(good)):
        with pytest.raises(FrameError):
            read_frame(good[:length])


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=2, max_size=6), st.data())
def test_one_broken_frame_hides_no_other(bodies: list[bytes], data: st.DataObject) -> None:
    made = [frame(Segment(b"h%d" % number, body)) for number, body in enumerate(bodies)]
    broken = data.draw(st.integers(0, len(made) - 1))
    at = data.draw(st.integers(0, len(made[broken]) - 1))
    piece = bytearray(made[broken])
    piece[at] ^= 0xFF
    whole = b"".join([*made[:broken], bytes(piece), *made[broken + 1 :]])
    found = list(frames(whole))
    good = [item.body for _, _, item in found if isinstance(item, Segment)]
    assert good == [body for number, body in enumerate(bodies) if number != broken]
    assert [begin for begin, _, _ in found] == [0, *(end for _, end, _ in found[:-1])]
    assert found[-1][1] == len(whole)


def test_segments_lie_by_farm_gateway_and_month_of_sealing(tmp_path: Path, archive: FileArchive) -> None:
    chain = Chain()
    january, february = (
        chain.seal(pack(0), sealed_at=1_769_903_999_999),
        chain.seal(pack(1), sealed_at=1_769_904_000_000),
    )
    archive.append(headed([january, february]))
    found = sorted(str(path.relative_to(tmp_path / "archive")) for path in (tmp_path / "archive").rglob("*.seg"))
    assert found == ["demo/gw-1/2026-01.seg", "demo/gw-1/2026-02.seg"]
    assert file_of(open_header(january.header)) == found[0]
    assert archive.headers(chain.public, 0, 9) == [january.header, february.header]


def test_what_is_appended_reads_back(archive: FileArchive) -> None:
    chain, other = Chain(), Chain(OTHER_KEY, gateway="gw-2")
    sealed = chain.season(5)
    archive.append(headed(sealed[:3]))
    archive.append(headed(other.season(1)))
    archive.append(headed(sealed[4:]))
    assert [archive.segment(chain.public, seq) for seq in (0, 1, 2, 4)] == [*sealed[:3], sealed[4]]
    assert archive.tree_size(chain.public) == 3
    assert archive.headers(chain.public, 0, 9) == [item.header for item in sealed[:3]]
    assert archive.headers(chain.public, 1, 2) == [sealed[1].header]
    assert archive.digest(chain.public, 4) == header_digest(sealed[4].header)
    assert archive.digest(chain.public, 3) is None
    with pytest.raises(LookupError, match="segment 3"):
        archive.segment(chain.public, 3)
    archive.append(headed(sealed[3:4]))
    assert archive.tree_size(chain.public) == 5
    assert archive.counts() == (6, 24)
    assert archive.counts("other") == (0, 0)
    assert [number for number, _ in archive.after(0, 100)] == [1, 2, 3, 4, 5, 6]
    assert [segment for _, segment in archive.after(4, 2)] == [sealed[4], sealed[3]]


def test_a_tree_without_its_first_segment_is_empty(archive: FileArchive) -> None:
    chain = Chain()
    archive.append(headed(chain.season(3)[1:]))
    assert archive.tree_size(chain.public) == 0
    assert archive.headers(chain.public, 0, 9) == []


def test_the_same_segment_again_is_not_stored_twice(tmp_path: Path, archive: FileArchive) -> None:
    sealed = headed(Chain().season(2))
    archive.append(sealed)
    size = only_file(tmp_path).stat().st_size
    archive.append(sealed)
    assert only_file(tmp_path).stat().st_size == size
    assert archive.counts() == (2, 8)


def test_a_body_that_comes_after_its_header_takes_its_place(tmp_path: Path, archive: FileArchive) -> None:
    chain = Chain()
    sealed = chain.season(2)
    archive.append(headed([Segment(sealed[0].header, b""), sealed[1]]))
    before = archive.last_number()
    archive.append(headed([sealed[0]]))
    assert archive.segment(chain.public, 0) == sealed[0]
    assert archive.after(before, 9) == [(before + 1, sealed[0])]
    archive.append(headed([Segment(sealed[0].header, b"")]))
    assert archive.segment(chain.public, 0) == sealed[0]
    assert archive.counts() == (2, 8)
    # The same when the index is made again from the files.
    for path in tmp_path.glob("ingest.sqlite*"):
        path.unlink()
    again, database = reopened(tmp_path)
    assert again.segment(chain.public, 0) == sealed[0]
    assert again.counts() == (2, 8)
    database.close()


class Faults:
    """Makes the ``at``-th call of the file system fail; a failing write has written half."""

    CALLS = ("open", "write", "fsync", "fstat")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, *, undo_fails: bool) -> None:
        self.left = at
        self.hit = False
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self.wrapped(name, getattr(os, name)))
        if undo_fails:
            monkeypatch.setattr(os, "ftruncate", self.undo)

    def undo(self, _handle: int, _size: int) -> None:
        raise OSError(5, "Input/output error")

    def wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.left -= 1
            if self.left != 0:
                return real(*arguments)
            self.hit = True
            if name == "write":
                real(arguments[0], arguments[1][: len(arguments[1]) // 2])
            raise OSError(28, "No space left on device")

        return call


@pytest.mark.parametrize("undo_fails", [False, True], ids=["undone", "undo fails too"])
@pytest.mark.parametrize("restart", [False, True], ids=["tried again", "after a restart"])
def test_whichever_call_fails_nothing_acknowledged_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, undo_fails: bool, restart: bool
) -> None:
    for at in range(1, 40):
        folder = tmp_path / str(at)
        archive, database = reopened(folder)
        first, second = Chain(), Chain(OTHER_KEY, gateway="gw-2")
        acknowledged = headed(first.season(2))
        archive.append(acknowledged)
        fresh = headed([*first.season(2), *second.season(2)])
        with monkeypatch.context() as patched:
            faults = Faults(patched, at, undo_fails=undo_fails)
            with contextlib.suppress(ArchiveError):
                archive.append(fresh)
        if not faults.hit:
            assert at > 5
            database.close()
            return
        if restart:
            database.close()
            archive, database = reopened(folder)
        archive.append(fresh)
        for header, segment in acknowledged + fresh:
            assert archive.segment(header.key, header.seq) == segment
        assert archive.counts()[0] == 6
        assert archive.tree_size(first.public) == 4
        whole = [item for _, item in archive.scan() if isinstance(item, Segment)]
        assert len(whole) == 6
        database.close()
    pytest.fail("the fault was never reached past")


def test_a_write_that_is_cut_short_goes_on(archive: FileArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Chain()
    sealed = chain.season(1)
    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda handle, data: real(handle, data[:7]))
        archive.append(headed(sealed))
    assert archive.segment(chain.public, 0) == sealed[0]


def test_frames_that_were_written_but_not_indexed_are_taken_in_once(
    tmp_path: Path, archive: FileArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain()
    sealed = headed(chain.season(2))
    for _ in range(3):
        with monkeypatch.context() as patched:
            patched.setattr(archive._index, "add", lambda _rows: (_ for _ in ()).throw(DatabaseError("disk full")))
            with pytest.raises(DatabaseError):
                archive.append(sealed)
    size = only_file(tmp_path).stat().st_size
    assert size == sum(len(frame(segment)) for _, segment in sealed)
    archive.append(sealed)
    assert only_file(tmp_path).stat().st_size == size
    assert archive.tree_size(chain.public) == 2


def test_a_torn_end_is_moved_aside_and_nothing_before_it(tmp_path: Path) -> None:
    chain = Chain()
    sealed = chain.season(3)
    last = frame(sealed[2])
    for length in (1, 4, 11, 12, len(last) // 2, len(last) - 1):
        folder = tmp_path / str(length)
        archive, database = reopened(folder)
        archive.append(headed(sealed[:2]))
        with only_file(folder).open("ab") as out:
            out.write(last[:length])
        database.close()
        archive, database = reopened(folder)
        assert archive.counts()[0] == 2
        (torn,) = archive.torn()
        assert (folder / "archive" / torn).read_bytes() == last[:length]
        archive.append(headed(sealed[2:]))
        assert archive.headers(chain.public, 0, 9) == [item.header for item in sealed]
        assert all(isinstance(found, Segment) for _, found in archive.scan())
        database.close()


def test_a_lost_index_is_made_again_around_a_broken_frame(tmp_path: Path) -> None:
    archive, database = reopened(tmp_path)
    chain = Chain()
    sealed = chain.season(6)
    archive.append(headed(sealed))
    places = [place for place, _ in archive.scan()]
    database.close()
    data = bytearray(only_file(tmp_path).read_bytes())
    data[places[2].offset + 30] ^= 1
    only_file(tmp_path).write_bytes(data)
    for path in tmp_path.glob("ingest.sqlite*"):
        path.unlink()
    archive, database = reopened(tmp_path)
    assert [seq for seq in range(6) if archive.digest(chain.public, seq) is not None] == [0, 1, 3, 4, 5]
    assert only_file(tmp_path).read_bytes() == bytes(data)
    assert archive.torn() == []
    # It was acknowledged once, but a gateway that still has it can fill the hole.
    archive.append(headed([sealed[2]]))
    assert archive.tree_size(chain.public) == 6
    database.close()


def test_a_segment_whose_bytes_changed_is_not_given_out(tmp_path: Path, archive: FileArchive) -> None:
    chain = Chain()
    sealed = chain.season(2)
    archive.append(headed(sealed))
    path = only_file(tmp_path)
    good = path.read_bytes()
    bad = bytearray(good)
    bad[40] ^= 1
    path.write_bytes(bad)
    with pytest.raises(ArchiveError, match=r"segment 0 .*2026-\d\d.seg at byte 0.*fsck"):
        archive.segment(chain.public, 0)
    with pytest.raises(ArchiveError, match="segment 0"):
        archive.headers(chain.public, 0, 2)
    assert archive.segment(chain.public, 1) == sealed[1]
    # A frame that is whole in itself, but another one.
    forged = Chain(OTHER_KEY).season(1)[0]
    path.write_bytes(frame(forged) + good[len(frame(forged)) :])
    with pytest.raises(ArchiveError, match="segment 0"):
        archive.segment(chain.public, 0)


def test_a_file_that_is_gone_is_an_error_that_names_it(tmp_path: Path, archive: FileArchive) -> None:
    chain = Chain()
    archive.append(headed(chain.season(1)))
    only_file(tmp_path).unlink()
    for read in (lambda: archive.segment(chain.public, 0), lambda: archive.headers(chain.public, 0, 1)):
        with pytest.raises(ArchiveError, match=r"\.seg"):
            read()


def test_the_disk_is_never_filled_to_the_brim(tmp_path: Path, database: Database) -> None:
    archive = FileArchive(tmp_path / "archive", database, reserve_bytes=shutil.disk_usage(tmp_path).total)
    with pytest.raises(ArchiveError, match="free space"):
        archive.append(headed(Chain().season(1)))
    assert list((tmp_path / "archive").rglob("*.seg")) == []


def test_only_one_process_holds_a_folder(tmp_path: Path) -> None:
    with FolderLock(tmp_path), pytest.raises(InUseError, match=f"in use by process {os.getpid()}"):
        FolderLock(tmp_path)
    FolderLock(tmp_path).release()


CHILD = """
import sys
from pathlib import Path
from cropmark_ingest.archive_files import FileArchive
from cropmark_ingest.database import Database, sqlite_engine
from tests.ingest.samples import Chain, headed, pack
database = Database(sqlite_engine(Path(sys.argv[1]) / "ingest.sqlite"))
archive = FileArchive(Path(sys.argv[1]) / "archive", database)
chain = Chain()
for number in range(100_000):
    made = headed([chain.seal(pack(number))])
    if number >= archive.tree_size(chain.public):
        archive.append(made)
        print(number, flush=True)
"""


def test_killed_at_any_moment_it_still_has_all_that_it_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(20261124)
    acknowledged = -1
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        assert child.stdout is not None
        for _ in range(chance.randint(5, 25)):
            acknowledged = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, child.stdout.read().split())])
        child.wait()
        child.stdout.close()
        archive, database = reopened(tmp_path)
        size = archive.tree_size(Chain(KEY).public)
        assert size > acknowledged
        assert all(isinstance(found, Segment) for _, found in archive.scan())
        assert [open_header(data).seq for data in archive.headers(Chain(KEY).public, 0, size)] == list(range(size))
        database.close()
