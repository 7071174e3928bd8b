"""What is DuckDB's own: one transaction, one process, one schema."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from cropmark_ingest.store import StoreError
from cropmark_ingest.store_duckdb import DuckDBStore
from tests.ingest.samples import FARM, pack, reading


def test_a_write_that_fails_in_the_middle_leaves_nothing_behind(store: DuckDBStore) -> None:
    store.write(pack(0), 1)
    real = store._insert

    def half(cursor: Any, new: Any) -> None:
        real(cursor, new)
        raise duckdb.IOException("the disk is gone")

    store._insert = half  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="the disk is gone"):
        store.write(pack(1), 2)
    assert (store.count(FARM), store.watermark()) == (2, 1)
    store._insert = real  # type: ignore[method-assign]
    assert store.write(pack(1), 2) == 2


def test_a_schema_of_another_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    DuckDBStore(tmp_path / "t.duckdb").close()
    with duckdb.connect(str(tmp_path / "t.duckdb")) as other:
        other.execute("UPDATE meta SET version = 99")
    for _ in range(2):  # the refusal leaves the file closed
        with pytest.raises(StoreError, match=r"schema 99.*Move it aside"):
            DuckDBStore(tmp_path / "t.duckdb")


def test_a_file_that_is_no_database_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.duckdb").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match=r"t\.duckdb cannot be opened"):
        DuckDBStore(tmp_path / "t.duckdb")


def test_counters_are_kept_as_ranges_and_not_one_by_one(store: DuckDBStore) -> None:
    store.write([reading(counter) for counter in range(5_000)], 1)
    assert store._query("SELECT counters FROM held") == [("[[0, 4999]]",)]
