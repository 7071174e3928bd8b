"""Issue a batch's bundle: re-read, anchor, gather, build, verify, and only then store.

Nothing is issued from bytes that are not the logged ones, nor if a check of the verifier fails. Without a chain the
bundle is issued all the same, and the check ``anchor`` says so; publishing again later adds the anchor.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cropmark_ingest.clock import Clock
from cropmark_trace import bundle, multikey, rereading, tree, verify
from cropmark_trace.admission import RefusedError
from cropmark_trace.anchoring import Anchoring
from cropmark_trace.bundle import Anchor, Bundle, BundleError, LoggedKey, LoggedRecord, LoggedTree, Path
from cropmark_trace.chain_facts import ChainFacts, ChainQuestion
from cropmark_trace.gathering import Disclosure, Gathering
from cropmark_trace.jcs import JsonValue
from cropmark_trace.ledger import Ledger
from cropmark_trace.policy import Policy
from cropmark_trace.record import Record
from cropmark_trace.storage import AlteredError, AnchorFact, Batch, BundleFact, Head, HeaderTree, Store, StoredRecord
from cropmark_trace.verdict import Verdict

Ask = Callable[[ChainQuestion], ChainFacts | None]
"""Asks a chain what a verifier wants to know; None when it does not answer."""


class NotIssuedError(RuntimeError):
    """A check of the verifier failed on the bundle, so it was not issued; the text names the check."""


class Bundles(Protocol):
    """Where issued bundles are kept, by their SHA-256 in hex."""

    def write(self, data: bytes) -> str:
        """Store a bundle and return its digest once it is durable."""
        ...

    def read(self, digest: str) -> bytes:
        """Return a bundle; raise :class:`LookupError` if there is none, ``AlteredError`` if it was changed."""
        ...

    def location(self, digest: str) -> str:
        """Return where the bundle is kept, for people."""
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """An issued bundle: its digest, where it is kept, the anchor of its checkpoint, and the issuer's verdict."""

    batch: str
    sha256: str
    path: str
    anchor: AnchorFact | None
    verdict: Verdict


