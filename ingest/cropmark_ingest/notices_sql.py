"""Notices and quarantine in SQL."""

from hashlib import sha256
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Row, String, Table, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from cropmark_ingest.clock import Clock
from cropmark_ingest.database import METADATA, Database
from cropmark_ingest.notices import Kind, Notice, Quarantined, QuarantineFullError

MAX_QUARANTINE_BYTES: Final = 256 * 1024 * 1024
MAX_DETAIL: Final = 500

_notice = Table(
    "notice",
    METADATA,
    Column("kind", String(32), primary_key=True),
    Column("farm", String(32), primary_key=True),
    Column("subject", String(120), primary_key=True),
    Column("reason", String(MAX_DETAIL), nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
)
_quarantine = Table(
    "quarantine",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("topic", String(200), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("detail", String(MAX_DETAIL), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)


class SqlNotices:
    """Notices in one table."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    def note(self, kind: Kind, farm: str, subject: str, reason: str, count: int = 1) -> None:
        """See :class:`cropmark_ingest.notices.Notices`."""
        now = self._now()
        statement = insert(_notice).values(
            kind=kind.value, farm=farm, subject=subject[:120], reason=reason[:MAX_DETAIL],
            first_seen=now, last_seen=now, count=count,
        )  # fmt: skip
        with self._database.writing() as connection:
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["kind", "farm", "subject"],
                    set_={
                        "last_seen": now,
                        "reason": statement.excluded.reason,
                        "count": _notice.c.count + statement.excluded.count,
                    },
                )
            )

    def clear(self, kind: Kind, farm: str, subject: str) -> None:
        """See :class:`cropmark_ingest.notices.Notices`."""
        with self._database.writing() as connection:
            connection.execute(
                delete(_notice).where(
                    _notice.c.kind == kind.value, _notice.c.farm == farm, _notice.c.subject == subject
                )
            )

    def all(self, farm: str | None = None) -> list[Notice]:
        """Return all notices, of one farm or of all, the newest first."""
        query = select(_notice).order_by(_notice.c.last_seen.desc())
        if farm is not None:
            query = query.where(_notice.c.farm == farm)
        with self._database.reading() as connection:
            return [
                Notice(
                    Kind(row.kind),
                    row.farm,
                    row.subject,
                    row.reason,
                    row.first_seen,
                    row.last_seen,
                    row[6],
                )
                for row in connection.execute(query)
            ]


class SqlQuarantine:
    """Quarantined bytes in one table, bounded in bytes."""

    def __init__(self, database: Database, now: Clock, *, max_bytes: int = MAX_QUARANTINE_BYTES) -> None:
        self._database = database
        self._now = now
        self._max_bytes = max_bytes

    def keep(self, topic: str, reason: str, detail: str, data: bytes) -> None:
        """See :class:`cropmark_ingest.notices.Quarantine`."""
        with self._database.writing() as connection:
            kept = connection.scalar(select(func.coalesce(func.sum(func.length(_quarantine.c.data)), 0)))
            if int(kept or 0) + len(data) > self._max_bytes:
                raise QuarantineFullError(
                    f"the quarantine holds {kept} bytes and has no room for {len(data)} more. "
                    "Look at it with `cropmark ingest quarantine list`, and release what is not needed."
                )
            connection.execute(
                insert(_quarantine)
                .values(
                    digest=sha256(data).digest(), topic=topic[:200], reason=reason, detail=detail[:MAX_DETAIL],
                    received_at=self._now(), data=data,
                )
                .on_conflict_do_nothing(index_elements=["digest"])
            )  # fmt: skip

    @staticmethod
    def _quarantined(row: Row[Any]) -> Quarantined:
        return Quarantined(row.number, row.topic, row.reason, row.detail, row.received_at, row.data)

    def newest(self, limit: int = 100) -> list[Quarantined]:
        """Return the newest quarantined bytes."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_quarantine).order_by(_quarantine.c.number.desc()).limit(limit))
            return [self._quarantined(row) for row in rows]

    def get(self, number: int) -> Quarantined | None:
        """Return one of them."""
        with self._database.reading() as connection:
            row = connection.execute(select(_quarantine).where(_quarantine.c.number == number)).first()
        return None if row is None else self._quarantined(row)

    def release(self, number: int) -> bool:
        """Delete one of them for good; tell whether it was there."""
        with self._database.writing() as connection:
            return connection.execute(delete(_quarantine).where(_quarantine.c.number == number)).rowcount == 1

    def count(self) -> int:
        """Return how many there are."""
        with self._database.reading() as connection:
            return int(connection.scalar(select(func.count()).select_from(_quarantine)) or 0)
