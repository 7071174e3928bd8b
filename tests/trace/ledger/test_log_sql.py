"""The log on SQLite: what was appended is there after a restart, once, or not at all."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import event, text

from cropmark_ingest import merkle
from cropmark_trace import tree
from cropmark_trace.database import Database, SchemaError, sqlite_engine
from cropmark_trace.records_sql import SqlStore
from cropmark_trace.storage import Change, Head, HeadMovedError, StorageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace" / "records.sqlite"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    database = Database(sqlite_engine(file))
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> SqlStore:
    return SqlStore(database)


def change(store: SqlStore, data: Sequence[bytes]) -> Change:
    head = store.head()
    size = head.size if head else 0
    edge = store.nodes(tree.cover(0, size))
    nodes = tree.grow(edge, size, merkle.leaf_hashes(data))
    everything = merkle.leaf_hashes([*store.leaves(0, size), *data])
    new = Head(size + len(data), merkle.root(everything), f"checkpoint {size + len(data)}".encode())
    return Change(head.size if head else -1, new, data, nodes)


def append(store: SqlStore, *data: bytes) -> None:
    store.commit(change(store, data))


def test_leaves_nodes_and_checkpoints_are_there_after_a_restart(file: Path) -> None:
    first = Database(sqlite_engine(file))
    store = SqlStore(first)
    append(store)
    append(store, b"one", b"two", b"three")
    append(store, b"four")
    first.close()
    second = Database(sqlite_engine(file))
    store = SqlStore(second)
    leaves = [b"one", b"two", b"three", b"four"]
    assert store.leaves(0, 9) == leaves
    assert [head.size for head in store.checkpoints()] == [0, 3, 4]
    head = store.head()
    assert head is not None
    assert head.root == tree.root(store, 4) == merkle.root(merkle.leaf_hashes(leaves))
    second.close()


def test_of_two_writers_on_one_head_the_second_changes_nothing(store: SqlStore) -> None:
    append(store)
    mine, yours = change(store, [b"mine"]), change(store, [b"yours"])
    store.commit(mine)
    with pytest.raises(HeadMovedError, match="no longer has 0 leaves"):
        store.commit(yours)
    assert store.leaves(0, 9) == [b"mine"]


def test_of_two_that_start_the_log_the_second_changes_nothing(store: SqlStore) -> None:
    mine, yours = change(store, [b"mine"]), change(store, [b"yours"])
    store.commit(mine)
    with pytest.raises(HeadMovedError, match="started by somebody else"):
        store.commit(yours)
    assert store.leaves(0, 9) == [b"mine"]


def test_more_nodes_than_one_question_holds_are_read(store: SqlStore) -> None:
    append(store, *[number.to_bytes(2, "big") for number in range(700)])
    assert len(store.nodes([(0, number) for number in range(800)])) == 700


def test_a_schema_of_another_version_is_refused(file: Path, database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE schema_version SET version = 99"))
    database.close()
    engine = sqlite_engine(file)
    with pytest.raises(SchemaError, match="schema 99"):
        Database(engine)
    engine.dispose()


def test_every_commit_is_flushed_to_the_disk(database: Database) -> None:
    with database.reading() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_an_append_that_fails_at_any_statement_leaves_the_log_as_it_was(file: Path) -> None:
    """Fail statement after statement with the driver's own error; look at the whole tree after each."""
    engine = sqlite_engine(file)
    database = Database(engine)
    store = SqlStore(database)
    append(store, b"one", b"two", b"three")
    countdown = [0]

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _break(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> tuple[str, object]:
        countdown[0] -= 1
        return ("THIS IS NOT SQL", ()) if countdown[0] == 0 else (statement, parameters)

    failures = 0
    for step in range(1, 50):
        new = change(store, [b"four", b"five"])
        countdown[0] = step
        try:
            store.commit(new)
        except StorageError:
            failures += 1
            countdown[0] = 0
            head = store.head()
            assert head is not None
            assert head.size == 3
            assert store.leaves(0, 9) == [b"one", b"two", b"three"]
            assert tree.root(store, 3) == head.root
            continue
        break
    countdown[0] = 0
    assert failures >= 5, "BEGIN, head, checkpoint, leaves, nodes"
    assert store.leaves(0, 9) == [b"one", b"two", b"three", b"four", b"five"]
    database.close()
