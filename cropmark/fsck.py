"""``cropmark fsck``: check everything against everything, and say in words what does not agree."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from cropmark.chain import EmbeddedAnchors
from cropmark_ingest.audit import audit
from cropmark_ingest.service import Files
from cropmark_trace.anchoring import AnchorError
from cropmark_trace.wiring import Trace


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: in which ``part`` (archive, records, chain), of what kind, about what, and what is wrong."""

    part: str
    kind: str
    subject: str
    detail: str

    def to_json(self) -> dict[str, str]:
        """Return it as JSON."""
        return asdict(self)


def check(files: Files, trace: Trace, anchors: EmbeddedAnchors) -> Iterator[Finding]:
    """Yield every disagreement; reads everything, changes nothing."""
    for item in audit(files.archive, files.store, files.registry.gateway):
        yield Finding("archive", item.kind, item.subject, item.detail)
    for found in trace.fsck():
        yield Finding("records", found.kind, found.subject, found.detail)
    try:
        for sentence in anchors.damage():
            yield Finding("chain", "chain", "the embedded chain", sentence)
    except AnchorError as error:
        yield Finding("chain", "chain", "the embedded chain", str(error))
