"""The database of ingest: engine, transactions and schema version (SQLAlchemy Core).

SQLite in WAL mode with ``synchronous=FULL``: what a transaction wrote is on the disk when it ends. Tables are the other
adapters'.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError

from cropmark_ingest.storage import StorageError

SCHEMA_VERSION: Final = 1
METADATA: Final = MetaData()
_COMPONENT: Final = "ingest"
_WRITES: Final = "cropmark_writes"

_schema = Table(
    "schema_version",
    METADATA,
    Column("component", String(32), primary_key=True),
    Column("version", Integer, nullable=False),
)


class DatabaseError(StorageError):
    """The database cannot be read or written, or is of another version; the text says what to do."""


def sqlite_engine(file: Path) -> Engine:
    """Return an engine on the SQLite file, made if absent; its folder is made too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite+pysqlite:///{file}", connect_args={"timeout": 15.0})

    @event.listens_for(engine, "connect")
    def _connected(raw: Any, _: object) -> None:  # noqa: ANN401 - the driver's connection
        raw.isolation_level = None  # BEGIN is said below: the driver would say it too late for a snapshot
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            raw.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


class Database:
    """Transactions on one engine. Making it makes the tables, and refuses a schema that this code does not know."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})
        with self.writing() as connection:
            METADATA.create_all(connection)
            version = connection.scalar(select(_schema.c.version).where(_schema.c.component == _COMPONENT))
            if version is None:
                connection.execute(insert(_schema).values(component=_COMPONENT, version=SCHEMA_VERSION))
            elif version != SCHEMA_VERSION:
                raise DatabaseError(
                    f"ingest's database has schema {version}, this Cropmark knows {SCHEMA_VERSION}. "
                    "Run the version that wrote it, or a newer one that can convert it."
                )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give one consistent view; raise :class:`DatabaseError` when it cannot be read."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise DatabaseError(f"ingest's database cannot be read: {error.orig}. Check the disk.") from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give the only writing transaction: durable when the block ends well, undone when it does not."""
        try:
            with self._writer.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise DatabaseError(
                f"ingest's database cannot be written: {error.orig}. Check the disk's space and rights."
            ) from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
