"""The checks ``log`` and ``witnesses``: is all of it under one signed checkpoint, and who else saw that checkpoint.

Pure. Inclusion proofs are RFC 9162's, checkpoints C2SP's. That the log never showed anybody another history is what
witnesses and anchors are for.
"""

from collections.abc import Iterator
from hashlib import sha256

from cropmark_ingest import merkle
from cropmark_trace import checkpoint, entry
from cropmark_trace.bundle import Bundle, Path
from cropmark_trace.checkpoint import Checkpoint, NoteError
from cropmark_trace.policy import Policy
from cropmark_trace.verdict import Finding


def opened(bundle: Bundle) -> Checkpoint | None:
    """Return what the bundle's checkpoint says, unverified, or None if it is no checkpoint."""
    try:
        return checkpoint.parse_text(checkpoint.parse_note(bundle.checkpoint).text)
    except NoteError:
        return None


def log(bundle: Bundle, said: Checkpoint | None, policy: Policy | None) -> Iterator[Finding]:
    """Yield what is wrong with the checkpoint, then what is not under it."""
    if said is None:
        yield Finding("checkpoint-malformed")
        return
    if said.origin != bundle.origin or (policy is not None and said.origin != policy.origin):
        yield Finding("other-origin", {"origin": said.origin})
    if policy is not None:
        yield from _signed(bundle, policy)
    for number, item in enumerate(bundle.records, start=1):
        data = entry.record_entry(item.record.id, sha256(item.record.data).digest())
        if not _under(said, data, item.index, item.path):
            yield Finding("record-not-in-log", {"record": number})
    for number, logged in enumerate(bundle.keys, start=1):
        data = entry.record_entry(logged.key.id, sha256(logged.key.data).digest())
        if not _under(said, data, logged.index, logged.path):
            yield Finding("key-not-in-log", {"key": number})
    for number, cited in enumerate(bundle.segments, start=1):
        data = entry.segments_entry(cited.tree.key, cited.tree.size, cited.tree.root)
        if not _under(said, data, cited.index, cited.path):
            yield Finding("segments-not-in-log", {"gateway": number})
    yield Finding("ok" if policy else "no-policy", {"origin": said.origin, "size": said.size})


def _signed(bundle: Bundle, policy: Policy) -> Iterator[Finding]:
    try:
        checkpoint.open_note(bundle.checkpoint, [policy.log_key])
    except NoteError as error:
        yield Finding("checkpoint-forged" if error.defect == "forged" else "checkpoint-not-signed")


def _under(said: Checkpoint, data: bytes, index: int, path: Path) -> bool:
    return merkle.verify_inclusion(merkle.leaf_hash(data), index, said.size, path, said.root)


def witnesses(bundle: Bundle, policy: Policy | None) -> Iterator[Finding]:
    """Yield how many independent operators cosigned the checkpoint, of those that the policy names."""
    operators = policy.witness_vkeys() if policy else {}
    if not operators:
        yield Finding("none")
        return
    quorum = max(1, policy.quorum if policy else 0)
    seen: set[str] = set()
    try:
        found = checkpoint.open_note(bundle.checkpoint, operators)
        seen = {operators[str(key)] for key, _ in found.cosigned}
    except NoteError as error:
        if error.defect == "forged":
            yield Finding("forged")
    names = sorted(seen)
    if len(seen) < quorum:
        yield Finding("too-few", {"operators": list(names), "quorum": quorum})
    yield Finding("ok", {"operators": list(names), "quorum": quorum})
