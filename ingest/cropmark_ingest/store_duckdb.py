"""The embedded store: one DuckDB file. One process may open it; threads of that process read while one writes.

Once-only is by counter ranges for each farm, device and session, in the same transaction as the rows (ADR 3).
"""

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import duckdb

from cropmark_ingest.counters import Counters
from cropmark_ingest.metric import CATALOGUE
from cropmark_ingest.reading import Reading
from cropmark_ingest.store import Bucket, Latest, Source, StoreError, Totals

SCHEMA_VERSION: Final = 2
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
  rank BIGINT NOT NULL, PRIMARY KEY (farm, device, metric));
"""
_COLUMNS: Final = (
    ("farm", "string"), ("device", "string"), ("metric", "string"), ("time", "int64"),
    ("mantissa", "int64"), ("decimals", "int8"), ("flags", "uint16"), ("session", "string"),
    ("counter", "int64"), ("index", "uint16"), ("gateway_time", "int64"),
)  # fmt: skip
_ROW: Final = attrgetter(*(name for name, _ in _COLUMNS))
_Session = tuple[str, str, str]


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
                self._database.close()
                raise StoreError(
                    f"{path} has schema {row[0]}, this Cropmark knows {SCHEMA_VERSION}. Move it aside: the store "
                    "is made again from the archive."
                )
        except duckdb.Error as error:
            raise StoreError(
                f"{path} cannot be opened: {error}. It can be rebuilt: move it aside, then `cropmark ingest rebuild`."
            ) from error
        self._held: dict[_Session, Counters] = {
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
                with suppress(duckdb.Error):  # there may be no transaction to undo any more
                    cursor.execute("ROLLBACK")
                raise StoreError(f"the store could not be written: {error}. Free space on its disk.") from error
            finally:
                cursor.close()
            self._held.update(touched)
            return len(new)

    def _fresh(self, readings: Sequence[Reading]) -> tuple[list[Reading], dict[_Session, Counters]]:
        """Return the readings whose pack is not stored yet, and the counters as they will be."""
        touched: dict[_Session, Counters] = {}
        packs: dict[tuple[_Session, int], bool] = {}
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
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to load, ships no types

        batch = pa.table(
            [
                pa.array(values, kind)
                for values, (_, kind) in zip(zip(*map(_ROW, new), strict=True), _COLUMNS, strict=True)
            ],
            names=[name for name, _ in _COLUMNS],
        )
        cursor.register("batch", batch)
        cursor.execute("INSERT INTO reading SELECT * FROM batch")
        cursor.execute(
            # A time ahead of the gateway's counts as that of arrival: a clock in the future must not pin the value.
            "INSERT INTO latest SELECT farm, device, metric, time, mantissa, decimals, flags, "
            "least(time, gateway_time) FROM batch QUALIFY row_number() OVER (PARTITION BY farm, device, metric "
            "ORDER BY least(time, gateway_time) DESC, counter DESC, index DESC) = 1 "
            "ON CONFLICT DO UPDATE SET time = excluded.time, mantissa = excluded.mantissa, "
            "decimals = excluded.decimals, flags = excluded.flags, rank = excluded.rank "
            "WHERE excluded.rank >= latest.rank"
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
        if width <= 0:
            raise ValueError(f"a window has at least 1 ms, not {width}")
        row = CATALOGUE.get(metric)
        rows = self._query(
            # Floored, not truncated: there is time before 1970. Sums have 128 bits: one absurd value must not end all.
            "SELECT time - ((time + $offset) % $width + $width) % $width AS start, min(mantissa), max(mantissa), "
            "avg(mantissa), sum(mantissa), count(*) FROM reading WHERE farm = $farm AND metric = $metric "
            "AND time >= $start AND time < $stop AND device IN (SELECT unnest($devices::VARCHAR[])) "
            "AND (flags & $without) = 0 AND decimals = coalesce($decimals::TINYINT, decimals) GROUP BY 1 ORDER BY 1",
            {
                "offset": offset, "width": width, "farm": farm, "metric": metric, "start": start, "stop": stop,
                "devices": list(devices), "without": without, "decimals": None if row is None else row.decimals,
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

    def totals(self) -> tuple[int, dict[Source, Totals]]:
        """See :class:`cropmark_ingest.store.TelemetryStore`."""
        cursor = self._database.cursor()
        try:
            cursor.execute("BEGIN")
            ((watermark,),) = cursor.execute("SELECT watermark FROM meta").fetchall()
            rows = cursor.execute(
                "SELECT farm, device, metric, count(*), sum(mantissa), sum(time), sum(flags) FROM reading "
                "GROUP BY farm, device, metric ORDER BY farm, device, metric"
            ).fetchall()
            cursor.execute("COMMIT")
        except duckdb.Error as error:
            raise StoreError(f"the store could not be read: {error}") from error
        finally:
            cursor.close()
        return watermark, {(farm, device, metric): Totals(*map(int, sums)) for farm, device, metric, *sums in rows}

    def clear(self) -> None:
        """See :class:`cropmark_ingest.store.TelemetryStore`."""
        with self._write_lock:
            cursor = self._database.cursor()
            try:
                cursor.execute("BEGIN")
                for table in ("reading", "held", "latest"):
                    cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - a name from the line above
                cursor.execute("UPDATE meta SET watermark = 0")
                cursor.execute("COMMIT")
            except duckdb.Error as error:
                with suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
                raise StoreError(f"the store could not be emptied: {error}") from error
            finally:
                cursor.close()
            self._held.clear()
