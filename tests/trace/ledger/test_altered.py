"""Whoever changes a byte in database, archive or bundle files: fsck names it, and no new bundle is issued from it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from cropmark_ingest.cose import public_bytes
from cropmark_ingest.segment import Segment
from cropmark_trace.publishing import NotIssuedError
from cropmark_trace.replay import Finding
from cropmark_trace.storage import AlteredError
from cropmark_trace.tree import MissingNodeError
from cropmark_trace.wiring import DATABASE, Trace
from tests.trace.ledger.world import GATEWAY, World, record_all


@contextmanager
def database(world: World) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(world.folder / DATABASE)) as connection, connection:
        yield connection


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def flip_in(world: World, table: str, column: str, where: str, at: int = 40) -> None:
    with database(world) as connection:
        ((data,),) = connection.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchall()
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (flip(data, at),))


def run(world: World, statement: str) -> None:
    with database(world) as connection:
        assert connection.execute(statement).rowcount > 0


def names(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.kind, finding.subject) for finding in findings}


def archived(world: World) -> list[Segment]:
    return world.archive.segments[public_bytes(GATEWAY)]


def change_record(world: World) -> None:
    flip_in(world, "record", "data", "step = 'harvest'", 700)


def change_record_and_keep_it_canonical(world: World) -> None:
    with database(world) as connection:
        ((data,),) = connection.execute("SELECT data FROM record WHERE step = 'harvest'").fetchall()
        connection.execute("UPDATE record SET data = ? WHERE step = 'harvest'", (data.replace(b"820.5", b"920.5"),))


def change_key_record(world: World) -> None:
    with database(world) as connection:
        found = connection.execute("SELECT number, data FROM record WHERE batch IS NULL").fetchall()
        number, data = next(row for row in found if b'"role":"grower","use"' in row[1])
        connection.execute("UPDATE record SET data = ? WHERE number = ?", (data.replace(b"Grower", b"Rower"), number))


def change_entry(world: World) -> None:
    flip_in(world, "leaf", "data", "number = (SELECT number FROM record WHERE step = 'harvest')")


def change_entry_of_somebody_else(world: World) -> None:
    flip_in(world, "leaf", "data", "number = 0")


def change_node(world: World) -> None:
    flip_in(world, "node", "hash", "level = 2 AND number = 0", 3)


def drop_node(world: World) -> None:
    run(world, "DELETE FROM node WHERE level = 2 AND number = 0")


def change_checkpoint(world: World) -> None:
    with database(world) as connection:
        where = "size = (SELECT max(size) FROM checkpoint)"
        ((note,),) = connection.execute(f"SELECT note FROM checkpoint WHERE {where}").fetchall()
        connection.execute(f"UPDATE checkpoint SET note = ? WHERE {where}", (flip(note, note.index(b"\n\n") - 5),))


def change_checkpoints_root(world: World) -> None:
    flip_in(world, "checkpoint", "root", "size = (SELECT max(size) FROM checkpoint)", 3)


def drop_newest_record(world: World) -> None:
    run(world, "DELETE FROM record WHERE step = 'packing'")


def drop_record_in_the_middle(world: World) -> None:
    run(world, "DELETE FROM record WHERE step = 'input'")


def drop_key(world: World) -> None:
    run(world, "DELETE FROM registered_key WHERE role = 'grower'")


def move_header_tree(world: World) -> None:
    flip_in(world, "header_tree", "root", "size = 8", 3)


def change_segment(world: World) -> None:
    chain = archived(world)
    chain[3] = Segment(chain[3].header, flip(chain[3].body, len(chain[3].body) // 2))


def change_header(world: World) -> None:
    chain = archived(world)
    chain[3] = Segment(flip(chain[3].header, 60), chain[3].body)


def lose_segment(world: World) -> None:
    archived(world).pop()


STOPS: list[tuple[Callable[[World], None], set[str], str]] = [
    (change_record, {"record"}, "harvest of batch"),
    (change_record_and_keep_it_canonical, {"record"}, "harvest of batch"),
    (change_key_record, {"record"}, "entry 0 of the log"),
    (change_entry, {"entry", "record"}, "entry 6 of the log"),
    (change_entry_of_somebody_else, {"entry", "record"}, "entry 0|do not give the root"),
    (drop_node, {"node"}, "node 0 of level 2"),
    (change_node, {"node"}, "fails log"),
    (change_checkpoint, {"checkpoint"}, "checkpoint of size"),
    (change_checkpoints_root, {"checkpoint"}, "checkpoint of size"),
    (drop_newest_record, {"record"}, "the newest of batch"),
    (drop_record_in_the_middle, {"record", "batch"}, "fails chain"),
    (drop_key, {"key"}, "key record of"),
    (move_header_tree, {"segments"}, "entry 5 of the log"),
    (change_segment, {"archive"}, "segment 3 of gateway gw-1"),
    (change_header, {"archive"}, "segment 3 of gateway"),
    (lose_segment, {"archive"}, "7 of the 8 headers"),
]


@pytest.mark.parametrize(("change", "kinds", "reason"), STOPS, ids=[change.__name__ for change, _, _ in STOPS])
def test_an_alteration_is_named_and_stops_new_bundles(
    world: World, farmed: Trace, change: Callable[[World], None], kinds: set[str], reason: str
) -> None:
    batch = record_all(farmed)
    farmed.batches.publish("demo", batch)
    assert list(farmed.fsck()) == []
    bundles = len(list((world.folder / "bundles").iterdir()))
    change(world)
    findings = list(farmed.fsck())
    assert kinds <= {finding.kind for finding in findings}, findings
    with pytest.raises((AlteredError, NotIssuedError, MissingNodeError), match=reason):
        farmed.batches.publish("demo", batch)
    assert len(list((world.folder / "bundles").iterdir())) == bundles


def test_a_changed_record_is_named_by_its_id_and_entry(world: World, farmed: Trace) -> None:
    batch = record_all(farmed)
    detail = farmed.batches.get(batch)
    assert detail is not None
    index, harvest = detail.records[2]
    change_record_and_keep_it_canonical(world)
    findings = [finding for finding in farmed.fsck() if finding.subject == harvest.id.hex()]
    assert findings
    assert f"entry {index} (harvest of batch {batch})" in findings[0].detail


def test_a_changed_entry_is_named_and_what_follows_from_it_is_not_told_a_hundred_times(
    world: World, farmed: Trace
) -> None:
    record_all(farmed)
    change_entry_of_somebody_else(world)
    findings = list(farmed.fsck())
    assert ("entry", "entry 0") in names(findings)
    assert not [finding for finding in findings if finding.kind == "node"]


def test_every_changed_segment_is_named(world: World, farmed: Trace) -> None:
    record_all(farmed)
    chain = archived(world)
    for seq in (1, 4):
        chain[seq] = Segment(chain[seq].header, flip(chain[seq].body, 20))
    details = [finding.subject for finding in farmed.fsck()]
    assert [subject.rpartition(" ")[2] for subject in details] == ["1", "4"]


def test_an_archive_that_is_no_longer_the_logged_one_stops_the_next_harvest(world: World, farmed: Trace) -> None:
    record_all(farmed)
    rewritten = World(world.folder).archive
    rewritten.fill(GATEWAY, ["air-1"], 60)
    world.archive.segments = rewritten.segments
    with pytest.raises(AlteredError, match="are not the logged ones"):
        record_all(farmed)


def test_a_batch_head_set_back_with_its_newest_record_removed_is_found(world: World, farmed: Trace) -> None:
    batch = record_all(farmed)
    run(world, "UPDATE batch SET head = (SELECT id FROM record WHERE step = 'harvest')")
    run(world, "DELETE FROM record WHERE step = 'packing'")
    findings = names(list(farmed.fsck()))
    assert [kind for kind, _ in findings] == ["record"]
    del batch


def test_a_changed_or_lost_bundle_file_is_named_and_not_served(world: World, farmed: Trace) -> None:
    batch = record_all(farmed)
    digest = farmed.batches.publish("demo", batch).sha256
    file = world.folder / "bundles" / f"{digest}.json"
    file.write_bytes(flip(file.read_bytes(), 90))
    with pytest.raises(AlteredError, match="was changed"):
        farmed.bundles.read(digest)
    assert names(list(farmed.fsck())) == {("bundle", digest)}
    file.unlink()
    assert "publish it again" in next(iter(farmed.fsck())).detail
    assert farmed.batches.publish("demo", batch).sha256 == digest
    assert list(farmed.fsck()) == []


def test_a_chain_that_lost_or_changed_an_anchor_is_named(world: World, farmed: Trace) -> None:
    farmed.batches.publish("demo", record_all(farmed))
    world.chain.blocks[0] = (world.chain.blocks[0][0], bytes(32))
    assert "holds root 0000" in next(iter(farmed.fsck())).detail
    world.chain.blocks.clear()
    assert "holds no root" in next(iter(farmed.fsck())).detail
    world.chain.down = True
    assert [finding.kind for finding in farmed.fsck()] == ["not-checked"]
