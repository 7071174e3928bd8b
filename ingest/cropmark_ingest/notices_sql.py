"""Notices and quarantine in SQL."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, String, Table, case, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from cropmark_ingest.clock import Clock
from cropmark_ingest.database import METADATA, Database
from cropmark_ingest.notices import Cleared, Kind, Note, Notice, Quarantined, QuarantineFullError

MAX_QUARANTINE_BYTES: Final = 256 * 1024 * 1024
MAX_DETAIL: Final = 500
MAX_SUBJECT: Final = 120
MAX_TOPIC: Final = 200
ENTRY_BYTES: Final = 1_024
"""What an entry costs beside its bytes: without it, empty payloads would fill the disk for nothing."""
_MAX_COUNT: Final = (1 << 63) - 1
_READER: Final = "notices"

_notice = Table(
    "notice",
    METADATA,
    Column("kind", String(32), primary_key=True),
    Column("farm", String(32), primary_key=True),
    Column("subject", String(MAX_SUBJECT), primary_key=True),
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
    Column("topic", String(MAX_TOPIC), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("detail", String(MAX_DETAIL), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)


_watermark = Table(
    "watermark",
    METADATA,
    Column("reader", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
_DESCRIPTION: Final = (
    _quarantine.c.number, _quarantine.c.topic, _quarantine.c.reason, _quarantine.c.detail,
    _quarantine.c.received_at, func.length(_quarantine.c.data),
)  # fmt: skip


class SqlNotices:
    """Notices in one table."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    def note(self, *notes: Note) -> None:
        """See :class:`cropmark_ingest.notices.Notices`."""
        with self._database.writing() as connection:
            self._change(connection, notes)

    def watermark(self) -> int:
        """See :class:`cropmark_ingest.notices.Notices`."""
        with self._database.reading() as connection:
            return int(connection.scalar(select(_watermark.c.number).where(_watermark.c.reader == _READER)) or 0)

    def record(self, changes: Sequence[Note | Cleared], watermark: int) -> None:
        """See :class:`cropmark_ingest.notices.Notices`."""
        moved = insert(_watermark).values(reader=_READER, number=watermark)
        with self._database.writing() as connection:
            self._change(connection, changes)
            connection.execute(moved.on_conflict_do_update(index_elements=["reader"], set_={"number": watermark}))

    def _change(self, connection: Connection, changes: Sequence[Note | Cleared]) -> None:
        now = self._now()
        for change in changes:
            subject = change.subject[:MAX_SUBJECT]
            if isinstance(change, Cleared):
                connection.execute(
                    delete(_notice).where(
                        _notice.c.kind == change.kind.value,
                        _notice.c.farm == change.farm,
                        _notice.c.subject == subject,
                    )
                )
                continue
            count = min(change.count, _MAX_COUNT)
            statement = insert(_notice).values(
                kind=change.kind.value, farm=change.farm, subject=subject, reason=change.reason[:MAX_DETAIL],
                first_seen=now, last_seen=now, count=max(count, 1),
            )  # fmt: skip
            updated = {
                "last_seen": now,
                "reason": statement.excluded.reason,
                "count": case((_notice.c.count > _MAX_COUNT - count, _MAX_COUNT), else_=_notice.c.count + count),
            }
            connection.execute(
                statement.on_conflict_do_update(index_elements=["kind", "farm", "subject"], set_=updated)
            )

    def all(self, farm: str | None = None) -> list[Notice]:
        """Return all notices, of one farm or of all, the newest first."""
        query = select(*_notice.columns).order_by(
            _notice.c.last_seen.desc(), _notice.c.kind, _notice.c.farm, _notice.c.subject
        )
        if farm is not None:
            query = query.where(_notice.c.farm == farm)
        with self._database.reading() as connection:
            return [Notice(Kind(kind), *rest) for kind, *rest in connection.execute(query)]

    def count(self, farm: str | None = None) -> int:
        """Return how many notices there are, of one farm or of all."""
        query = select(func.count()).select_from(_notice)
        if farm is not None:
            query = query.where(_notice.c.farm == farm)
        with self._database.reading() as connection:
            return int(connection.scalar(query) or 0)


class SqlQuarantine:
    """Quarantined bytes in one table, bounded in bytes."""

    def __init__(self, database: Database, now: Clock, *, max_bytes: int = MAX_QUARANTINE_BYTES) -> None:
        self._database = database
        self._now = now
        self._max_bytes = max_bytes

    def keep(self, topic: str, reason: str, detail: str, data: bytes) -> bool:
        """See :class:`cropmark_ingest.notices.Quarantine`."""
        digest = sha256(topic.encode(errors="replace") + b"\0" + data).digest()
        with self._database.writing() as connection:
            if connection.scalar(select(_quarantine.c.number).where(_quarantine.c.digest == digest)) is not None:
                return False
            bytes_of = func.coalesce(func.sum(func.length(_quarantine.c.data)), 0)
            kept, entries = connection.execute(select(bytes_of, func.count())).one()
            room = self._max_bytes - kept - entries * ENTRY_BYTES
            if len(data) + ENTRY_BYTES > room:
                raise QuarantineFullError(
                    f"the quarantine holds {entries} entries of {kept} bytes and has no room for {len(data)} more; "
                    "what comes now is neither kept nor receipted. Look with `cropmark ingest quarantine list`, and "
                    "make room with `cropmark ingest quarantine release`."
                )
            connection.execute(
                insert(_quarantine).values(
                    digest=digest, topic=topic[:MAX_TOPIC], reason=reason, detail=detail[:MAX_DETAIL],
                    received_at=self._now(), data=data,
                )
            )  # fmt: skip
        return True

    def newest(self, limit: int = 100) -> list[Quarantined]:
        """Return the newest entries, without their bytes."""
        query = select(*_DESCRIPTION).order_by(_quarantine.c.number.desc()).limit(limit)
        with self._database.reading() as connection:
            return [Quarantined(*row) for row in connection.execute(query)]

    def get(self, number: int) -> tuple[Quarantined, bytes] | None:
        """Return one entry and its bytes."""
        if not 0 <= number < 1 << 63:
            return None
        with self._database.reading() as connection:
            query = select(*_DESCRIPTION, _quarantine.c.data).where(_quarantine.c.number == number)
            row = connection.execute(query).first()
        return None if row is None else (Quarantined(*row[:-1]), row[-1])

    def release(self, number: int) -> bool:
        """Delete one of them for good; tell whether it was there."""
        if not 0 <= number < 1 << 63:
            return False
        with self._database.writing() as connection:
            return connection.execute(delete(_quarantine).where(_quarantine.c.number == number)).rowcount == 1

    def count(self) -> int:
        """Return how many there are."""
        with self._database.reading() as connection:
            return int(connection.scalar(select(func.count()).select_from(_quarantine)) or 0)
