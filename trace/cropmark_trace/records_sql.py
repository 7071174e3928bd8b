"""The storage port over SQL: records, batches, keys, header trees, anchors and bundles, with the log (SQLAlchemy Core).

An append writes the log and everything derived from it in one transaction. No statement here updates or deletes what
was recorded, but for two pointers: the log's head and a batch's head.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from cropmark_ingest.registry import Text
from cropmark_trace import log_sql
from cropmark_trace.database import METADATA, Database
from cropmark_trace.storage import (
    AnchorFact,
    Batch,
    BundleFact,
    Change,
    Head,
    HeaderTree,
    RegisteredKey,
    StorageError,
    StoredRecord,
)
from cropmark_trace.tree import Place

_record = Table(
    "record",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", LargeBinary(32), nullable=False, unique=True),
    Column("data", LargeBinary, nullable=False),
    Column("farm", String(32), nullable=False),
    Column("batch", String(20)),
    Column("step", String(32)),
    Column("time", BigInteger, nullable=False),
    Index("record_of_batch", "batch", "number"),
)
_key = Table(
    "registered_key",
    METADATA,
    Column("did", String(128), primary_key=True),
    Column("farm", String(32), nullable=False),
    Column("party", String(64), nullable=False),
    Column("name", String, nullable=False),
    Column("role", String(32), nullable=False),
    Column("use", String(32), nullable=False),
    Column("custody", String(16), nullable=False),
    Column("enrolled_by", String(128), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("record", LargeBinary(32), nullable=False),
)
_header_tree = Table(
    "header_tree",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Index("header_tree_of_key", "key", "size", unique=True),
)
_batch = Table(
    "batch",
    METADATA,
    Column("batch", String(20), primary_key=True),
    Column("farm", String(32), nullable=False),
    Column("field", String(32), nullable=False),
    Column("product", String, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("head", LargeBinary(32)),
    Index("batch_of_farm", "farm", "opened"),
)
_anchor = Table(
    "anchor",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("chain", BigInteger, nullable=False),
    Column("contract", String(64), nullable=False),
    Column("log_id", String(80), nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("block_hash", String(80), nullable=False),
    Column("transaction_hash", String(80), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("operator", Boolean, nullable=False),
)
_bundle = Table(
    "bundle",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("batch", String(20), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("anchored", BigInteger),
    Column("verdict", String, nullable=False),
    Index("bundle_of_batch", "batch", "number"),
)


def _to_json(text: Text) -> str:
    return json.dumps({"en": text.en, "zh": text.zh}, ensure_ascii=False)


def _from_json(text: str) -> Text:
    said = json.loads(text)
    return Text(said["en"], said["zh"])


def _to_record(row: Row[Any]) -> StoredRecord:
    return StoredRecord(row.number, row.id, row.data, row.farm, row.batch, row.step, row.time)


def _to_key(row: Row[Any]) -> RegisteredKey:
    return RegisteredKey(
        row.did, row.farm, row.party, _from_json(row.name), row.role,
        row.use, row.custody, row.enrolled_by, row.number, row.record,
    )  # fmt: skip


def _to_batch(row: Row[Any]) -> Batch:
    return Batch(row.batch, row.farm, row.field, _from_json(row.product), row.opened, row.head)


class SqlStore:
    """The storage of one log and its records, on ``database``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self) -> Head | None:
        """Return the newest checkpoint, or None before the first."""
        with self._database.reading() as connection:
            return log_sql.head(connection)

    def nodes(self, places: Sequence[Place]) -> Mapping[Place, bytes]:
        """Return the stored hash at each of ``places``; those that are not stored are left out."""
        with self._database.reading() as connection:
            return log_sql.nodes(connection, places)

    def leaves(self, first: int, end: int) -> list[bytes]:
        """Return the leaf data from ``first`` to before ``end``, fewer where the log has fewer."""
        with self._database.reading() as connection:
            return log_sql.leaves(connection, first, end)

    def checkpoints(self) -> Iterator[Head]:
        """Yield every checkpoint that was ever signed, the smallest first."""
        with self._database.reading() as connection:
            yield from log_sql.checkpoints(connection)

    def commit(self, change: Change) -> None:
        """Append in one transaction; raise ``HeadMovedError`` if the log does not have ``change.expected`` leaves."""
        with self._database.writing() as connection:
            log_sql.append(connection, change.expected, change.leaves, change.nodes, change.head)
            for record in change.records:
                connection.execute(
                    insert(_record).values(
                        number=record.index, id=record.id, data=record.data, farm=record.farm,
                        batch=record.batch, step=record.step, time=record.time,
                    )
                )  # fmt: skip
                if record.batch is not None:
                    connection.execute(update(_batch).where(_batch.c.batch == record.batch).values(head=record.id))
            for key in change.keys:
                connection.execute(
                    insert(_key).values(
                        did=key.did, farm=key.farm, party=key.party, name=_to_json(key.name), role=key.role,
                        use=key.use, custody=key.custody, enrolled_by=key.enrolled_by, number=key.index,
                        record=key.record,
                    )
                )  # fmt: skip
            for tree in change.header_trees:
                connection.execute(
                    insert(_header_tree).values(number=tree.index, key=tree.key, size=tree.size, root=tree.root)
                )

    def record(self, record: bytes) -> StoredRecord | None:
        """Return the record with this id."""
        with self._database.reading() as connection:
            row = connection.execute(select(_record).where(_record.c.id == record)).one_or_none()
            return None if row is None else _to_record(row)

    def records(self, batch: str) -> list[StoredRecord]:
        """Return the batch's records in the order of the log."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_record).where(_record.c.batch == batch).order_by(_record.c.number))
            return [_to_record(row) for row in rows]

    def all_records(self) -> Iterator[StoredRecord]:
        """Yield every record, key records too, in the order of the log."""
        with self._database.reading() as connection:
            for row in connection.execute(select(_record).order_by(_record.c.number)):
                yield _to_record(row)

    def key(self, did: str) -> RegisteredKey | None:
        """Return the registration of a key."""
        with self._database.reading() as connection:
            row = connection.execute(select(_key).where(_key.c.did == did)).one_or_none()
            return None if row is None else _to_key(row)

    def registered_keys(self) -> list[RegisteredKey]:
        """Return all registered keys in the order of the log."""
        with self._database.reading() as connection:
            return [_to_key(row) for row in connection.execute(select(_key).order_by(_key.c.number))]

    def header_tree(self, key: bytes, size: int | None = None) -> HeaderTree | None:
        """Return the newest ``segments`` entry of this gateway key, or the one of this ``size``."""
        question = select(_header_tree).where(_header_tree.c.key == key)
        if size is not None:
            question = question.where(_header_tree.c.size == size)
        with self._database.reading() as connection:
            row = connection.execute(question.order_by(_header_tree.c.size.desc()).limit(1)).one_or_none()
            return None if row is None else HeaderTree(row.number, row.key, row.size, row.root)

    def header_trees(self) -> list[HeaderTree]:
        """Return all ``segments`` entries in the order of the log."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_header_tree).order_by(_header_tree.c.number))
            return [HeaderTree(row.number, row.key, row.size, row.root) for row in rows]

    def open_batch(self, batch: Batch) -> None:
        """Remember a new batch; raise ``StorageError`` if its id is taken."""
        try:
            with self._database.writing() as connection:
                connection.execute(
                    insert(_batch).values(
                        batch=batch.batch, farm=batch.farm, field=batch.field,
                        product=_to_json(batch.product), opened=batch.opened,
                    )
                )  # fmt: skip
        except StorageError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise StorageError(f"batch {batch.batch} exists already. Draw another id.") from error
            raise

    def batch(self, batch: str) -> Batch | None:
        """Return a batch."""
        with self._database.reading() as connection:
            row = connection.execute(select(_batch).where(_batch.c.batch == batch)).one_or_none()
            return None if row is None else _to_batch(row)

    def batches(self, farm: str) -> list[Batch]:
        """Return the farm's batches, the newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(_batch).where(_batch.c.farm == farm).order_by(_batch.c.opened.desc(), _batch.c.batch)
            )
            return [_to_batch(row) for row in rows]

    def remember_anchor(self, fact: AnchorFact) -> None:
        """Remember where a checkpoint was anchored."""
        with self._database.writing() as connection:
            connection.execute(
                insert(_anchor).values(
                    size=fact.size, root=fact.root, chain=fact.chain, contract=fact.contract, log_id=fact.log_id,
                    block=fact.block, block_hash=fact.block_hash, transaction_hash=fact.transaction, time=fact.time,
                    operator=fact.operator,
                )
            )  # fmt: skip

    def anchors(self) -> list[AnchorFact]:
        """Return all anchors in the order in which they were remembered."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_anchor).order_by(_anchor.c.number))
            return [
                AnchorFact(
                    row.size, row.root, row.chain, row.contract, row.log_id,
                    row.block, row.block_hash, row.transaction_hash, row.time, row.operator,
                )
                for row in rows
            ]  # fmt: skip

    def remember_bundle(self, fact: BundleFact) -> None:
        """Remember an issued bundle, after its file is durable."""
        with self._database.writing() as connection:
            connection.execute(
                insert(_bundle).values(
                    batch=fact.batch, sha256=fact.sha256, size=fact.size,
                    issued=fact.issued, anchored=fact.anchored, verdict=fact.verdict,
                )
            )  # fmt: skip

    def newest_bundle(self, batch: str) -> BundleFact | None:
        """Return the batch's bundle that was issued last."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(_bundle).where(_bundle.c.batch == batch).order_by(_bundle.c.number.desc()).limit(1)
            ).one_or_none()
            return (
                None
                if row is None
                else BundleFact(row.batch, row.sha256, row.size, row.issued, row.anchored, row.verdict)
            )
