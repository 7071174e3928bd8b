"""The ledger: the one sequencer of the log, which lets in what ``admission`` does.

An append, its checkpoint and everything derived from it are one transaction, durable when it returns. A second writer
is noticed by compare-and-swap on the log's head; the append is then judged and made again on the new head. Making and
signing records is the affair of ``parties`` and ``batches``.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest import merkle
from cropmark_ingest.cose import public_bytes
from cropmark_trace import checkpoint, multikey, tree
from cropmark_trace.admission import Admission, Entry, RefusedError
from cropmark_trace.checkpoint import Checkpoint
from cropmark_trace.storage import Change, Head, HeadMovedError, Store
from cropmark_trace.tree import Place

RETRIES: Final = 5
MAX_ENTRIES: Final = 1_000
NO_HEAD: Final = -1


class WrongLogError(RuntimeError):
    """The stored log was signed by another key, or for another origin, than this installation has."""


def _signed(origin: str, key: Ed25519PrivateKey, size: int, root: bytes) -> Head:
    return Head(size, root, checkpoint.sign(Checkpoint(origin, size, root), origin, key).encode())


def start(store: Store, origin: str, key: Ed25519PrivateKey) -> Head:
    """Sign the empty log at the first start; later, raise :class:`WrongLogError` unless the log is this key's."""
    head = store.head()
    if head is None:
        head = _signed(origin, key, 0, merkle.EMPTY_ROOT)
        store.commit(Change(NO_HEAD, head))
    vkey = checkpoint.vkey(origin, public_bytes(key))
    try:
        said = checkpoint.parse_text(checkpoint.open_note(head.note.decode(), [vkey]).text)
    except (checkpoint.NoteError, UnicodeDecodeError) as error:
        raise WrongLogError(
            f"the stored log is not signed by this installation's log key under {origin!r}: {error}. "
            "Restore keys/ and the records' database from the same backup, or set the origin back."
        ) from error
    if said != Checkpoint(origin, head.size, head.root):
        raise WrongLogError("the newest checkpoint says another size or root than is stored. Run cropmark fsck.")
    return head


class Ledger:
    """Appends to the log in ``store``, which was started under ``origin`` with ``key``.

    ``registrar`` is the DID whose key records are believed.
    """

    def __init__(self, store: Store, *, origin: str, key: Ed25519PrivateKey, registrar: str) -> None:
        self._store = store
        self._key = key
        self._lock = threading.Lock()
        self.origin = origin
        self.registrar = registrar

    @property
    def vkey(self) -> str:
        """Return the log's verifier key (C2SP)."""
        return checkpoint.vkey(self.origin, public_bytes(self._key))

    def head(self) -> Head:
        """Return the newest checkpoint; raise :class:`WrongLogError` before :func:`start`."""
        head = self._store.head()
        if head is None:
            raise WrongLogError("the log has no checkpoint: it was not started")
        return head

    def append(self, entries: Sequence[Entry]) -> list[int]:
        """Log ``entries`` together, in order, and return their indices once they are durable.

        Raise :class:`RefusedError` if one must not be logged (then none is), ``StorageError`` if the storage fails.
        """
        if not 0 < len(entries) <= MAX_ENTRIES:
            raise RefusedError(f"an append has 1 to {MAX_ENTRIES} entries, not {len(entries)}")
        with self._lock:
            for _ in range(RETRIES - 1):
                try:
                    return self._append(entries)
                except HeadMovedError:
                    continue
            return self._append(entries)

    def _append(self, entries: Sequence[Entry]) -> list[int]:
        head = self.head()
        taken = Admission(
            self._store, head.size, registrar=self.registrar, log=multikey.did(public_bytes(self._key))
        )  # fmt: skip
        for item in entries:
            taken.take(item)
        edge = self._store.nodes(tree.cover(0, head.size))
        nodes = tree.grow(edge, head.size, merkle.leaf_hashes(taken.leaves))
        new = _signed(self.origin, self._key, taken.size, tree.root(_Both(edge, nodes), taken.size))
        self._store.commit(Change(head.size, new, taken.leaves, nodes, taken.records, taken.keys, taken.header_trees))
        return list(range(head.size, taken.size))


class _Both:
    """The nodes of an append: those on the edge of the stored tree, and the new ones."""

    def __init__(self, edge: Mapping[Place, bytes], new: Mapping[Place, bytes]) -> None:
        self._found = {**edge, **new}

    def nodes(self, places: Sequence[Place]) -> dict[Place, bytes]:
        return {place: self._found[place] for place in places if place in self._found}