class Publishing:
    """Issues bundles from ``store``; ``policy`` gives what the verifier pins, ``ask`` lets it ask the chain."""

    def __init__(  # noqa: PLR0913 - what a bundle is made of
        self,
        *,
        store: Store,
        ledger: Ledger,
        gathering: Gathering,
        anchoring: Anchoring,
        bundles: Bundles,
        policy: Callable[[], Policy],
        clock: Clock,
        ask: Ask | None = None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._gathering = gathering
        self._anchoring = anchoring
        self._bundles = bundles
        self._policy = policy
        self._clock = clock
        self._ask = ask
        self._lock = threading.Lock()

    def publish(self, batch: Batch) -> Published:
        """Issue the bundle of ``batch``.

        Nothing is issued when it raises: ``AlteredError`` for altered data, :class:`NotIssuedError` for a failed check,
        ``RefusedError`` for a batch without records, ``StorageError`` if the disk fails.
        """
        with self._lock:
            return self._publish(batch)

    def _publish(self, batch: Batch) -> Published:
        now = self._store.batch(batch.batch)
        stored = self._store.records(batch.batch)
        head = self._ledger.head()
        newest = now.head if now else None
        if newest is not None and newest not in {item.id for item in stored}:
            raise AlteredError(f"record {newest.hex()}, the newest of batch {batch.batch}, is not stored")
        if not stored:
            raise RefusedError(f"batch {batch.batch} has no records yet. Add one first.")
        records = [rereading.opened_record(item) for item in stored]
        harvest = next((item for item in records if item.evidence is not None), None)
        shown = None
        if harvest is not None and harvest.evidence is not None:
            shown = self._gathering.disclose(harvest, harvest.evidence)
        trees = [self._tree(item.key, item.size) for item in (shown.trees if shown else ())]
        keys = self._keys(records, trees)
        rereading.check_head(head, self._ledger.origin, self._ledger.vkey)
        rereading.check_leaves(self._store, head, [*stored, *keys, *trees])
        anchor = self._anchoring.anchor(head)
        try:
            data = bundle.build(self._bundle(batch, head, anchor, stored, records, keys, trees, shown))
        except BundleError as error:
            raise NotIssuedError(f"batch {batch.batch} does not fit a bundle: {error}") from error
        verdict = self._verify(data, batch)
        digest = self._bundles.write(data)
        self._store.remember_bundle(
            BundleFact(
                batch.batch, digest, len(data), self._clock(), anchor.size if anchor else None,
                json.dumps(verdict.to_json()),
            )
        )  # fmt: skip
        return Published(batch.batch, digest, self._bundles.location(digest), anchor, verdict)

    def _verify(self, data: bytes, batch: Batch) -> Verdict:
        question = verify.question(data)
        chain = self._ask(question) if self._ask and question else None
        verdict = verify.verify(data, policy=self._policy(), batch=batch.batch, chain=chain)
        failed = [check for check in verdict.checks if check.result == "fail"]
        if failed:
            named = ", ".join(f"{check.name} ({check.code})" for check in failed)
            raise NotIssuedError(
                f"the bundle of batch {batch.batch} was not issued: it fails {named}. "
                "Run `cropmark fsck` to see what was altered."
            )
        return verdict

    def _tree(self, key: bytes, size: int) -> HeaderTree:
        found = self._store.header_tree(key, size)
        if found is None:
            raise AlteredError(f"the log has no header tree of size {size} of gateway {multikey.did(key)}")
        return found

    def _keys(self, records: Sequence[Record], trees: Sequence[HeaderTree]) -> list[StoredRecord]:
        """Return the key records of all signers and cited gateways, each once, in the order of the log."""
        dids = {signer.id for item in records for signer in item.signers} | {multikey.did(item.key) for item in trees}
        found = {}
        for did in dids:
            registered = self._store.key(did)
            stored = self._store.record(registered.record) if registered else None
            if stored is None:
                raise AlteredError(f"the key record of {did} is not stored")
            found[stored.index] = stored
        return [found[index] for index in sorted(found)]

    def _bundle(  # noqa: PLR0913, PLR0917 - the members of a bundle
        self,
        batch: Batch,
        head: Head,
        anchor: AnchorFact | None,
        stored: Sequence[StoredRecord],
        records: Sequence[Record],
        keys: Sequence[StoredRecord],
        trees: Sequence[HeaderTree],
        shown: Disclosure | None,
    ) -> Bundle:
        def path(index: int) -> Path:
            return tuple(tree.inclusion_path(self._store, index, head.size))

        return Bundle(
            batch=batch.batch,
            origin=self._ledger.origin,
            records=[
                LoggedRecord(said, item.index, path(item.index)) for said, item in zip(records, stored, strict=True)
            ],
            keys=[LoggedKey(rereading.opened_key(item), item.index, path(item.index)) for item in keys],
            checkpoint=head.note.decode(),
            anchor=_anchor(anchor),
            segments=[
                LoggedTree(cited, item.index, path(item.index))
                for cited, item in zip(shown.trees if shown else (), trees, strict=True)
            ],
            summary=shown.summary if shown else None,
            headers=shown.headers if shown else (),
            readings=shown.readings if shown else (),
        )

    def verdict(self, batch: str) -> Mapping[str, JsonValue] | None:
        """Return the issuer's verdict on the batch's newest bundle, as JSON, or None."""
        fact = self._store.newest_bundle(batch)
        if fact is None:
            return None
        said: dict[str, JsonValue] = json.loads(fact.verdict)
        return said


def _anchor(fact: AnchorFact | None) -> Anchor | None:
    if fact is None:
        return None
    return Anchor(fact.chain, fact.contract, fact.log_id, fact.block, fact.block_hash, fact.transaction, fact.time)
