"""Verify a bundle: bytes in, verdict out (docs/formats.md §10).

Pure: no clock, no network, no files. What a policy, a chain or an archive says is given as values. Hostile bytes give a
verdict with a failed check, or :class:`UnusableBundleError`; nothing else is raised. Mass balance and recall status are
not in this version and say so. The JavaScript verifier of the shopper's page gives the same names, results and codes.
"""

from collections.abc import Iterable

from cropmark_ingest.segment import Segment
from cropmark_trace import bundle, check_anchor, check_evidence, check_log, check_records
from cropmark_trace.bundle import Bundle, BundleError
from cropmark_trace.chain_facts import ChainFacts, ChainQuestion
from cropmark_trace.policy import Policy
from cropmark_trace.verdict import CODES, Check, Finding, Verdict, settle


def question(data: bytes) -> ChainQuestion | None:
    """Return what to ask a chain about this bundle, or None. Raise :class:`UnusableBundleError` as :func:`verify`."""
    try:
        opened = bundle.parse(data)
    except BundleError:
        return None
    return check_anchor.question(opened, check_log.opened(opened))


def verify(
    data: bytes,
    *,
    policy: Policy | None,
    batch: str | None = None,
    chain: ChainFacts | None = None,
    segments: Iterable[Segment] | None = None,
    block_hash: str | None = None,
) -> Verdict:
    """Return the verdict on a bundle's bytes.

    ``batch`` is the scanned code, ``chain`` what an RPC outside the bundle answered to :func:`question`, ``segments``
    those of the archive, ``block_hash`` (0x-hex) the anchor's block as a person knows it from elsewhere.
    Raise :class:`bundle.UnusableBundleError` for bytes that are no bundle.
    """
    try:
        opened = bundle.parse(data)
    except BundleError as error:
        return _unread(error)
    return _checked(opened, policy, batch, chain, segments, block_hash)


def _unread(error: BundleError) -> Verdict:
    first = settle("schema", [Finding(error.defect, {"reason": str(error)})])
    rest = [settle(name, [Finding("not-readable")]) for name in CODES if name != "schema"]
    return Verdict(None, (first, *rest))


def _checked(
    opened: Bundle,
    policy: Policy | None,
    batch: str | None,
    chain: ChainFacts | None,
    segments: Iterable[Segment] | None,
    block_hash: str | None,
) -> Verdict:
    said = check_log.opened(opened)
    later = [Finding("not-in-this-version")]
    checks: tuple[Check, ...] = (
        settle("schema", check_records.schema(opened, batch)),
        settle("signatures", check_records.signatures(opened)),
        settle("keys", check_records.keys(opened, policy)),
        settle("chain", check_records.chain(opened)),
        settle("log", check_log.log(opened, said, policy)),
        settle("witnesses", check_log.witnesses(opened, policy)),
        settle("anchor", check_anchor.anchored(opened, said, policy, chain, block_hash)),
        settle("time-window", check_anchor.time_window(opened, policy, chain, block_hash)),
        settle("mass-balance", later),
        settle("evidence", check_evidence.check(opened, segments)),
        settle("status", later),
    )
    return Verdict(opened.batch, checks)
