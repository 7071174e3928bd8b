"""The SQLite file that holds the embedded chain: its key-value store, a few named facts, and the index of anchors.

A block's writes and its row in the index are one SQLite transaction with ``synchronous=FULL``: after a kill at any time
the file opens at the last block whose ``writing`` had ended. One process at a time: the file is locked exclusively, and
the lock goes with the process. Not thread-safe by itself: ``embedded_chain`` keeps other threads out.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from cropmark_contracts.registry import ChainUnavailable

SCHEMA = b"1"
_LOCK_WAIT_SECONDS = 3

_TABLES = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entry (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS anchor (
  log_id BLOB NOT NULL, size BLOB NOT NULL, root BLOB NOT NULL, block INTEGER NOT NULL, block_hash BLOB NOT NULL,
  txn BLOB NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (log_id, size)
) WITHOUT ROWID;
"""

# log id, size, root, block, block hash, transaction, time
AnchorRow = tuple[bytes, int, bytes, int, bytes, bytes, int]


class ChainFile:
    """An open chain file; made when absent, readable by its owner only because it holds the chain's key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(path, timeout=_LOCK_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise ChainUnavailable(f"the chain file {path} cannot be opened: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            if "locked" in str(error):
                raise ChainUnavailable(
                    f"another process has the chain file {path} open; stop it, or ask it over HTTP instead"
                ) from error
            raise ChainUnavailable(
                f"{path} is not a sound chain file ({error}); restore it from a backup, or move it away for a new chain"
            ) from error
        except ChainUnavailable:
            self._db.close()
            raise

    def _prepare(self) -> None:
        # Exclusive before the first read: then SQLite keeps the lock, and the journal needs no shared memory.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        with self.writing():
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
            found = self.fact("schema")
            if found is None:
                self.set_fact("schema", SCHEMA)
            elif found != SCHEMA:
                raise ChainUnavailable(
                    f"{self.path} has schema {found.decode('ascii', 'replace')}, this program knows {SCHEMA.decode()}: "
                    "use the version of Cropmark that made it"
                )

    def close(self) -> None:
        """Close the file and give the lock back."""
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make everything inside durable at the end, or, when an exception leaves the block, undo all of it."""
        self._db.execute("BEGIN EXCLUSIVE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # SQLite may have rolled back by itself (a full disk); then there is nothing left to undo.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def fact(self, name: str) -> bytes | None:
        """Return a named fact, or None."""
        return self._one("SELECT value FROM fact WHERE name = ?", name)

    def set_fact(self, name: str, value: bytes) -> None:
        """Set a named fact."""
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def get(self, key: bytes) -> bytes | None:
        """Return the chain's entry under a key, or None."""
        return self._one("SELECT value FROM entry WHERE key = ?", key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set the chain's entry under a key."""
        self._db.execute("INSERT OR REPLACE INTO entry VALUES (?, ?)", (key, value))

    def remove(self, key: bytes) -> bool:
        """Remove the chain's entry under a key; False when there was none."""
        return self._db.execute("DELETE FROM entry WHERE key = ?", (key,)).rowcount == 1

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every entry of the chain, in order of key."""
        yield from self._db.execute("SELECT key, value FROM entry ORDER BY key")

    def add_anchor(self, row: AnchorRow) -> None:
        """Index an anchor."""
        log_id, size, *rest = row
        # Eight bytes, big-endian, order as the number does; SQLite's own integers end at 2^63.
        self._db.execute("INSERT INTO anchor VALUES (?, ?, ?, ?, ?, ?, ?)", (log_id, size.to_bytes(8, "big"), *rest))

    def anchor(self, log_id: bytes, size: int) -> AnchorRow | None:
        """Return the indexed anchor of a log at a size, or None."""
        return next(self._anchors("WHERE log_id = ? AND size = ?", log_id, size.to_bytes(8, "big")), None)

    def latest_anchor(self, log_id: bytes) -> AnchorRow | None:
        """Return the indexed anchor of greatest size, or None."""
        return next(self._anchors("WHERE log_id = ? ORDER BY size DESC LIMIT 1", log_id), None)

    def anchors(self, log_id: bytes | None = None) -> Iterator[AnchorRow]:
        """Yield all indexed anchors, or those of one log, by log and size."""
        if log_id is None:
            yield from self._anchors("ORDER BY log_id, size")
        else:
            yield from self._anchors("WHERE log_id = ? ORDER BY size", log_id)

    def _anchors(self, clause: str, *arguments: bytes) -> Iterator[AnchorRow]:
        columns = "SELECT log_id, size, root, block, block_hash, txn, time FROM anchor "
        for log_id, size, *rest in self._db.execute(columns + clause, arguments):
            yield cast("AnchorRow", (log_id, int.from_bytes(size, "big"), *rest))

    def _one(self, query: str, argument: str | bytes) -> bytes | None:
        row: tuple[bytes] | None = self._db.execute(query, (argument,)).fetchone()
        return None if row is None else row[0]
