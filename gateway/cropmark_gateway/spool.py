"""The gateway's memory: payloads as received, sealed segments, what devices sent, and what could not be read.

The port and what passes through it; ``spool_sqlite`` implements it. Sealing is one transaction, from the inbox rows
that go to the segment that comes, so a process killed anywhere loses nothing and doubles nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cropmark_ingest.counters import Counters
from cropmark_ingest.segment import Gap, Segment


class SpoolError(RuntimeError):
    """The spool cannot be used, or could not write; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Message:
    """A payload as it came: topic, bytes, and the farm's time of arrival in milliseconds."""

    topic: str
    payload: bytes
    arrived: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in the inbox, numbered in order of arrival."""

    id: int
    message: Message


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that could not be read, or not wholly, and why."""

    message: Message
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sealed segment that has no receipt yet; its body is None when the spool had to give it up."""

    seq: int
    digest: bytes
    segment: Segment


@dataclass(frozen=True, slots=True)
class Sealing:
    """Everything that one sealed segment changes. ``upto`` is the last inbox row that it takes in."""

    seq: int
    segment: Segment
    digest: bytes
    readings: int
    upto: int
    held: Mapping[tuple[str, str], Counters]
    digests: Iterable[tuple[str, str, int, bytes]] = ()
    quarantine: Sequence[Quarantined] = ()
    gaps_told: int = 0
    """Gap rows up to this id travel in this segment."""
    counts: Mapping[str, int] = field(default_factory=dict)


class Spool(Protocol):
    """Where the gateway keeps things. What a method wrote is durable when it returns; :class:`SpoolError` if not."""

    def put(self, messages: Sequence[Message]) -> None:
        """Keep messages, in order; only after this may they be acknowledged."""
        ...

    def inbox(self, after: int, limit: int) -> list[Stored]:
        """Return up to ``limit`` messages that came after row ``after``."""
        ...

    def seal(self, sealing: Sealing) -> None:
        """Take a segment in and its inbox rows out, in one transaction."""
        ...

    def settle(self, sealing: Sealing) -> None:
        """Do what :meth:`seal` does without a segment: everything in these rows was a duplicate or unreadable."""
        ...

    def last_header(self) -> tuple[int, bytes] | None:
        """Return number and digest of the last sealed segment."""
        ...

    def held(self) -> dict[tuple[str, str], Counters]:
        """Return which counters are sealed, by device and session."""
        ...

    def digest(self, device: str, session: str, counter: int) -> bytes | None:
        """Return the digest of the payload that a counter was sealed with, if it is still remembered."""
        ...

    def gaps(self, limit: int) -> tuple[int, list[Gap]]:
        """Return gaps that have not travelled yet, and the id of the last of them (0 for none)."""
        ...

    def waiting(self, limit: int, exclude: Iterable[int] = ()) -> list[Waiting]:
        """Return up to ``limit`` segments without a receipt, the newest first, but not those in ``exclude``."""
        ...

    def receipted(self, seq: int, digest: bytes, outcome: str) -> bool:
        """Free the body of segment ``seq`` if ``digest`` is its header's; tell whether it was."""
        ...

    def give_up(self, seq: int, gaps: Sequence[Gap]) -> None:
        """Drop the body of a waiting segment for want of room, and remember the gaps to tell upstream."""
        ...

    def oldest_body(self) -> Waiting | None:
        """Return the oldest waiting segment that still has its body."""
        ...

    def bytes_kept(self) -> int:
        """Return how many bytes of payloads and bodies wait."""
        ...

    def count(self, **changes: int) -> None:
        """Add to the lasting counts."""
        ...
