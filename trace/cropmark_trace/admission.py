"""What may enter the log: an entry is judged against the state before it (docs/formats.md §6, §7).

The state is what the storage has, and what earlier entries of the same append add. Refused are incomplete or unlisted
proofs, keys that are not registered for that use, role and farm, records that do not stand on the head of their batch,
header trees that add nothing, and evidence that is not logged. Who says it and in what order is judged, not its truth.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from cropmark_trace import credential, entry, key_record, multikey, proof, record
from cropmark_trace.credential import RecordError, Signer
from cropmark_trace.entry import SegmentsEntry
from cropmark_trace.jcs import JsonValue
from cropmark_trace.key_record import KeyRecord
from cropmark_trace.record import Record
from cropmark_trace.storage import HeaderTree, RegisteredKey, Store, StoredRecord

Entry = bytes | SegmentsEntry
"""What can be appended: the bytes of a signed record or key record, or a gateway's header tree."""


class RefusedError(ValueError):
    """An entry that must not enter the log; the text says why and what to do. Nothing of its append was recorded."""


def proof_defect(document: Mapping[str, JsonValue], signers: Sequence[Signer]) -> str | None:
    """Return what is wrong with a record's proof set (one good proof of each signer, in order, no other), or None."""
    proofs = document.get("proof")
    if not isinstance(proofs, list) or len(proofs) != len(signers):
        count = len(proofs) if isinstance(proofs, list) else 0
        return f"it has {count} signatures, and {len(signers)} are required"
    plain = credential.without_proof(document)
    for signer, found in zip(signers, proofs, strict=True):
        if not isinstance(found, dict) or found.get("verificationMethod") != multikey.verification_method(signer.id):
            return f"the signature of {signer.id} is missing, or not in the order of the required signers"
        if not proof.verify(plain, found):
            return f"the signature of {signer.id} does not verify"
    return None


