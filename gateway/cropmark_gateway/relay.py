"""Send sealed segments upstream, the newest first, and let go of a body when ingest's receipt for it has come.

Bounded in flight. A segment without a receipt is sent again after a while, for as long as it takes. A receipt counts
only when the pinned ingest key signed it and it names the header's digest.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from cropmark_gateway.spool import Spool
from cropmark_ingest import receipt, segment
from cropmark_ingest.counters import Counters
from cropmark_ingest.segment import Gap

MAX_IN_FLIGHT: Final = 16
MAX_BYTES_IN_FLIGHT: Final = 8 * 1024 * 1024
RESEND_SECONDS: Final = 5.0

log = structlog.get_logger()


class Upstream(Protocol):
    """The way to ingest."""

    def connected(self) -> bool:
        """Tell whether sending makes sense now."""

    def send(self, payload: bytes) -> None:
        """Send one segment, or raise nothing and lose it: the receipt is what counts."""


class Relay:
    """Keeps a window of segments on their way. Used by one thread."""

    def __init__(
        self,
        spool: Spool,
        upstream: Upstream,
        *,
        ingest_key: bytes,
        spool_bytes: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._upstream = upstream
        self._ingest_key = ingest_key
        self._spool_bytes = spool_bytes
        self._monotonic = monotonic
        self._sent: dict[int, tuple[float, int]] = {}
        """When each segment in flight was sent, and how many bytes it has."""

    def step(self) -> bool:
        """Send what may be sent; tell whether anything was."""
        if not self._upstream.connected():
            self._sent.clear()
            return False
        now = self._monotonic()
        for seq in [seq for seq, (sent, _) in self._sent.items() if now - sent > RESEND_SECONDS]:
            del self._sent[seq]
        room = MAX_IN_FLIGHT - len(self._sent)
        if room <= 0:
            return False
        anything = False
        for waiting in self._spool.waiting(room, self._sent):
            payload = waiting.segment.to_wire()
            if self._sent and sum(size for _, size in self._sent.values()) + len(payload) > MAX_BYTES_IN_FLIGHT:
                break
            self._upstream.send(payload)
            self._sent[waiting.seq] = (now, len(payload))
            anything = True
        return anything

    def hear(self, payload: bytes) -> None:
        """Take a receipt; one that does not hold is counted and otherwise ignored."""
        try:
            said = receipt.open_receipt(payload)
        except receipt.ReceiptError as error:
            self._refuse(str(error))
            return
        if said.key != self._ingest_key:
            self._refuse("signed by a key that is not ingest's")
            return
        if self._spool.receipted(said.seq, said.header_digest, said.outcome.value):
            self._sent.pop(said.seq, None)
            if said.outcome is receipt.Outcome.QUARANTINED:
                log.warning("segment-quarantined-by-ingest", seq=said.seq, reason=said.reason)

    def _refuse(self, reason: str) -> None:
        log.warning("receipt-refused", reason=reason)
        self._spool.count(receipts_refused=1)

    def make_room(self) -> int:
        """Give up the oldest bodies while the spool is over its bound; each becomes gaps told upstream."""
        given_up = 0
        while self._spool.bytes_kept() > self._spool_bytes:
            oldest = self._spool.oldest_body()
            if oldest is None:
                break
            self._spool.give_up(oldest.seq, lost(oldest.segment))
            log.error("spool-full", gave_up_segment=oldest.seq, bound=self._spool_bytes)
            given_up += 1
        return given_up


def lost(sealed: segment.Segment) -> list[Gap]:
    """Return the gaps that losing a segment's body makes: its counters, by device and session."""
    header = segment.open_header(sealed.header)
    by_source: dict[tuple[str, str], Counters] = {}
    for reading in segment.open_body(header, sealed.body):
        by_source.setdefault((reading.device, reading.session), Counters()).add(reading.counter)
    return [
        Gap("spool-full", device, session, first, last)
        for (device, session), counters in by_source.items()
        for first, last in counters
    ]
