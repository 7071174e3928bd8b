"""The spool keeps what it took in, whatever is killed, and its parts change together or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cropmark_gateway.spool import Message, Quarantined, Sealing, SpoolError
from cropmark_gateway.spool_sqlite import SqliteSpool
from cropmark_ingest.counters import Counters
from cropmark_ingest.segment import Gap, Segment

SOURCE = ("soil-1", "9f2c51aa07be3d44")


def message(number: int) -> Message:
    return Message("cropmark/v1/farm/soil-1/up", b"payload %d" % number, 1_000 + number)


def sealing(seq: int, upto: int, **more: object) -> Sealing:
    fields: dict[str, object] = {
        "seq": seq, "segment": Segment(b"header %d" % seq, b"body %d" % seq), "digest": bytes([seq]) * 32,
        "readings": 2, "upto": upto, "held": {SOURCE: Counters([(0, upto)])}, **more,
    }  # fmt: skip
    return Sealing(**fields)  # type: ignore[arg-type]  # by name


@pytest.fixture
def spool(tmp_path: Path) -> SqliteSpool:
    return SqliteSpool(tmp_path / "spool.sqlite")


def test_messages_come_out_in_the_order_they_came_in(spool: SqliteSpool) -> None:
    spool.put([message(1), message(2)])
    spool.put([message(3)])
    stored = spool.inbox(0, 10)
    assert [item.message for item in stored] == [message(1), message(2), message(3)]
    assert [item.message for item in spool.inbox(stored[1].id, 10)] == [message(3)]
    spool.close()


def test_sealing_takes_the_segment_in_and_its_messages_out_together(spool: SqliteSpool) -> None:
    spool.put([message(1), message(2), message(3)])
    spool.seal(sealing(0, 2))
    assert [item.id for item in spool.inbox(0, 10)] == [3]
    assert spool.last_header() == (0, bytes(32))
    assert spool.held() == {SOURCE: Counters([(0, 2)])}
    with pytest.raises(SpoolError):
        spool.seal(sealing(0, 3))
    assert [item.id for item in spool.inbox(0, 10)] == [3], "a seal that failed took nothing out"
    spool.close()


def test_only_the_receipt_for_this_very_header_frees_the_body(spool: SqliteSpool) -> None:
    spool.seal(sealing(0, 0))
    assert not spool.receipted(0, b"x" * 32, "archived")
    assert not spool.receipted(1, bytes(32), "archived")
    assert [item.seq for item in spool.waiting(10)] == [0]
    assert spool.receipted(0, bytes(32), "archived")
    assert spool.waiting(10) == []
    assert not spool.receipted(0, bytes(32), "archived"), "a second receipt changes nothing"
    spool.close()


def test_the_newest_segments_go_first(spool: SqliteSpool) -> None:
    for seq in range(4):
        spool.seal(sealing(seq, 0))
    assert [item.seq for item in spool.waiting(2)] == [3, 2]
    assert [item.seq for item in spool.waiting(2, exclude=[3, 2])] == [1, 0]
    spool.close()


def test_a_body_given_up_becomes_gaps_that_travel_once(spool: SqliteSpool) -> None:
    spool.seal(sealing(0, 0))
    gap = Gap("spool-full", *SOURCE, 0, 5)
    spool.give_up(0, [gap])
    assert spool.oldest_body() is None
    assert spool.waiting(1)[0].segment.body == b""
    told, gaps = spool.gaps(10)
    assert gaps == [gap]
    spool.seal(sealing(1, 0, gaps_told=told))
    assert spool.gaps(10) == (0, [])
    spool.close()


def test_quarantine_keeps_the_bytes_and_the_reason(spool: SqliteSpool) -> None:
    spool.settle(sealing(0, 0, quarantine=[Quarantined(message(1), "undecodable", "not JSON")]))
    ((number, item),) = spool.quarantine()
    assert item == Quarantined(message(1), "undecodable", "not JSON")
    assert spool.quarantined(number) == item
    assert spool.quarantined(number + 1) is None
    spool.close()


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "spool.sqlite"
    SqliteSpool(file).close()
    import sqlite3  # noqa: PLC0415

    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(SpoolError, match="another version"):
        SqliteSpool(file)


KILLED = """
import sys
from pathlib import Path
from cropmark_gateway.spool import Message
from cropmark_gateway.spool_sqlite import SqliteSpool
spool = SqliteSpool(Path(sys.argv[1]))
number = 0
while True:
    spool.put([Message("t", b"%d" % number, 0)])
    print(number, flush=True)
    number += 1
"""


def test_what_put_returned_for_survives_kill_9(tmp_path: Path) -> None:
    file = tmp_path / "spool.sqlite"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        acknowledged = -1
        while acknowledged < 50:
            acknowledged = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        for line in child.stdout:
            acknowledged = int(line)
    spool = SqliteSpool(file)
    kept = [int(item.message.payload) for item in spool.inbox(0, 100_000)]
    spool.close()
    assert kept == list(range(len(kept)))
    assert len(kept) > acknowledged
