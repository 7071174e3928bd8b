"""What the use cases ask of the place where records, log, batches, anchors and bundles are kept.

The port and the facts that pass through it; ``records_sql`` implements it. Three rules hold for every adapter: what a
method wrote is durable when it returns; a method that raises has changed nothing; nothing is ever overwritten or
deleted. Tables that could be computed from the log (batch heads, registered keys, header trees) change in the same
transaction as the log, and ``fsck`` computes them again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cropmark_ingest.registry import Text
from cropmark_trace.tree import Place


class StorageError(RuntimeError):
    """The storage failed; nothing was changed. The text says what to do."""


class HeadMovedError(StorageError):
    """Somebody else appended to the log in between: read the head again and repeat."""


class AlteredError(RuntimeError):
    """Stored bytes are not what was signed and logged. The text names them; nothing is issued from them.

    Next: ``cropmark fsck``, which names everything that was altered, then restore a backup.
    """


@dataclass(frozen=True, slots=True)
class Head:
    """The log's state: number of leaves, root (32 bytes), and the signed checkpoint that says so."""

    size: int
    root: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A logged record: log ``index``, ``id`` (32 bytes) and the exact ``data`` that was signed, kept for ever.

    ``batch`` and ``step`` are None for key records; ``time`` is the record's ``validFrom`` in UTC milliseconds.
    """

    index: int
    id: bytes
    data: bytes
    farm: str
    batch: str | None
    step: str | None
    time: int


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A key's registration as the log tells it: ``index`` is that of its key record."""

    did: str
    farm: str
    party: str
    name: Text
    role: str
    use: str
    custody: str
    enrolled_by: str
    index: int
    record: bytes


@dataclass(frozen=True, slots=True)
class HeaderTree:
    """A ``segments`` entry: at log ``index`` stands the root over the first ``size`` headers of gateway ``key``."""

    index: int
    key: bytes
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was opened. ``head`` is the id of its newest record, None before the first."""

    batch: str
    farm: str
    field: str
    product: Text
    opened: int
    head: bytes | None = None


@dataclass(frozen=True, slots=True)
class AnchorFact:
    """A checkpoint that a chain holds: ``time`` is the block's, in Unix seconds; hashes and addresses are 0x-hex.

    ``operator`` says that who runs the log runs the chain too.
    """

    size: int
    root: bytes
    chain: int
    contract: str
    log_id: str
    block: int
    block_hash: str
    transaction: str
    time: int
    operator: bool


@dataclass(frozen=True, slots=True)
class BundleFact:
    """A bundle that was issued: ``sha256`` names its file, ``verdict`` is the issuer's own, as JSON."""

    batch: str
    sha256: str
    size: int
    issued: int
    anchored: int | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Change:
    """One append: everything that becomes true together, or not at all, if the log still has ``expected`` leaves."""

    expected: int
    head: Head
    leaves: Sequence[bytes] = ()
    nodes: Mapping[Place, bytes] = field(default_factory=dict)
    records: Sequence[StoredRecord] = ()
    keys: Sequence[RegisteredKey] = ()
    header_trees: Sequence[HeaderTree] = ()


class LogReader(Protocol):
    """The log, to read."""

    def head(self) -> Head | None:
        """Return the newest checkpoint, or None before the first."""
        ...

    def nodes(self, places: Sequence[Place]) -> Mapping[Place, bytes]:
        """Return the stored hash at each of ``places``; those that are not stored are left out."""
        ...

    def leaves(self, first: int, end: int) -> list[bytes]:
        """Return the leaf data from ``first`` to before ``end``, fewer where the log has fewer."""
        ...


class Store(LogReader, Protocol):
    """The whole storage of one log and its records."""

    def checkpoints(self) -> Iterator[Head]:
        """Yield every checkpoint that was ever signed, the smallest first."""
        ...

    def commit(self, change: Change) -> None:
        """Append; raise :class:`HeadMovedError` if the log does not have ``change.expected`` leaves (-1: no head)."""
        ...

    def record(self, record: bytes) -> StoredRecord | None:
        """Return the record with this id."""
        ...

    def records(self, batch: str) -> list[StoredRecord]:
        """Return the batch's records in the order of the log."""
        ...

    def all_records(self) -> Iterator[StoredRecord]:
        """Yield every record, key records too, in the order of the log."""
        ...

    def key(self, did: str) -> RegisteredKey | None:
        """Return the registration of a key."""
        ...

    def registered_keys(self) -> list[RegisteredKey]:
        """Return all registered keys in the order of the log."""
        ...

    def header_tree(self, key: bytes, size: int | None = None) -> HeaderTree | None:
        """Return the newest ``segments`` entry of this gateway key, or the one of this ``size``."""
        ...

    def header_trees(self) -> list[HeaderTree]:
        """Return all ``segments`` entries in the order of the log."""
        ...

    def open_batch(self, batch: Batch) -> None:
        """Remember a new batch; raise :class:`StorageError` if its id is taken."""
        ...

    def batch(self, batch: str) -> Batch | None:
        """Return a batch."""
        ...

    def batches(self, farm: str) -> list[Batch]:
        """Return the farm's batches, the newest first."""
        ...

    def remember_anchor(self, fact: AnchorFact) -> None:
        """Remember where a checkpoint was anchored; a second time for the same checkpoint and chain adds one more."""
        ...

    def anchors(self) -> list[AnchorFact]:
        """Return all anchors in the order in which they were remembered."""
        ...

    def remember_bundle(self, fact: BundleFact) -> None:
        """Remember an issued bundle, after its file is durable."""
        ...

    def newest_bundle(self, batch: str) -> BundleFact | None:
        """Return the batch's bundle that was issued last."""
        ...
