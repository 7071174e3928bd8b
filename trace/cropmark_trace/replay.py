"""Compute the log and the tables that follow from it again, entry by entry, and yield what does not fit.

Each entry is judged by what the entries before it say, never by the derived tables, which are compared at the end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Final, Literal

from cropmark_ingest import merkle
from cropmark_trace import checkpoint, entry, multikey, tree
from cropmark_trace.admission import proof_defect
from cropmark_trace.checkpoint import Checkpoint, NoteError
from cropmark_trace.entry import EntryError, RecordEntry, SegmentsEntry
from cropmark_trace.key_record import KeyRecord
from cropmark_trace.record import Record
from cropmark_trace.rereading import opened_key, opened_record
from cropmark_trace.storage import AlteredError, Head, HeaderTree, RegisteredKey, Store, StoredRecord
from cropmark_trace.tree import Place, Rising

Kind = Literal[
    "entry", "node", "checkpoint", "record", "key", "batch", "segments", "archive", "anchor", "bundle", "not-checked",
]  # fmt: skip
_CHUNK: Final = 256


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit: what kind of thing, which one, and how. ``not-checked``: a port was silent."""

    kind: Kind
    subject: str
    detail: str


class Replay:
    """One run over ``store``, whose log has ``origin`` and ``vkey`` and believes the key records of ``registrar``.

    After :meth:`findings` is used up, ``header_trees`` and ``batches`` hold what the log says.
    """

    def __init__(self, store: Store, *, origin: str, vkey: str, registrar: str) -> None:
        self._store = store
        self._origin = origin
        self._vkey = vkey
        self._registrar = registrar
        self._rising = Rising()
        self._edge: dict[Place, bytes] = {}
        self._sound = True
        self._records: Iterator[StoredRecord] = iter(())
        self._next: StoredRecord | None = None
        self._keys: dict[str, RegisteredKey] = {}
        self._sizes: dict[bytes, int] = {}
        self._cited: set[tuple[bytes, int, bytes]] = set()
        self.header_trees: list[HeaderTree] = []
        self.batches: dict[str, bytes] = {}

    def findings(self) -> Iterator[Finding]:
        """Yield all findings about log, records and derived tables."""
        head = self._store.head()
        if head is None:
            yield Finding("checkpoint", "log", "there is no checkpoint at all")
            return
        self._records = self._store.all_records()
        self._next = next(self._records, None)
        checkpoints = list(self._store.checkpoints())
        if checkpoints[-1].size != head.size:
            yield Finding("checkpoint", f"size {checkpoints[-1].size}", f"the log's head is set back to {head.size}")
        for first in range(0, checkpoints[-1].size, _CHUNK):
            end = min(first + _CHUNK, checkpoints[-1].size)
            data = self._store.leaves(first, end)
            if len(data) != end - first:
                lost = end - first - len(data)
                yield Finding("entry", f"entries {first} to {end - 1}", f"{lost} of them are not stored")
                return
            yield from self._chunk(first, data, checkpoints)
        yield from self._checkpoint(checkpoints[0], merkle.EMPTY_ROOT) if checkpoints[0].size == 0 else ()
        if self._store.leaves(checkpoints[-1].size, checkpoints[-1].size + 1):
            yield Finding("entry", f"entry {checkpoints[-1].size}", "stands in the log under no checkpoint")
        if self._next is not None:
            where = f"stands at entry {self._next.index}, which the log does not have"
            yield Finding("record", self._next.id.hex(), where)
        yield from self._derived()

    def _chunk(self, first: int, data: Sequence[bytes], checkpoints: Sequence[Head]) -> Iterator[Finding]:
        hashes = merkle.leaf_hashes(data)
        yield from self._nodes(first, hashes)
        signed = {head.size: head for head in checkpoints if first < head.size <= first + len(data)}
        for index, leaf in enumerate(data, start=first):
            self._rising.add(hashes[index - first])
            yield from self._entry(index, leaf)
            if index + 1 in signed:
                yield from self._checkpoint(signed[index + 1], self._rising.root())

    def _nodes(self, first: int, hashes: Sequence[bytes]) -> Iterator[Finding]:
        """Compare the stored hashes with the computed ones; above an altered entry all differ and are not told."""
        computed = tree.grow(self._edge, first, hashes)
        stored = self._store.nodes(list(computed))
        wrong = sorted(place for place, value in computed.items() if stored.get(place) != value)
        for level, places in groupby(wrong, key=lambda place: place[0]):
            if not self._sound:
                break
            for _, index in places:
                if level == 0:
                    yield Finding("entry", f"entry {index}", "its bytes are not those that were logged")
                else:
                    yield Finding("node", f"node {index} of level {level}", "is not the hash of what is below it")
            self._sound = False
        known = {**self._edge, **computed}
        self._edge = {place: known[place] for place in tree.cover(0, first + len(hashes))}

    def _checkpoint(self, head: Head, root: bytes) -> Iterator[Finding]:
        name = f"size {head.size}"
        try:
            said = checkpoint.parse_text(checkpoint.open_note(head.note.decode(), [self._vkey]).text)
        except (NoteError, UnicodeDecodeError) as error:
            yield Finding("checkpoint", name, f"is not signed by the log's key: {error}")
            return
        if said != Checkpoint(self._origin, head.size, head.root):
            yield Finding("checkpoint", name, "is stored with another size or root than it says")
        if said.root != root:
            yield Finding("checkpoint", name, "the entries before it do not give its root: one of them was altered")

    def _entry(self, index: int, leaf: bytes) -> Iterator[Finding]:
        while self._next is not None and self._next.index < index:
            yield Finding("record", self._next.id.hex(), f"stands at entry {self._next.index}, which is not a record's")
            self._next = next(self._records, None)
        try:
            said = entry.parse(leaf)
        except EntryError as error:
            yield Finding("entry", f"entry {index}", str(error))
            return
        if isinstance(said, SegmentsEntry):
            yield from self._tree(index, said)
            return
        stored = self._next if self._next is not None and self._next.index == index else None
        if stored is None:
            yield Finding("record", said.id.hex(), f"is logged as entry {index}, and its bytes are not stored")
            return
        self._next = next(self._records, None)
        yield from self._record(said, stored)

    def _record(self, said: RecordEntry, stored: StoredRecord) -> Iterator[Finding]:
        name = said.id.hex()
        if said.digest != sha256(stored.data).digest() or said.id != stored.id:
            what = f"{stored.step} of batch {stored.batch}" if stored.batch else "key record"
            yield Finding("record", name, f"entry {stored.index} ({what}): its bytes are not those that were logged")
        try:
            opened = opened_record(stored) if stored.batch is not None else opened_key(stored)
        except AlteredError as error:
            yield Finding("record", name, str(error))
            return
        defect = proof_defect(opened.document, opened.signers)
        if defect is not None:
            yield Finding("record", name, f"entry {stored.index}: {defect}")
        if isinstance(opened, Record):
            yield from self._batch_record(stored, opened)
        else:
            yield from self._key_record(stored, opened)

    def _batch_record(self, stored: StoredRecord, opened: Record) -> Iterator[Finding]:
        head = self.batches.get(opened.batch)
        if opened.previous != (() if head is None else (head,)):
            yield Finding(
                "batch", opened.batch, f"entry {stored.index} does not name the record before it: one is lost or added"
            )
        for signer in opened.signers:
            key = self._keys.get(signer.id)
            if key is None or (key.use, key.role, key.farm) != ("record", signer.role, opened.farm):
                yield Finding(
                    "key", signer.id, f"signed entry {stored.index} as {signer.role} without being registered for it"
                )
        for cited in opened.evidence.gateways if opened.evidence else ():
            if (cited.key, cited.size, cited.root) not in self._cited:
                yield Finding(
                    "segments", multikey.did(cited.key), f"entry {stored.index} cites a header tree that is not logged"
                )
        self.batches[opened.batch] = stored.id

    def _key_record(self, stored: StoredRecord, opened: KeyRecord) -> Iterator[Finding]:
        if opened.registrar != self._registrar or opened.key in self._keys:
            yield Finding("key", opened.key, f"entry {stored.index} is by another registrar, or registers it again")
            return
        self._keys[opened.key] = RegisteredKey(
            opened.key, opened.farm, opened.party, opened.name, opened.role, opened.use,
            opened.custody, opened.registrar, stored.index, stored.id,
        )  # fmt: skip

    def _tree(self, index: int, said: SegmentsEntry) -> Iterator[Finding]:
        did = multikey.did(said.key)
        key = self._keys.get(did)
        if key is None or key.use != "segment":
            yield Finding("key", did, f"entry {index} cites its headers, and it is not registered for that")
        if self._sizes.get(said.key, 0) >= said.size:
            yield Finding("segments", did, f"entry {index} does not go on from the one before it")
        self._sizes[said.key] = said.size
        self._cited.add((said.key, said.size, said.root))
        self.header_trees.append(HeaderTree(index, said.key, said.size, said.root))

    def _derived(self) -> Iterator[Finding]:
        stored_keys = {key.did: key for key in self._store.registered_keys()}
        for did in sorted(stored_keys.keys() | self._keys.keys()):
            if stored_keys.get(did) != self._keys.get(did):
                yield Finding("key", did, "the table of keys says something else than the logged key records")
        if self._store.header_trees() != self.header_trees:
            yield Finding("segments", "header trees", "the table of header trees says something else than the log")
        for batch, newest in self.batches.items():
            stored = self._store.batch(batch)
            if stored is None or stored.head != newest:
                yield Finding("batch", batch, "the table of batches does not have its newest record as head")
