"""The log's tables: leaf data, perfect subtree hashes, signed checkpoints and the head (SQLAlchemy Core).

Functions over an open connection, so that an append shares its transaction with the tables of ``records_sql``. The
head is moved by compare-and-swap: of two writers that read the same head, one gets :class:`HeadMovedError`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Table,
    insert,
    select,
    tuple_,
    update,
)

from cropmark_trace.database import METADATA
from cropmark_trace.storage import Head, HeadMovedError
from cropmark_trace.tree import Place

NO_HEAD: Final = -1
_BUNCH: Final = 256
_ONLY: Final = 1

leaf = Table(
    "leaf",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)
node = Table(
    "node",
    METADATA,
    Column("level", Integer, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("hash", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)
checkpoint = Table(
    "checkpoint",
    METADATA,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", LargeBinary, nullable=False),
)
log_head = Table(
    "log_head",
    METADATA,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
)


def head(connection: Connection) -> Head | None:
    """Return the newest checkpoint, or None before the first."""
    row = connection.execute(
        select(checkpoint.c.size, checkpoint.c.root, checkpoint.c.note).join(
            log_head, log_head.c.size == checkpoint.c.size
        )
    ).one_or_none()
    return None if row is None else Head(row.size, row.root, row.note)


def nodes(connection: Connection, places: Sequence[Place]) -> dict[Place, bytes]:
    """Return the stored hashes at ``places``."""
    found: dict[Place, bytes] = {}
    for start in range(0, len(places), _BUNCH):
        wanted = tuple_(node.c.level, node.c.number).in_(places[start : start + _BUNCH])
        rows = connection.execute(select(node.c.level, node.c.number, node.c.hash).where(wanted))
        found.update({(row.level, row.number): row.hash for row in rows})
    return found


def leaves(connection: Connection, first: int, end: int) -> list[bytes]:
    """Return the leaf data from ``first`` to before ``end``."""
    rows = connection.execute(
        select(leaf.c.data).where(leaf.c.number >= first, leaf.c.number < end).order_by(leaf.c.number)
    )
    return list(rows.scalars())


def checkpoints(connection: Connection) -> Iterator[Head]:
    """Yield all checkpoints, the smallest first."""
    for row in connection.execute(select(checkpoint).order_by(checkpoint.c.size)):
        yield Head(row.size, row.root, row.note)


def append(
    connection: Connection, expected: int, data: Sequence[bytes], new_nodes: Mapping[Place, bytes], new: Head
) -> None:
    """Move the head from ``expected`` (:data:`NO_HEAD`: there is none) to ``new`` and store what it stands for."""
    if expected == NO_HEAD:
        if connection.scalar(select(log_head.c.size)) is not None:
            raise HeadMovedError("the log has been started by somebody else. Try again.")
        connection.execute(insert(log_head).values(only=_ONLY, size=new.size))
    else:
        moved = connection.execute(update(log_head).where(log_head.c.size == expected).values(size=new.size))
        if moved.rowcount != 1:
            raise HeadMovedError(f"the log no longer has {expected} leaves. Try again.")
    connection.execute(insert(checkpoint).values(size=new.size, root=new.root, note=new.note))
    first = max(expected, 0)
    if data:
        connection.execute(
            insert(leaf), [{"number": number, "data": item} for number, item in enumerate(data, start=first)]
        )
    if new_nodes:
        connection.execute(
            insert(node),
            [{"level": level, "number": number, "hash": value} for (level, number), value in new_nodes.items()],
        )
