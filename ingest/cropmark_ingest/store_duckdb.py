"""The embedded store: one DuckDB file. One process may open it; threads of that process read while one writes.

Once-only is by counter ranges for each farm, device and session, in the same transaction as the rows (ADR 3).
"""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from cropmark_ingest.counters import Counters
from cropmark_ingest.reading import Reading
from cropmark_ingest.store import Bucket, Latest, StoreError

SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (version INTEGER NOT NULL, watermark BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS reading (
  farm VARCHAR NOT NULL, device VARCHAR NOT NULL, metric VARCHAR NOT NULL, time BIGINT NOT NULL,
  mantissa BIGINT NOT NULL, decimals TINYINT NOT NULL, flags USMALLINT NOT NULL, session VARCHAR NOT NULL,
  counter BIGINT NOT NULL, index USMALLINT NOT NULL, gateway_time BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS held (farm VARCHAR NOT NULL, device VARCHAR NOT NULL, session VARCHAR NOT NULL,
  counters VARCHAR NOT NULL, PRIMARY KEY (farm, device, session));
CREATE TABLE IF NOT EXISTS latest (farm VARCHAR NOT NULL, device VARCHAR NOT NULL, metric VARCHAR NOT NULL,
  time BIGINT NOT NULL, mantissa BIGINT NOT NULL, decimals TINYINT NOT NULL, flags USMALLINT NOT NULL,
  PRIMARY KEY (farm, device, metric));
"""
_COLUMNS: Final = (
    ("farm", pa.string()), ("device", pa.string()), ("metric", pa.string()), ("time", pa.int64()),
    ("mantissa", pa.int64()), ("decimals", pa.int8()), ("flags", pa.uint16()), ("session", pa.string()),
    ("counter", pa.int64()), ("index", pa.uint16()), ("gateway_time", pa.int64()),
)  # fmt: skip
_Source = tuple[str, str, str]


class DuckDBStore:
    """The store in one file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write_lock = threading.Lock()
        try:
            self._database = duckdb.connect(str(path))
            self._database.execute(_SCHEMA)
            row = self._database.execute("SELECT version, watermark FROM meta").fetchone()
            if row is None:
                self._database.execute("INSERT INTO meta VALUES (?, 0)", [SCHEMA_VERSION])
            elif row[0] != SCHEMA_VERSION:
                raise StoreError(f"{path} has schema {row[0]}; move it aside and run `cropmark ingest rebuild`")
        except duckdb.Error as error:
            raise StoreError(
                f"{path} cannot be opened: {error}. It can be rebuilt: move it aside, then `cropmark ingest rebuild`."
            ) from error
        self._held: dict[_Source, Counters] = {
            (farm, device, session): Counters(map(tuple, json.loads(counters)))
            for farm, device, session, counters in self._database.execute("SELECT * FROM held").fetchall()
        }

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def write(self, readings: Sequence[Reading], watermark: int) -> int:
        """See :class:`cropmark_ingest.store.TelemetryStore`."""
        with self._write_lock:
            new, touched = self._fresh(readings)
            cursor = self._database.cursor()
            try:
                cursor.execute("BEGIN")
                if new:
                    self._insert(cursor, new)
                    for source, counters in touched.items():
                        cursor.execute(
                            "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)", [*source, json.dumps(list(counters))]
                        )
                cursor.execute("UPDATE meta SET watermark = ?", [watermark])
                cursor.execute("COMMIT")
            except duckdb.Error as error:
                cursor.execute("ROLLBACK")
                raise StoreError(f"the store could not be written: {error}. Free space on its disk.") from error
            finally:
                cursor.close()
            self._held.update(touched)
            return len(new)

    def _fresh(self, readings: Sequence[Reading]) -> tuple[list[Reading], dict[_Source, Counters]]:
        """Return the readings whose pack is not stored yet, and the counters as they will be."""
        touched: dict[_Source, Counters] = {}
        packs: dict[tuple[_Source, int], bool] = {}
        new = []
        for item in readings:
            source = (item.farm, item.device, item.session)
            pack = (source, item.counter)
            fresh = packs.get(pack)
            if fresh is None:
                counters = touched.get(source)
                if counters is None:
                    counters = touched[source] = Counters(self._held.get(source, ()))
                fresh = packs[pack] = counters.add(item.counter)
            if fresh:
                new.append(item)
        return new, touched

    @staticmethod
    def _insert(cursor: duckdb.DuckDBPyConnection, new: Sequence[Reading]) -> None:
        batch = pa.table(
            [pa.array([getattr(item, name) for item in new], kind) for name, kind in _COLUMNS],
            names=[name for name, _ in _COLUMNS],
        )
        cursor.register("batch", batch)
        cursor.execute("INSERT INTO reading SELECT * FROM batch")
        cursor.execute(
            "INSERT INTO latest SELECT farm, device, metric, max(time), arg_max(mantissa, time), "
            "arg_max(decimals, time), arg_max(flags, time) FROM batch GROUP BY farm, device, metric "
            "ON CONFLICT DO UPDATE SET time = excluded.time, mantissa = excluded.mantissa, "
            "decimals = excluded.decimals, flags = excluded.flags WHERE excluded.time >= latest.time"
        )
        cursor.unregister("batch")

    def _query(self, text: str, arguments: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        cursor = self._database.cursor()
        try:
            return cursor.execute(text, arguments).fetchall()
        except duckdb.Error as error:
            raise StoreError(f"the store could not be read: {error}") from error
        finally:
            cursor.close()

    def watermark(self) -> int:
        """See :class:`cropmark_ingest.store.TelemetryStore`."""
        return int(self._query("SELECT watermark FROM meta")[0][0])

    def latest(self, farm: str, devices: Sequence[str]) -> list[Latest]:
        """See :class:`cropmark_ingest.store.TelemetryStore`."""
        rows = self._query(
            "SELECT device, metric, time, mantissa, decimals, flags FROM latest WHERE farm = ? AND device IN "
            "(SELECT unnest(?::VARCHAR[])) ORDER BY device, metric",
            [farm, list(devices)],
        )
        return [Latest(*row) for row in rows]

    def series(  # noqa: PLR0913 - a query
        self, farm: str, devices: Sequence[str], metric: str, start: int, stop: int, *, width: int, offset: int = 0,
        without: int = 0,
    ) -> list[Bucket]:  # fmt: skip
        """See :class:`cropmark_ingest.store.TelemetryStore`."""
        rows = self._query(
            "SELECT (time + $offset) // $width * $width - $offset AS start, min(mantissa), max(mantissa), "
            "avg(mantissa), sum(mantissa)::BIGINT, count(*) FROM reading "
            "WHERE farm = $farm AND metric = $metric AND time >= $start "
            "AND time < $stop AND device IN (SELECT unnest($devices::VARCHAR[])) AND (flags & $without) = 0 "
            "GROUP BY 1 ORDER BY 1",
            {
                "offset": offset, "width": width, "farm": farm, "metric": metric, "start": start, "stop": stop,
                "devices": list(devices), "without": without,
            },
        )  # fmt: skip
        return [Bucket(*row) for row in rows]

    def count(self, farm: str | None = None) -> int:
        """See :class:`cropmark_ingest.store.TelemetryStore`."""
        if farm is None:
            return int(self._query("SELECT count(*) FROM reading")[0][0])
        return int(self._query("SELECT count(*) FROM reading WHERE farm = ?", [farm])[0][0])

    def counts(self, farm: str) -> dict[str, int]:
        """See :class:`cropmark_ingest.store.TelemetryStore`."""
        return dict(
            self._query("SELECT device, count(*) FROM reading WHERE farm = ? GROUP BY device ORDER BY 1", [farm])
        )

    def clear(self) -> None:
        """See :class:`cropmark_ingest.store.TelemetryStore`."""
        with self._write_lock:
            self._database.execute(
                "BEGIN; DELETE FROM reading; DELETE FROM held; DELETE FROM latest; "
                "UPDATE meta SET watermark = 0; COMMIT"
            )
            self._held.clear()
