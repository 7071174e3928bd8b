"""Receive segments: verify, archive, and only then give a receipt. What cannot be trusted goes to quarantine.

Order of arrival is free. A gap in the chain is a notice until it is filled; a fork (two different segments under one
number, or a header that does not name the one before it) is a notice that stays, and the segment that came second
lies in quarantine as evidence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest import names, receipt, segment
from cropmark_ingest.archive import Archive
from cropmark_ingest.clock import Clock
from cropmark_ingest.names import BadNameError, Topic
from cropmark_ingest.notices import Kind, Notices, Quarantine
from cropmark_ingest.receipt import Outcome
from cropmark_ingest.registry import Gateway
from cropmark_ingest.segment import Header, Segment, SegmentError

Enrolled = Callable[[bytes], Gateway | None]
_NO_BODY: Final = b""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt and the topic it goes to."""

    topic: str
    receipt: bytes


class _UntrustedError(Exception):
    def __init__(self, reason: str, detail: str, header: Header | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.header = header


class Receiver:
    """Takes segments in batches. Used by one thread."""

    def __init__(
        self, archive: Archive, *, enrolled: Enrolled, notices: Notices, quarantine: Quarantine, key: Ed25519PrivateKey,
        now: Clock,
    ) -> None:  # fmt: skip
        self._archive = archive
        self._enrolled = enrolled
        self._notices = notices
        self._quarantine = quarantine
        self._key = key
        self._now = now

    def receive(self, messages: Sequence[tuple[str, bytes]]) -> list[Answer]:
        """Take messages (topic, payload) in; what the answers say is durable when this returns.

        Raises :class:`~cropmark_ingest.archive.ArchiveError` or ``QuarantineFullError`` when nothing could be kept:
        then nothing may be acknowledged.
        """
        good: dict[tuple[bytes, int], tuple[Header, Segment]] = {}
        answers: list[Answer] = []
        for topic, payload in messages:
            try:
                header, opened = self._verify(topic, payload)
                earlier = good.get((header.key, header.seq))
                if self._is_new(header, None if earlier is None else earlier[0].digest):
                    good[header.key, header.seq] = (header, opened)
                answers.append(self._answer(header, Outcome.ARCHIVED))
            except _UntrustedError as error:
                self._set_aside(topic, payload, error)
                if error.header is not None:
                    answers.append(self._answer(error.header, Outcome.QUARANTINED, error.reason))
        if good:
            self._archive.append(list(good.values()))
            for header, _ in good.values():
                self._link(header)
        return answers

    def _is_new(self, header: Header, earlier: bytes | None) -> bool:
        """Tell whether a segment is not held yet; raise if another one is held under its number."""
        held = earlier or self._archive.digest(header.key, header.seq)
        if held is not None and held != header.digest:
            raise _UntrustedError("fork", f"segment {header.seq} differs from the one archived", header)
        return held is None

    def _verify(self, topic: str, payload: bytes) -> tuple[Header, Segment]:
        try:
            where = names.parse_topic(topic)
            opened = Segment.from_wire(payload)
            header = segment.open_header(opened.header)
        except BadNameError as error:
            raise _UntrustedError("unknown-topic", str(error)) from error
        except SegmentError as error:
            raise _UntrustedError("bad-segment", str(error)) from error
        if (where.farm, where.node) != (header.farm, header.gateway):
            raise _UntrustedError("wrong-topic", f"a segment of {header.farm}/{header.gateway} came on {topic}", header)
        gateway = self._enrolled(header.key)
        if gateway is None or (gateway.farm, gateway.gateway) != (header.farm, header.gateway):
            raise _UntrustedError(
                "unknown-key", f"key {header.key.hex()[:16]} is not enrolled for {header.farm}/{header.gateway}", header
            )
        # A gateway that had to give a body up still sends the header, so that the chain stays whole.
        if opened.body != _NO_BODY or header.body_length == 0:
            try:
                segment.open_body(header, opened.body)
            except SegmentError as error:
                raise _UntrustedError("bad-body", str(error), header) from error
        return header, opened

    def _set_aside(self, topic: str, payload: bytes, error: _UntrustedError) -> None:
        self._quarantine.keep(topic, error.reason, error.detail, payload)
        farm = error.header.farm if error.header is not None else _farm_of(topic)
        kind = Kind.CHAIN_FORK if error.reason == "fork" else Kind.QUARANTINED
        subject = (
            f"{error.header.gateway}/{error.header.seq}" if error.reason == "fork" and error.header else error.reason
        )
        self._notices.note(kind, farm, subject, error.detail)
        log.warning("segment-set-aside", topic=topic[:80], reason=error.reason, detail=error.detail[:200])

    def _answer(self, header: Header, outcome: Outcome, reason: str = "") -> Answer:
        data = receipt.issue(
            farm=header.farm,
            gateway=header.gateway,
            seq=header.seq,
            header_digest=header.digest,
            outcome=outcome,
            received_at=self._now(),
            reason=reason,
            key=self._key,
        )
        return Answer(str(Topic(header.farm, header.gateway, "receipt")), data)

    def _link(self, header: Header) -> None:
        """Look at the neighbours of a segment that was just archived."""
        before = self._archive.digest(header.key, header.seq - 1) if header.seq else segment.NO_PREVIOUS
        after = self._archive.digest(header.key, header.seq + 1)
        subject = f"{header.gateway}/{header.seq}"
        if before is None:
            self._notices.note(Kind.CHAIN_GAP, header.farm, subject, f"segment {header.seq - 1} has not arrived")
        elif before != header.prev:
            self._notices.note(Kind.CHAIN_FORK, header.farm, subject, f"does not follow segment {header.seq - 1}")
        if after is not None:
            self._notices.clear(Kind.CHAIN_GAP, header.farm, f"{header.gateway}/{header.seq + 1}")
            following = segment.open_header(self._archive.segment(header.key, header.seq + 1).header)
            if following.prev != header.digest:
                self._notices.note(
                    Kind.CHAIN_FORK, header.farm, f"{header.gateway}/{header.seq + 1}", f"does not follow {subject}"
                )
        for gap in header.gaps:
            packs = gap.last - gap.first + 1
            self._notices.note(
                Kind.GATEWAY_GAP,
                header.farm,
                f"{gap.device}/{gap.session}",
                f"{gap.reason}: packs {gap.first} to {gap.last}",
                packs,
            )


def _farm_of(topic: str) -> str:
    try:
        return names.parse_topic(topic).farm
    except BadNameError:
        return ""
