"""Receive segments: verify, archive, and only then give a receipt. What cannot be trusted goes to quarantine.

Order of arrival is free; links are looked at afterwards (``watch``). A second segment under one number is a fork: it
lies in quarantine as evidence. A receipt names the digest of the header's bytes, so answering what only claims to be a
gateway's frees nothing in that gateway but those very bytes.
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
from cropmark_ingest.notices import Kind, Note, Notices, Quarantine, QuarantineFullError
from cropmark_ingest.receipt import Outcome
from cropmark_ingest.registry import Gateway
from cropmark_ingest.segment import Claim, Header, Segment, SegmentError
from cropmark_ingest.storage import StorageError

Enrolled = Callable[[bytes], Gateway | None]
_NO_BODY: Final = b""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt and the topic it goes to."""

    topic: str
    receipt: bytes


class _UntrustedError(Exception):
    """Why a message is set aside, and whose segment it says it is, if it does."""

    def __init__(self, reason: str, detail: str, claim: Claim | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.claim = claim


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
        self.trouble: str | None = None
        """Why some messages get no receipt at the moment, if so."""

    def receive(self, messages: Sequence[tuple[str, bytes]]) -> list[Answer]:
        """Take messages (topic, payload) in; what the answers say is durable when this returns.

        Raises :class:`~cropmark_ingest.storage.StorageError` when nothing could be kept: then nothing may be
        acknowledged. A message that finds the quarantine full gets no answer, and holds up none that can be archived.
        """
        good: dict[tuple[bytes, int], tuple[Header, Segment]] = {}
        answers: list[Answer] = []
        for topic, payload in messages:
            try:
                header, opened = self._verify(topic, payload)
                if self._is_new(header, opened, good.get((header.key, header.seq))):
                    good[header.key, header.seq] = (header, opened)
                answers.append(self._answer(_claim(header), Outcome.ARCHIVED))
            except _UntrustedError as error:
                kept = self._set_aside(topic, payload, error)
                if kept and error.claim is not None:
                    answers.append(self._answer(error.claim, Outcome.QUARANTINED, error.reason))
        if good:
            self._archive.append(list(good.values()))
        return answers

    def _is_new(self, header: Header, opened: Segment, earlier: tuple[Header, Segment] | None) -> bool:
        """Tell whether a segment is not held yet; raise if another one is held under its number."""
        held = self._archive.digest(header.key, header.seq) if earlier is None else earlier[0].digest
        if held is None:
            return True
        if held != header.digest:
            raise _UntrustedError("fork", f"segment {header.seq} differs from the one archived", _claim(header))
        # The same header again is news only if it brings the body that was missing.
        if not opened.body:
            return False
        return not (earlier[1].body if earlier is not None else self._archive.holds(header, body=True))

    def _verify(self, topic: str, payload: bytes) -> tuple[Header, Segment]:
        try:
            return self._trusted(topic, payload)
        except (_UntrustedError, StorageError):
            raise
        except Exception as error:  # a message that finds a fault in this code must not stop the ones behind it
            log.exception("internal-error", topic=topic[:80])
            raise _UntrustedError("internal-error", f"{type(error).__name__}: {error}") from error

    def _trusted(self, topic: str, payload: bytes) -> tuple[Header, Segment]:
        claim = None
        try:
            where = names.parse_topic(topic)
            opened = Segment.from_wire(payload)
            claim = segment.claimed(opened.header)
            header = segment.open_header(opened.header)
        except BadNameError as error:
            raise _UntrustedError("unknown-topic", str(error)) from error
        except SegmentError as error:
            raise _UntrustedError("bad-segment", str(error), claim) from error
        if (where.farm, where.node) != (header.farm, header.gateway):
            raise _UntrustedError("wrong-topic", f"a segment of {header.farm}/{header.gateway} came on {topic}", claim)
        gateway = self._enrolled(header.key)
        if gateway is None or (gateway.farm, gateway.gateway) != (header.farm, header.gateway):
            raise _UntrustedError(
                "unknown-key", f"key {header.key.hex()[:16]} is not enrolled for {header.farm}/{header.gateway}", claim
            )
        # A gateway that had to give a body up still sends the header, so that the chain stays whole.
        if opened.body != _NO_BODY or header.body_length == 0:
            try:
                segment.open_body(header, opened.body)
            except SegmentError as error:
                raise _UntrustedError("bad-body", str(error), claim) from error
        return header, opened

    def _set_aside(self, topic: str, payload: bytes, error: _UntrustedError) -> bool:
        """Keep a message in quarantine and tell whether it could be kept."""
        try:
            new = self._quarantine.keep(topic, error.reason, error.detail, payload)
        except QuarantineFullError as full:
            if self.trouble is None:
                log.error("quarantine-full", reason=str(full))  # noqa: TRY400 - the text says it all
                self._notices.note(Note(Kind.QUARANTINE_FULL, "", "quarantine", str(full)))
            self.trouble = str(full)
            return False
        self.trouble = None
        if error.reason == "fork" and error.claim is not None:
            kind, subject = Kind.CHAIN_FORK, f"{error.claim.gateway}/{error.claim.seq}"
        else:
            kind, subject = Kind.QUARANTINED, error.reason
        # Sent again because its receipt was lost: seen again, not one more.
        self._notices.note(Note(kind, _farm_of(topic), subject, error.detail, 1 if new else 0))
        log.warning("segment-set-aside", topic=topic[:80], reason=error.reason, detail=error.detail[:200])
        return True

    def _answer(self, claim: Claim, outcome: Outcome, reason: str = "") -> Answer:
        data = receipt.issue(
            farm=claim.farm,
            gateway=claim.gateway,
            seq=claim.seq,
            header_digest=claim.digest,
            outcome=outcome,
            received_at=self._now(),
            reason=reason,
            key=self._key,
        )
        return Answer(str(Topic(claim.farm, claim.gateway, "receipt")), data)


def _claim(header: Header) -> Claim:
    return Claim(header.farm, header.gateway, header.seq, header.digest)


def _farm_of(topic: str) -> str:
    try:
        return names.parse_topic(topic).farm
    except BadNameError:
        return ""
