"""What the devices keep across a restart: session, counter, battery, and every pack that nobody has acknowledged yet.

One SQLite file for all simulated devices. A sample, its counter and its pack are one transaction, committed before the
pack is published: a process killed at any moment sends each sample once, under one counter.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE device (
  id TEXT PRIMARY KEY, session TEXT NOT NULL, counter INTEGER NOT NULL, next_sample INTEGER NOT NULL,
  charge REAL NOT NULL, packs INTEGER NOT NULL DEFAULT 0, readings INTEGER NOT NULL DEFAULT 0,
  acked_packs INTEGER NOT NULL DEFAULT 0, acked_readings INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE pack (
  device TEXT NOT NULL, counter INTEGER NOT NULL, time INTEGER NOT NULL, readings INTEGER NOT NULL,
  payload BLOB NOT NULL, PRIMARY KEY (device, counter)
) STRICT, WITHOUT ROWID;
"""


class StoreError(RuntimeError):
    """The devices' file cannot be used."""


@dataclass(slots=True)
class Saved:
    """One device's lasting state."""

    id: str
    session: str
    counter: int
    next_sample: int
    charge: float


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that waits for its acknowledgement."""

    device: str
    counter: int
    time: int
    readings: int
    payload: bytes


class Store:
    """The devices' file; used by one thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)
        run = self._database.execute
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        (version,) = run("PRAGMA user_version").fetchone()
        if version == 0:
            self._database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
        elif version != SCHEMA_VERSION:
            raise StoreError(f"{path} was written by another version of the simulator ({version}); use another folder")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def load(self, device: str) -> Saved | None:
        """Return a device's state, or None if it has never run."""
        row = self._database.execute(
            "SELECT id, session, counter, next_sample, charge FROM device WHERE id = ?", (device,)
        ).fetchone()
        return None if row is None else Saved(*row)

    def waiting(self, device: str) -> list[Pack]:
        """Return the packs that wait for an acknowledgement, in order."""
        rows = self._database.execute(
            "SELECT device, counter, time, readings, payload FROM pack WHERE device = ? ORDER BY counter", (device,)
        )
        return [Pack(*row) for row in rows]

    def save(
        self, states: Iterable[Saved], new: Iterable[Pack], acked: Iterable[Pack], dropped: Iterable[Pack]
    ) -> None:
        """Write a tick's changes in one transaction; they are on the disk when this returns."""
        run, many = self._database.execute, self._database.executemany
        run("BEGIN IMMEDIATE")
        try:
            many(
                "INSERT INTO device (id, session, counter, next_sample, charge) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET session = excluded.session, counter = excluded.counter, "
                "next_sample = excluded.next_sample, charge = excluded.charge",
                [(state.id, state.session, state.counter, state.next_sample, state.charge) for state in states],
            )
            new, acked, dropped = list(new), list(acked), list(dropped)
            many(
                "INSERT INTO pack VALUES (?, ?, ?, ?, ?)",
                [(item.device, item.counter, item.time, item.readings, item.payload) for item in new],
            )
            many(
                "DELETE FROM pack WHERE device = ? AND counter = ?",
                [(item.device, item.counter) for item in (*acked, *dropped)],
            )
            for items, packs, readings in ((new, "packs", "readings"), (acked, "acked_packs", "acked_readings")):
                more = f"{packs} = {packs} + 1, {readings} = {readings} + ?"
                add = f"UPDATE device SET {more} WHERE id = ?"  # noqa: S608 - our own names
                many(add, [(item.readings, item.device) for item in items])
            many("UPDATE device SET dropped = dropped + 1 WHERE id = ?", [(item.device,) for item in dropped])
        except BaseException:
            run("ROLLBACK")
            raise
        run("COMMIT")

    def totals(self) -> dict[str, int]:
        """Return packs, readings, acked_packs, acked_readings, dropped over all devices and restarts."""
        names = ("packs", "readings", "acked_packs", "acked_readings", "dropped")
        columns = ", ".join(f"coalesce(sum({name}), 0)" for name in names)
        row = self._database.execute(f"SELECT {columns} FROM device").fetchone()  # noqa: S608 - ours
        return dict(zip(names, row, strict=True))
