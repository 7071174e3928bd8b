"""Ingest's parts on a folder of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cropmark_ingest.archive_files import FileArchive
from cropmark_ingest.database import Database, sqlite_engine
from cropmark_ingest.notices_sql import SqlNotices, SqlQuarantine
from cropmark_ingest.receive import Receiver
from cropmark_ingest.registry import Gateway
from cropmark_ingest.registry_sql import Registry
from cropmark_ingest.store_duckdb import DuckDBStore
from tests.ingest.samples import FARM, GATEWAY, KEY, OTHER_KEY, Chain

NOW = 1_800_000_000_000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_engine(tmp_path / "ingest.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def archive(tmp_path: Path, database: Database) -> FileArchive:
    return FileArchive(tmp_path / "archive", database)


@pytest.fixture
def notices(database: Database) -> SqlNotices:
    return SqlNotices(database, lambda: NOW)


@pytest.fixture
def quarantine(database: Database) -> SqlQuarantine:
    return SqlQuarantine(database, lambda: NOW)


@pytest.fixture
def registry(database: Database) -> Registry:
    made = Registry(database)
    made.enroll_gateway(Gateway(FARM, GATEWAY, Chain(KEY).public))
    return made


@pytest.fixture
def receiver(archive: FileArchive, registry: Registry, notices: SqlNotices, quarantine: SqlQuarantine) -> Receiver:
    return Receiver(
        archive, enrolled=registry.gateway, notices=notices, quarantine=quarantine, key=OTHER_KEY, now=lambda: NOW
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBStore]:
    opened = DuckDBStore(tmp_path / "telemetry.duckdb")
    yield opened
    opened.close()
