"""The database of the farmer's pages: sign-ins and sent forms (SQLAlchemy Core; SQLite, WAL, ``synchronous=FULL``).

What a writing block did is on the disk when the block ends. Tables are the other adapters'.
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

SCHEMA_VERSION: Final = 1
METADATA: Final = MetaData()
_COMPONENT: Final = "dashboards"
_PRIVATE: Final = 0o600

_schema = Table(
    "schema_version",
    METADATA,
    Column("component", String(32), primary_key=True),
    Column("version", Integer, nullable=False),
)


class SchemaError(RuntimeError):
    """The database was made by another version of Cropmark."""


def sqlite_engine(file: Path) -> Engine:
    """Return an engine on the SQLite file; made if absent, readable for its owner only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(_PRIVATE)
    engine = create_engine(f"sqlite+pysqlite:///{file}", connect_args={"timeout": 15.0})

    @event.listens_for(engine, "connect")
    def _connected(raw: Any, _: object) -> None:  # noqa: ANN401 - the driver's connection
        raw.isolation_level = None  # we say BEGIN ourselves: the driver would begin too late
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            raw.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    return engine


class Database:
    """Transactions on one engine. Making it makes the tables, and refuses a schema that this code does not know."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(writes=True)
        with self.writing() as connection:
            METADATA.create_all(connection)
            version = connection.scalar(select(_schema.c.version).where(_schema.c.component == _COMPONENT))
            if version is None:
                connection.execute(insert(_schema).values(component=_COMPONENT, version=SCHEMA_VERSION))
            elif version != SCHEMA_VERSION:
                raise SchemaError(
                    f"the sign-in database has schema {version}, this Cropmark knows {SCHEMA_VERSION}. Run the version "
                    "that wrote it; or delete the file: everybody then needs a new link, and nothing else is lost."
                )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give one consistent view."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give the only writing transaction: durable when the block ends well, undone when it does not."""
        with self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
