"""Notices: what is wrong or doubtful, once per subject, with a count, so that a person can look and act."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What a notice is about; ``ingest/README.md`` says what to do about each."""

    CHAIN_GAP = "chain-gap"
    CHAIN_FORK = "chain-fork"
    UNKNOWN_DEVICE = "unknown-device"
    FLAGGED = "flagged-readings"
    GATEWAY_GAP = "gateway-gap"
    QUARANTINED = "quarantined"


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


class Notices(Protocol):
    """Where notices are kept."""

    def note(self, kind: Kind, farm: str, subject: str, reason: str, count: int = 1) -> None:
        """Add to the notice of this kind and subject, making it if there is none. Durable when it returns."""
        ...

    def clear(self, kind: Kind, farm: str, subject: str) -> None:
        """Forget a notice that no longer holds (a gap that was filled)."""
        ...


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Bytes that could not be trusted or read, where they came from, when, and why."""

    number: int
    topic: str
    reason: str
    detail: str
    received_at: int
    data: bytes


class QuarantineFullError(RuntimeError):
    """No more room for bytes that cannot be trusted; nothing was kept, and no receipt may be given."""


class Quarantine(Protocol):
    """Where bytes are kept that cannot be archived."""

    def keep(self, topic: str, reason: str, detail: str, data: bytes) -> None:
        """Keep bytes, the same bytes once. Durable when it returns; raises :class:`QuarantineFullError`."""
        ...
