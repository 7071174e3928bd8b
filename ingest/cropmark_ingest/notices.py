"""Notices: what is wrong or doubtful, once per subject, with a count, so that a person can look and act."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cropmark_ingest.storage import StorageError


class Kind(StrEnum):
    """What a notice is about; ``ingest/README.md`` says what to do about each."""

    CHAIN_GAP = "chain-gap"
    CHAIN_FORK = "chain-fork"
    UNKNOWN_DEVICE = "unknown-device"
    UNKNOWN_METRIC = "unknown-metric"
    FLAGGED = "flagged-readings"
    GATEWAY_GAP = "gateway-gap"
    QUARANTINED = "quarantined"
    QUARANTINE_FULL = "quarantine-full"
    UNREADABLE = "archive-unreadable"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to look at: ``subject`` says which gateway, device or segment; times are milliseconds."""

    kind: Kind
    farm: str
    subject: str
    reason: str
    first_seen: int
    last_seen: int
    count: int


@dataclass(frozen=True, slots=True)
class Note:
    """Something to add to a notice. ``count`` is added to the notice's; 0 for a state that is only seen again."""

    kind: Kind
    farm: str
    subject: str
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Cleared:
    """A notice that no longer holds (a gap that was filled)."""

    kind: Kind
    farm: str
    subject: str


class Notices(Protocol):
    """Where notices are kept. A new notice counts at least 1."""

    def note(self, *notes: Note) -> None:
        """Add notes. Durable when it returns."""
        ...

    def watermark(self) -> int:
        """Return the number of the last archived segment that was looked at, 0 for none."""
        ...

    def record(self, changes: Sequence[Note | Cleared], watermark: int) -> None:
        """Make changes in their order and move the watermark, in one transaction, so that nothing counts twice."""
        ...


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Bytes that could not be trusted or read, where they came from, when, and why; ``size`` is their number."""

    number: int
    topic: str
    reason: str
    detail: str
    received_at: int
    size: int


class QuarantineFullError(StorageError):
    """No more room for bytes that cannot be trusted; nothing was kept, and no receipt may be given."""


class Quarantine(Protocol):
    """Where bytes are kept that cannot be archived."""

    def keep(self, topic: str, reason: str, detail: str, data: bytes) -> bool:
        """Keep what came on a topic, once, and tell whether it was new.

        Durable when it returns; raises :class:`QuarantineFullError`.
        """
        ...
