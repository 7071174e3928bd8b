"""The spool in SQLite: one file, ``synchronous=FULL``, one connection behind one lock.

What a method wrote is on the disk when it returns. Commits take well under a millisecond, and the MQTT callbacks never
come here, so nothing is gained by more connections.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cropmark_gateway.spool import Message, Quarantined, Sealing, SpoolError, Stored, Waiting
from cropmark_ingest.counters import Counters
from cropmark_ingest.segment import Gap, Segment

SCHEMA_VERSION: Final = 1
MAX_QUARANTINE_ROWS: Final = 10_000
MAX_QUARANTINE_BYTES: Final = 32 * 1024 * 1024
KEPT_DIGESTS: Final = 4_096
"""How many of a session's newest counters keep the digest that tells a duplicate from a counter used twice."""
_SCHEMA: Final = """
CREATE TABLE inbox (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL,
  arrived INTEGER NOT NULL) STRICT;
CREATE TABLE segment (seq INTEGER PRIMARY KEY, header BLOB NOT NULL, digest BLOB NOT NULL, body BLOB,
  readings INTEGER NOT NULL, outcome TEXT) STRICT;
CREATE INDEX segment_waiting ON segment (seq) WHERE outcome IS NULL;
CREATE TABLE held (device TEXT NOT NULL, session TEXT NOT NULL, counters TEXT NOT NULL,
  PRIMARY KEY (device, session)) STRICT, WITHOUT ROWID;
CREATE TABLE digest (device TEXT NOT NULL, session TEXT NOT NULL, counter INTEGER NOT NULL, digest BLOB NOT NULL,
  PRIMARY KEY (device, session, counter)) STRICT, WITHOUT ROWID;
CREATE TABLE gap (id INTEGER PRIMARY KEY, reason TEXT NOT NULL, device TEXT NOT NULL, session TEXT NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;
CREATE TABLE quarantine (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL,
  arrived INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
CREATE TABLE count (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""


class SqliteSpool:
    """The spool in one file; see the port :class:`cropmark_gateway.spool.Spool`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
        except sqlite3.Error as error:
            raise SpoolError(f"{path} cannot be opened: {error}. Check the disk, or move the file aside.") from error
        if version not in {0, SCHEMA_VERSION}:
            raise SpoolError(f"{path} was written by another version of Cropmark (schema {version})")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _write(self, changes: Callable[[sqlite3.Connection], None]) -> None:
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    changes(self._database)
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise SpoolError(f"{self._path} could not be written: {error}. Free space on its disk.") from error

    def _rows(self, query: str, arguments: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(query, arguments).fetchall()

    def put(self, messages: Sequence[Message]) -> None:
        """Keep messages, in order; they are durable when this returns, and only then may they be acknowledged."""
        rows = [(message.topic, message.payload, message.arrived) for message in messages]

        def changes(database: sqlite3.Connection) -> None:
            database.executemany("INSERT INTO inbox (topic, payload, arrived) VALUES (?, ?, ?)", rows)
            _count(database, {"received": len(rows)})

        self._write(changes)

    def inbox(self, after: int, limit: int) -> list[Stored]:
        """Return up to ``limit`` messages that came after row ``after``."""
        rows = self._rows(
            "SELECT id, topic, payload, arrived FROM inbox WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return [Stored(row[0], Message(row[1], row[2], row[3])) for row in rows]

    def seal(self, sealing: Sealing) -> None:
        """Take a segment in and its inbox rows out, in one transaction."""

        def changes(database: sqlite3.Connection) -> None:
            database.execute(
                "INSERT INTO segment (seq, header, digest, body, readings) VALUES (?, ?, ?, ?, ?)",
                (sealing.seq, sealing.segment.header, sealing.digest, sealing.segment.body, sealing.readings),
            )
            _settle(database, sealing)

        self._write(changes)

    def settle(self, sealing: Sealing) -> None:
        """Do what :meth:`seal` does without a segment: everything in these rows was a duplicate or unreadable."""
        self._write(lambda database: _settle(database, sealing))

    def last_header(self) -> tuple[int, bytes] | None:
        """Return number and digest of the last sealed segment."""
        rows = self._rows("SELECT seq, digest FROM segment ORDER BY seq DESC LIMIT 1")
        return (rows[0][0], rows[0][1]) if rows else None

    def held(self) -> dict[tuple[str, str], Counters]:
        """Return which counters are sealed, by device and session."""
        rows = self._rows("SELECT device, session, counters FROM held")
        return {(row[0], row[1]): Counters(map(tuple, json.loads(row[2]))) for row in rows}

    def digest(self, device: str, session: str, counter: int) -> bytes | None:
        """Return the digest of the payload that a counter was sealed with, if it is still remembered."""
        rows = self._rows(
            "SELECT digest FROM digest WHERE device = ? AND session = ? AND counter = ?", (device, session, counter)
        )
        return rows[0][0] if rows else None

    def gaps(self, limit: int) -> tuple[int, list[Gap]]:
        """Return gaps that have not travelled yet, and the id of the last of them (0 for none)."""
        rows = self._rows("SELECT id, reason, device, session, first, last FROM gap ORDER BY id LIMIT ?", (limit,))
        gaps = [Gap(row[1], row[2], row[3], row[4], row[5]) for row in rows]
        return (rows[-1][0] if rows else 0), gaps

    def waiting(self, limit: int, exclude: Iterable[int] = ()) -> list[Waiting]:
        """Return up to ``limit`` segments without a receipt, the newest first, but not those in ``exclude``."""
        skipped = ",".join(str(int(seq)) for seq in exclude)
        rows = self._rows(
            f"SELECT seq, digest, header, body FROM segment WHERE outcome IS NULL AND seq NOT IN ({skipped}) "  # noqa: S608 - whole numbers
            "ORDER BY seq DESC LIMIT ?",
            (limit,),
        )
        return [Waiting(row[0], row[1], Segment(row[2], row[3] or b"")) for row in rows]

    def receipted(self, seq: int, digest: bytes, outcome: str) -> bool:
        """Free the body of segment ``seq`` if ``digest`` is its header's; tell whether it was."""
        freed = False

        def changes(database: sqlite3.Connection) -> None:
            nonlocal freed
            cursor = database.execute(
                "UPDATE segment SET body = NULL, outcome = ? WHERE seq = ? AND digest = ? AND outcome IS NULL",
                (outcome, seq, digest),
            )
            freed = cursor.rowcount == 1
            if freed:
                _count(database, {f"receipt-{outcome}": 1})

        self._write(changes)
        return freed

    def give_up(self, seq: int, gaps: Sequence[Gap]) -> None:
        """Drop the body of a waiting segment for want of room, and remember the gaps to tell upstream."""

        def changes(database: sqlite3.Connection) -> None:
            database.execute("UPDATE segment SET body = NULL WHERE seq = ?", (seq,))
            _add_gaps(database, gaps)
            _count(database, {"bodies-given-up": 1})

        self._write(changes)

    def oldest_body(self) -> Waiting | None:
        """Return the oldest waiting segment that still has its body."""
        rows = self._rows(
            "SELECT seq, digest, header, body FROM segment WHERE outcome IS NULL AND body IS NOT NULL "
            "ORDER BY seq LIMIT 1"
        )
        return Waiting(rows[0][0], rows[0][1], Segment(rows[0][2], rows[0][3])) if rows else None

    def bytes_kept(self) -> int:
        """Return how many bytes of payloads and bodies wait."""
        ((kept,),) = self._rows(
            "SELECT (SELECT coalesce(sum(length(payload)), 0) FROM inbox)"
            " + (SELECT coalesce(sum(length(body)), 0) FROM segment WHERE outcome IS NULL)"
        )
        return int(kept)

    def count(self, **changes: int) -> None:
        """Add to the lasting counts."""
        self._write(
            lambda database: _count(database, {name.replace("_", "-"): value for name, value in changes.items()})
        )

    def counts(self) -> dict[str, int]:
        """Return the lasting counts by name."""
        return {row[0]: row[1] for row in self._rows("SELECT name, value FROM count ORDER BY name")}

    def status(self) -> dict[str, int]:
        """Return how much waits where."""
        (row,) = self._rows(
            "SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM segment), "
            "(SELECT count(*) FROM segment WHERE outcome IS NULL), (SELECT coalesce(sum(readings), 0) FROM segment), "
            "(SELECT count(*) FROM quarantine)"
        )
        names = ("undecoded", "sealed", "unreceipted", "readings", "quarantined")
        return {**dict(zip(names, (value for value in row), strict=True)), "bytes": self.bytes_kept()}

    def quarantine(self, limit: int = 100) -> list[tuple[int, Quarantined]]:
        """Return the newest quarantined messages with their numbers."""
        rows = self._rows(
            "SELECT id, topic, payload, arrived, reason, detail FROM quarantine ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [(row[0], Quarantined(Message(row[1], row[2], row[3]), row[4], row[5])) for row in rows]

    def quarantined(self, number: int) -> Quarantined | None:
        """Return one quarantined message."""
        rows = self._rows("SELECT topic, payload, arrived, reason, detail FROM quarantine WHERE id = ?", (number,))
        if not rows:
            return None
        topic, payload, arrived, reason, detail = rows[0]
        return Quarantined(Message(topic, payload, arrived), reason, detail)


def _count(database: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    database.executemany(
        "INSERT INTO count VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        [(name, value) for name, value in counts.items() if value],
    )


def _add_gaps(database: sqlite3.Connection, gaps: Iterable[Gap]) -> None:
    database.executemany(
        "INSERT INTO gap (reason, device, session, first, last) VALUES (?, ?, ?, ?, ?)",
        [(gap.reason, gap.device, gap.session, gap.first, gap.last) for gap in gaps],
    )


def _settle(database: sqlite3.Connection, sealing: Sealing) -> None:
    database.execute("DELETE FROM inbox WHERE id <= ?", (sealing.upto,))
    database.executemany(
        "INSERT INTO held VALUES (?, ?, ?) ON CONFLICT (device, session) DO UPDATE SET counters = excluded.counters",
        [(device, session, json.dumps(list(counters))) for (device, session), counters in sealing.held.items()],
    )
    database.executemany("INSERT OR IGNORE INTO digest VALUES (?, ?, ?, ?)", sealing.digests)
    database.executemany(
        "DELETE FROM digest WHERE device = ? AND session = ? AND counter < ?",
        [(device, session, counters.highest - KEPT_DIGESTS) for (device, session), counters in sealing.held.items()],
    )
    database.execute("DELETE FROM gap WHERE id <= ?", (sealing.gaps_told,))
    database.executemany(
        "INSERT INTO quarantine (topic, payload, arrived, reason, detail) VALUES (?, ?, ?, ?, ?)",
        [
            (item.message.topic, item.message.payload, item.message.arrived, item.reason, item.detail[:500])
            for item in sealing.quarantine
        ],
    )
    if sealing.quarantine:
        _bound_quarantine(database)
    _count(database, sealing.counts)


def _bound_quarantine(database: sqlite3.Connection) -> None:
    """Let the oldest go when there are too many; how many there ever were stays counted by reason."""
    database.execute("DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (MAX_QUARANTINE_ROWS,))
    database.execute(
        "DELETE FROM quarantine WHERE id IN (SELECT id FROM "
        "(SELECT id, sum(length(payload)) OVER (ORDER BY id DESC) AS kept FROM quarantine) WHERE kept > ?)",
        (MAX_QUARANTINE_BYTES,),
    )
