"""Read what the spool holds, tell devices what is held, and seal it into signed segments.

Decoding comes after the spool and resumes by row number, so a codec that stumbles never blocks the intake. A pack is
never split over two segments (ADR 3). What was decoded and not yet sealed is only in memory: after a crash it is
decoded again from the same rows.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_gateway.pack import Pack, PackError, decode, open_pack, reject_text
from cropmark_gateway.spool import Quarantined, Sealing, Spool, Stored
from cropmark_ingest import names, segment
from cropmark_ingest.clock import Clock
from cropmark_ingest.counters import Counters
from cropmark_ingest.reading import Flag, Reading
from cropmark_ingest.segment import NO_PREVIOUS, Gap

READ_ROWS: Final = 500
MAX_OPEN_GAPS: Final = segment.MAX_GAPS // 2
"""Close the segment when it has this many gaps of its own, so that older ones still fit beside them."""

log = structlog.get_logger()

Held = Callable[[str, str, tuple[tuple[int, int], ...]], None]
"""Tells device and session which ranges of counters are held."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a segment is closed."""

    readings: int = 4_096
    seconds: float = 1.0


@dataclass(slots=True)
class _Open:
    """The segment that is being filled."""

    readings: list[Reading] = field(default_factory=list)
    digests: dict[tuple[str, str, int], bytes] = field(default_factory=dict)
    quarantine: list[Quarantined] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    touched: set[tuple[str, str]] = field(default_factory=set)
    begun: float | None = None

    def count(self, name: str, by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by


class Sealer:
    """Works through the inbox. Used by one thread."""

    def __init__(  # noqa: PLR0913 - collaborators, by name
        self,
        spool: Spool,
        *,
        farm: str,
        gateway: str,
        key: Ed25519PrivateKey,
        limits: Limits,
        now: Clock,
        pace: Callable[[], float],
        held: Held,
        sealed: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._farm = farm
        self._gateway = gateway
        self._key = key
        self._limits = limits
        self._now = now
        self._pace = pace
        self._tell = held
        self._sealed = sealed
        self._monotonic = monotonic
        last = spool.last_header()
        self._seq = 0 if last is None else last[0] + 1
        self._prev = NO_PREVIOUS if last is None else last[1]
        self._held: dict[tuple[str, str], Counters] = spool.held()
        self._upto = 0
        self._open = _Open()

    def step(self) -> bool:
        """Decode what is new, seal what is due; tell whether there was anything to do."""
        rows = self._spool.inbox(self._upto, READ_ROWS)
        heard: dict[tuple[str, str], Counters] = {}
        for row in rows:
            self._take(row, heard)
            if len(self._open.readings) >= self._limits.readings or len(self._open.gaps) >= MAX_OPEN_GAPS:
                self._seal()
        # The payloads are durable in the inbox: their devices may let go of them.
        for (device, session), counters in heard.items():
            self._tell(device, session, tuple(counters))
        if self._due():
            self._seal()
        return bool(rows)

    def finish(self) -> bool:
        """Seal what is open, at a clean stop; tell whether there was anything."""
        if self._open.begun is None:
            return False
        self._seal()
        return True

    def _due(self) -> bool:
        return self._open.begun is not None and self._monotonic() - self._open.begun >= self._limits.seconds

    def _take(self, row: Stored, heard: dict[tuple[str, str], Counters]) -> None:
        self._upto = row.id
        if self._open.begun is None:
            self._open.begun = self._monotonic()
        message = row.message
        try:
            topic = names.parse_topic(message.topic)
            if topic.channel == "status":
                self._open.count("status")
                return
            pack = self._pack(topic, message.payload)
            if self._known(pack):
                heard.setdefault((pack.device, pack.session), Counters()).add(pack.counter)
                self._open.count("duplicates")
                return
        except names.BadNameError as error:
            self._set_aside(row, "unknown-topic", str(error))
            return
        except PackError as error:
            self._set_aside(row, error.reason, error.detail)
            return
        self._add(row, pack)
        heard.setdefault((pack.device, pack.session), Counters()).add(pack.counter)

    def _pack(self, topic: names.Topic, payload: bytes) -> Pack:
        if topic.channel != "up" or topic.farm != self._farm:
            raise PackError("unknown-topic", f"{str(topic)[:80]!r} is not a topic of this farm's devices")
        return open_pack(topic, payload)

    def _known(self, pack: Pack) -> bool:
        """Tell whether this very pack is held; raise if its counter is held with other bytes."""
        if pack.counter not in self._held.get((pack.device, pack.session), ()):
            return False
        identity = (pack.device, pack.session, pack.counter)
        digest = self._open.digests.get(identity) or self._spool.digest(*identity)
        if digest is not None and digest != pack.digest:
            raise PackError("counter-reused", f"{pack.device} sent counter {pack.counter} again with other bytes")
        return True

    def _add(self, row: Stored, pack: Pack) -> None:
        readings, rejects = decode(pack, row.message.arrived, self._pace())
        source = (pack.device, pack.session)
        self._held.setdefault(source, Counters()).add(pack.counter)
        self._open.touched.add(source)
        self._open.digests[*source, pack.counter] = pack.digest
        self._open.readings.extend(readings)
        for reading in readings:
            for flag in Flag(reading.flags):
                self._open.count(f"flag-{str(flag.name).lower().replace('_', '-')}")
        if rejects:
            self._set_aside(row, rejects[0].reason, reject_text(rejects))
            self._open.gaps.append(Gap("quarantined", pack.device, pack.session, pack.counter, pack.counter))

    def _set_aside(self, row: Stored, reason: str, detail: str) -> None:
        self._open.quarantine.append(Quarantined(row.message, reason, detail))
        self._open.count(f"quarantined-{reason}")
        log.warning("set-aside", topic=row.message.topic[:80], reason=reason, detail=detail[:200])

    def _seal(self) -> None:
        told, gaps = self._spool.gaps(segment.MAX_GAPS - len(self._open.gaps))
        gaps.extend(self._open.gaps)
        held: Mapping[tuple[str, str], Counters] = {source: self._held[source] for source in self._open.touched}
        digests = [(*identity, digest) for identity, digest in self._open.digests.items()]
        sealed = segment.seal(
            self._open.readings,
            farm=self._farm,
            gateway=self._gateway,
            seq=self._seq,
            prev=self._prev,
            sealed_at=self._now(),
            gaps=gaps,
            key=self._key,
        )
        sealing = Sealing(
            seq=self._seq,
            segment=sealed,
            digest=segment.header_digest(sealed.header),
            readings=len(self._open.readings),
            upto=self._upto,
            held=held,
            digests=digests,
            quarantine=self._open.quarantine,
            gaps_told=told,
            counts=self._open.counts,
        )
        if self._open.readings or gaps:
            self._spool.seal(sealing)
            self._seq, self._prev = sealing.seq + 1, sealing.digest
            self._sealed()
        else:
            self._spool.settle(sealing)
        self._open = _Open()
