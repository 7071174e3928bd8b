"""The archive's index in SQL: where each segment lies. It can be made again from the files at any time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    Row,
    Select,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from cropmark_ingest.archive import Place
from cropmark_ingest.database import METADATA, Database
from cropmark_ingest.segment import Header

_segment: Final = Table(
    "segment",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("key", LargeBinary(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("farm", String(32), nullable=False),
    Column("gateway", String(32), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("readings", Integer, nullable=False),
    Column("sealed_at", BigInteger, nullable=False),
    Column("file", String(120), nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("length", BigInteger, nullable=False),
    UniqueConstraint("key", "seq"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Indexed:
    """One archived segment; ``number`` counts up in order of archiving, ``digest`` is its header's."""

    number: int
    key: bytes
    seq: int
    digest: bytes
    place: Place


class ArchiveIndex:
    """Reads and writes the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, rows: Sequence[tuple[Header, Place]]) -> None:
        """Index segments, each once. A longer frame of the same header (it brings the body) takes the other's place."""
        if not rows:
            return
        values = [
            {
                "key": header.key, "seq": header.seq, "farm": header.farm, "gateway": header.gateway,
                "digest": header.digest, "readings": header.count, "sealed_at": header.sealed_at,
                "file": place.file, "offset": place.offset, "length": place.length,
            }
            for header, place in rows
        ]  # fmt: skip
        shorter = delete(_segment).where(
            _segment.c.key == bindparam("of_key"), _segment.c.seq == bindparam("of_seq"),
            _segment.c.digest == bindparam("of_digest"), _segment.c.length < bindparam("of_length"),
        )  # fmt: skip
        with self._database.writing() as connection:
            for row in values:
                of = {f"of_{name}": row[name] for name in ("key", "seq", "digest", "length")}
                connection.execute(shorter, of)
                connection.execute(insert(_segment).values(row).on_conflict_do_nothing())

    def ends(self) -> dict[str, int]:
        """Return how far each file is indexed."""
        query = select(_segment.c.file, func.max(_segment.c.offset + _segment.c.length)).group_by(_segment.c.file)
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def one(self, key: bytes, seq: int) -> Indexed | None:
        """Return one segment."""
        return next(iter(self._rows(select(_segment).where(_segment.c.key == key, _segment.c.seq == seq))), None)

    def between(self, key: bytes, start: int, stop: int) -> list[Indexed]:
        """Return a gateway's segments from ``start`` up to ``stop``, ending before the first that is missing."""
        query = (
            select(_segment)
            .where(_segment.c.key == key, _segment.c.seq >= start, _segment.c.seq < stop)
            .order_by(_segment.c.seq)
        )
        found = []
        for expected, row in enumerate(self._rows(query), start):
            if row.seq != expected:
                break
            found.append(row)
        return found

    def after(self, number: int, limit: int | None = None) -> list[Indexed]:
        """Return what was archived after ``number``, in order."""
        return self._rows(select(_segment).where(_segment.c.number > number).order_by(_segment.c.number).limit(limit))

    def tree_size(self, key: bytes) -> int:
        """Return how many segments of a gateway there are from 0 on without a gap."""
        count_query = select(func.count(), func.max(_segment.c.seq)).where(_segment.c.key == key)
        following = _segment.alias()
        last_query = (
            select(_segment.c.seq)
            .where(
                _segment.c.key == key,
                ~select(following.c.seq)
                .where(following.c.key == _segment.c.key, following.c.seq == _segment.c.seq + 1)
                .exists(),
            )
            .order_by(_segment.c.seq)
            .limit(1)
        )
        with self._database.reading() as connection:
            count, highest = connection.execute(count_query).one()
            if count == 0 or count == highest + 1:
                return int(count)
            first = select(_segment.c.seq).where(_segment.c.key == key, _segment.c.seq == 0)
            if connection.scalar(first) is None:
                return 0
            return int(connection.scalar(last_query) or 0) + 1

    def last_number(self) -> int:
        """Return the number of the segment archived last, 0 for none."""
        with self._database.reading() as connection:
            return int(connection.scalar(select(func.max(_segment.c.number))) or 0)

    def counts(self, farm: str | None) -> tuple[int, int]:
        """Return how many segments and readings there are, of one farm or of all."""
        query = select(func.count(), func.coalesce(func.sum(_segment.c.readings), 0))
        if farm is not None:
            query = query.where(_segment.c.farm == farm)
        with self._database.reading() as connection:
            segments, readings = connection.execute(query).one()
        return int(segments), int(readings)

    def _rows(self, query: Select[Any]) -> list[Indexed]:
        with self._database.reading() as connection:
            return [self._indexed(row) for row in connection.execute(query)]

    @staticmethod
    def _indexed(row: Row[Any]) -> Indexed:
        return Indexed(row.number, row.key, row.seq, row.digest, Place(row.file, row.offset, row.length))
