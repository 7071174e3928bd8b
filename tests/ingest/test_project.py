"""The projector: archive order, two watermarks, nothing counted twice; and what it gives reason to look at."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cropmark_ingest.archive_files import FileArchive
from cropmark_ingest.database import DatabaseError
from cropmark_ingest.notices import Kind
from cropmark_ingest.notices_sql import SqlNotices
from cropmark_ingest.project import SEGMENTS_AT_ONCE, Projector, rebuild
from cropmark_ingest.reading import Flag
from cropmark_ingest.segment import Gap, Segment
from cropmark_ingest.store import StoreError
from cropmark_ingest.store_duckdb import DuckDBStore
from tests.ingest.samples import FARM, KEY, OTHER_KEY, SESSION, Chain, headed, pack, reading

Found = list[tuple[str, str, int]]


@pytest.fixture
def projector(archive: FileArchive, store: DuckDBStore, notices: SqlNotices) -> Projector:
    return Projector(archive, store, notices, known=lambda _farm, device: device == "soil-01")


def finish(projector: Projector) -> None:
    while projector.step():
        pass


def found(notices: SqlNotices, *kinds: Kind) -> Found:
    return sorted((item.kind.value, item.subject, item.count) for item in notices.all() if item.kind in kinds)


def test_what_is_archived_is_stored_up_to_the_watermark(
    archive: FileArchive, store: DuckDBStore, projector: Projector
) -> None:
    chain = Chain()
    archive.append(headed(chain.season(SEGMENTS_AT_ONCE * 2 + 3)))
    finish(projector)
    assert store.count(FARM) == archive.counts()[1]
    assert store.watermark() == archive.last_number()
    assert projector.step() is False


def test_two_gateways_that_hear_one_device_store_it_once(
    archive: FileArchive, store: DuckDBStore, projector: Projector
) -> None:
    for key, gateway in ((KEY, "gw-1"), (OTHER_KEY, "gw-2")):
        chain = Chain(key, gateway=gateway)
        archive.append(headed(chain.season(3)))
    finish(projector)
    assert (archive.counts()[1], store.count(FARM)) == (24, 12)


def test_a_body_that_came_later_is_projected(archive: FileArchive, store: DuckDBStore, projector: Projector) -> None:
    sealed = Chain().season(2)
    archive.append(headed([Segment(sealed[0].header, b""), sealed[1]]))
    finish(projector)
    assert store.count() == 4
    archive.append(headed(sealed[:1]))
    finish(projector)
    assert store.count() == 8


def test_a_crash_between_store_and_notices_counts_nothing_twice(
    archive: FileArchive, store: DuckDBStore, notices: SqlNotices, projector: Projector, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain()
    flagged = [reading(counter, flags=int(Flag.RANGE)) for counter in range(3)]
    archive.append(headed([chain.seal(flagged, gaps=[Gap("spool-full", "soil-01", SESSION, 10, 19)])]))

    def fails(*_: object) -> None:
        raise DatabaseError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(notices, "record", fails)
        with pytest.raises(DatabaseError):
            projector.step()
    assert (store.count(), notices.count()) == (3, 0)
    with monkeypatch.context() as patched:
        patched.setattr(store, "write", fails)
        finish(projector)
    assert found(notices, Kind.FLAGGED, Kind.GATEWAY_GAP) == [
        ("flagged-readings", "soil-01 soil_moisture_10cm range", 3), ("gateway-gap", f"soil-01/{SESSION}", 10),
    ]  # fmt: skip
    archive.append(headed(chain.season(1)))
    finish(projector)
    assert found(notices, Kind.GATEWAY_GAP) == [("gateway-gap", f"soil-01/{SESSION}", 10)]


def test_a_store_that_fails_is_caught_up_with_later(
    archive: FileArchive, store: DuckDBStore, projector: Projector, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.append(headed(Chain().season(2)))

    def fails(*_: object) -> int:
        raise StoreError("away")

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", fails)
        with pytest.raises(StoreError):
            projector.step()
    finish(projector)
    assert store.count() == 8


def test_rebuilt_from_the_archive_it_is_the_same(
    tmp_path: Path, archive: FileArchive, store: DuckDBStore, projector: Projector
) -> None:
    for key, gateway, device in ((KEY, "gw-1", "soil-01"), (OTHER_KEY, "gw-2", "soil-01")):
        chain = Chain(key, gateway=gateway)
        archive.append(headed(list(reversed(chain.season(10, device=device)))))
        finish(projector)
    ticks: list[tuple[int, int]] = []
    second = DuckDBStore(tmp_path / "again.duckdb")
    assert rebuild(archive, second, lambda done, total: ticks.append((done, total))) == 40
    assert ticks[-1] == (20, 20)
    for query in ("SELECT * FROM reading ORDER BY ALL", "SELECT * FROM latest ORDER BY ALL", "SELECT * FROM held"):
        assert second._query(query) == store._query(query)
    assert rebuild(archive, second, lambda _done, _total: None) == 40
    assert second.watermark() == store.watermark()
    second.close()


def test_a_gap_is_a_notice_until_it_is_filled(archive: FileArchive, notices: SqlNotices, projector: Projector) -> None:
    sealed = Chain().season(5)
    archive.append(headed([sealed[0], sealed[3], sealed[4]]))
    finish(projector)
    assert found(notices, Kind.CHAIN_GAP) == [("chain-gap", "gw-1/3", 1)]
    archive.append(headed(sealed[2:3]))
    finish(projector)
    assert found(notices, Kind.CHAIN_GAP) == [("chain-gap", "gw-1/2", 1)]
    archive.append(headed(sealed[1:2]))
    finish(projector)
    assert found(notices, Kind.CHAIN_GAP, Kind.CHAIN_FORK) == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "the later first"])
def test_a_header_that_does_not_name_the_one_before_it_is_a_fork(
    archive: FileArchive, notices: SqlNotices, projector: Projector, order: tuple[int, int]
) -> None:
    one, two = Chain(), Chain()
    one.season(1)
    two.seal(pack(50))
    two.seal(pack(51))
    pair = [one.sealed[0], two.sealed[1]]
    for place in order:
        archive.append(headed([pair[place]]))
        finish(projector)
    assert found(notices, Kind.CHAIN_FORK, Kind.CHAIN_GAP) == [("chain-fork", "gw-1/1", 1)]


def test_unknown_devices_metrics_and_flags_are_counted_and_still_stored(
    archive: FileArchive, store: DuckDBStore, notices: SqlNotices, projector: Projector
) -> None:
    chain = Chain()
    archive.append(
        headed(
            [
                chain.seal(pack(0, "stranger") + pack(1, "stranger")),
                chain.seal([reading(0, metric="soil_ph"), reading(1, flags=int(Flag.LATE | Flag.SPIKE))]),
            ]
        )
    )
    finish(projector)
    assert store.count() == 6
    assert found(notices, *Kind) == [
        ("flagged-readings", "soil-01 soil_moisture_10cm late", 1),
        ("flagged-readings", "soil-01 soil_moisture_10cm spike", 1),
        ("unknown-device", "stranger", 4),
        ("unknown-metric", "soil-01 soil_ph with 0 decimals", 1),
    ]


def test_a_segment_of_gaps_without_bound_is_one_notice_a_device(
    archive: FileArchive, notices: SqlNotices, projector: Projector
) -> None:
    most = (1 << 63) - 1
    gaps = [Gap("spool-full", f"d-{number % 3}", SESSION, 0, most) for number in range(4_096)]
    archive.append(headed([Chain().seal([], gaps=gaps)]))
    finish(projector)
    assert [row[1:] for row in found(notices, Kind.GATEWAY_GAP)] == [(f"d-{n}/{SESSION}", most) for n in range(3)]


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in 20 s"
        time.sleep(0.01)


def test_the_thread_survives_whatever_happens(
    archive: FileArchive, store: DuckDBStore, notices: SqlNotices, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles: list[Exception] = [StoreError("away"), DatabaseError("full"), ZeroDivisionError("a bug")]
    monkeypatch.setattr("cropmark_ingest.project.RETRY_SECONDS", 0.001)

    def known(_farm: str, _device: str) -> bool:
        if troubles:
            raise troubles.pop()
        return True

    projector = Projector(archive, store, notices, known=known)
    stop = threading.Event()
    thread = threading.Thread(target=projector.run, args=(stop,))
    thread.start()
    archive.append(headed(Chain().season(1)))
    projector.wake.set()
    eventually(lambda: notices.watermark() == 1 and projector.trouble is None)
    assert store.count() == 4
    stop.set()
    projector.wake.set()
    thread.join(10)
    assert not thread.is_alive()
