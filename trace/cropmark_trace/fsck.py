"""Check a whole installation: replay the log, then hold it against the archive, the chain and the issued bundles.

Reads only, through the ports; one finding does not stop the search. Who altered something cannot be told, nor what was
never logged. Only what the log cites of the archive is looked at; the rest is ingest's own check.
"""

from collections.abc import Iterator
from itertools import groupby

from cropmark_trace import multikey, season
from cropmark_trace.anchoring import AnchorError, Anchors
from cropmark_trace.publishing import Bundles
from cropmark_trace.replay import Finding, Replay
from cropmark_trace.season import GatewayTree, SeasonSource
from cropmark_trace.storage import AlteredError, AnchorFact, HeaderTree, Store


class Fsck:
    """Checks ``store``; a port that is None is not looked at."""

    def __init__(
        self,
        store: Store,
        replay: Replay,
        *,
        source: SeasonSource | None,
        anchors: Anchors | None,
        bundles: Bundles | None,
    ) -> None:
        self._store = store
        self._replay = replay
        self._source = source
        self._anchors = anchors
        self._bundles = bundles

    def findings(self) -> Iterator[Finding]:
        """Yield all that does not fit; nothing if all is well."""
        yield from self._replay.findings()
        by_key = sorted(self._replay.header_trees, key=lambda item: (item.key, item.size))
        for key, trees in groupby(by_key, key=lambda item: item.key):
            if self._source is not None:
                yield from _archived(self._source, key, list(trees))
        for fact in self._store.anchors():
            yield from self._anchored(fact)
        for batch in self._replay.batches:
            yield from self._issued(batch)

    def _anchored(self, fact: AnchorFact) -> Iterator[Finding]:
        name = f"size {fact.size} in block {fact.block} of chain {fact.chain}"
        roots = {head.size: head.root for head in self._store.checkpoints()}
        if roots.get(fact.size) != fact.root:
            yield Finding("anchor", name, "anchors another root than the log's checkpoint of this size has")
        if self._anchors is None:
            return
        try:
            if (fact.chain, fact.contract) != (self._anchors.chain_id, self._anchors.contract):
                yield Finding("not-checked", name, "lies on another chain or contract than the one that can be asked")
                return
            root, block = self._anchors.root_at(fact.size), self._anchors.block_hash(fact.block)
        except AnchorError as error:
            yield Finding("not-checked", name, f"the chain does not answer: {error}")
            return
        if root != fact.root:
            held = "no root" if root is None else f"root {root.hex()}"
            yield Finding("anchor", name, f"the chain holds {held} for this size")
        if block != fact.block_hash:
            yield Finding("anchor", name, "the chain has another block there now: publish again to anchor again")

    def _issued(self, batch: str) -> Iterator[Finding]:
        fact = self._store.newest_bundle(batch)
        if fact is None or self._bundles is None:
            return
        try:
            self._bundles.read(fact.sha256)
        except LookupError:
            yield Finding("bundle", fact.sha256, f"the newest bundle of batch {batch} is gone: publish it again")
        except AlteredError as error:
            yield Finding("bundle", fact.sha256, str(error))


def _archived(source: SeasonSource, key: bytes, logged: list[HeaderTree]) -> Iterator[Finding]:
    """Yield what the archive no longer has as it was logged; ``logged`` by size."""
    name = multikey.did(key)
    try:
        opened = season.open_tree(source, key, logged[-1].size)
    except (AlteredError, LookupError) as error:
        yield Finding("archive", name, str(error))
        return
    for item in logged:
        if opened.root(item.size) != item.root:
            yield Finding("archive", name, f"its first {item.size} headers are not those of entry {item.index}")
    yield from _bodies(source, opened)


def _bodies(source: SeasonSource, opened: GatewayTree) -> Iterator[Finding]:
    for header in opened.opened:
        try:
            season.open_segment(source, opened, header.seq)
        except AlteredError as error:
            yield Finding("archive", f"{multikey.did(opened.key)} segment {header.seq}", str(error))