class Admission:
    """The entries of one append to a log of ``size`` leaves: :meth:`take` them in order, then store what is gathered.

    ``registrar`` is the DID whose key records are believed, ``log`` that of the log's own key.
    """

    def __init__(self, store: Store, size: int, *, registrar: str, log: str) -> None:
        self._store = store
        self._size = size
        self._registrar = registrar
        self._log = log
        self._heads: dict[str, bytes] = {}
        self._records: dict[bytes, StoredRecord] = {}
        self._keys: dict[str, RegisteredKey] = {}
        self.leaves: list[bytes] = []
        self.header_trees: list[HeaderTree] = []

    @property
    def size(self) -> int:
        """Return the log's size with what was taken, which is also the next entry's index."""
        return self._size + len(self.leaves)

    @property
    def records(self) -> list[StoredRecord]:
        """Return the records that were taken."""
        return list(self._records.values())

    @property
    def keys(self) -> list[RegisteredKey]:
        """Return the keys that the taken records register."""
        return list(self._keys.values())

    def take(self, item: Entry) -> None:
        """Take the next entry; raise :class:`RefusedError`."""
        if isinstance(item, SegmentsEntry):
            self._take_tree(item)
        else:
            self._take_record(item)

    def _key(self, did: str) -> RegisteredKey | None:
        return self._keys.get(did) or self._store.key(did)

    def _take_tree(self, item: SegmentsEntry) -> None:
        did = multikey.did(item.key)
        registered = self._key(did)
        if registered is None or registered.use != "segment":
            raise RefusedError(f"{did} is not registered as a gateway's key. Enrol the gateway first.")
        known = [tree.size for tree in self.header_trees if tree.key == item.key]
        stored = self._store.header_tree(item.key)
        newest = max([*known, stored.size if stored else 0])
        if item.size <= newest:
            raise RefusedError(
                f"the header tree of gateway {registered.party} is logged up to {newest} headers already; "
                f"one of {item.size} adds nothing. Cite the logged one."
            )
        self.header_trees.append(HeaderTree(self.size, item.key, item.size, item.root))
        self.leaves.append(entry.segments_entry(item.key, item.size, item.root))

    def _take_record(self, data: bytes) -> None:
        try:
            if credential.read(data).get("type") == ["VerifiableCredential", key_record.KIND]:
                stored = self._check_key(key_record.parse(data))
            else:
                stored = self._check_record(record.parse(data))
        except RecordError as error:
            raise RefusedError(f"not a record of this version: {error}. Make it again from its facts.") from error
        if stored.id in self._records or self._store.record(stored.id) is not None:
            raise RefusedError(f"record {stored.id.hex()} is logged already")
        self._records[stored.id] = stored
        self.leaves.append(entry.record_entry(stored.id, sha256(data).digest()))

    def _check_key(self, said: KeyRecord) -> StoredRecord:
        what = f"the key record of {said.party} (farm {said.farm})"
        if said.registrar != self._registrar:
            raise RefusedError(f"{what} is not by this installation's registrar, {self._registrar}")
        _complete(what, said.document, said.signers)
        known = self._key(said.key)
        if known is not None:
            raise RefusedError(
                f"{said.key} is registered already, as {known.use} key of {known.party} (farm {known.farm}): "
                "a key has one use. Make another key."
            )
        if said.key in {self._registrar, self._log}:
            raise RefusedError(f"{said.key} is the registrar's or the log's own key. Make another key.")
        self._keys[said.key] = RegisteredKey(
            said.key, said.farm, said.party, said.name, said.role, said.use,
            said.custody, said.registrar, self.size, said.id,
        )  # fmt: skip
        return StoredRecord(self.size, said.id, said.data, said.farm, None, None, said.written_at)

    def _check_record(self, said: Record) -> StoredRecord:
        what = f"the {said.step} record of batch {said.batch}"
        batch = self._store.batch(said.batch)
        if batch is None or (batch.farm, batch.field) != (said.farm, said.field):
            raise RefusedError(f"{what}: farm {said.farm} has no such batch in field {said.field}. Open it first.")
        head = self._heads.get(said.batch, batch.head)
        if said.previous != (() if head is None else (head,)):
            named = ", ".join(item.hex() for item in said.previous) or "none"
            raise RefusedError(
                f"{what} names {named} as the record before it; the batch's newest is "
                f"{'none' if head is None else head.hex()}. Make the record again on top of that."
            )
        for signer in said.signers:
            self._check_signer(what, said.farm, signer)
        _complete(what, said.document, said.signers)
        for cited in said.evidence.gateways if said.evidence else ():
            if not self._is_logged(cited.key, cited.size, cited.root):
                raise RefusedError(
                    f"{what} cites a header tree of gateway {multikey.did(cited.key)} that is not logged. Log it first."
                )
        self._heads[said.batch] = said.id
        return StoredRecord(self.size, said.id, said.data, said.farm, said.batch, said.step, said.written_at)

    def _check_signer(self, what: str, farm: str, signer: Signer) -> None:
        key = self._key(signer.id)
        if key is None or key.use != "record":
            raise RefusedError(f"{what}: {signer.id} is not registered to sign records. Register the party first.")
        if (key.farm, key.role) != (farm, signer.role):
            raise RefusedError(
                f"{what} wants {signer.id} as {signer.role} of farm {farm}; "
                f"it is registered as {key.role} of farm {key.farm}."
            )

    def _is_logged(self, key: bytes, size: int, root: bytes) -> bool:
        stored = self._store.header_tree(key, size)
        known = self.header_trees if stored is None else [*self.header_trees, stored]
        return any((tree.key, tree.size, tree.root) == (key, size, root) for tree in known)


def _complete(what: str, document: Mapping[str, JsonValue], signers: Sequence[Signer]) -> None:
    wrong = proof_defect(document, signers)
    if wrong is not None:
        raise RefusedError(f"{what} is not complete: {wrong}.")
