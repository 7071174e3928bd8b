"""Read again what a bundle stands on: stored bytes against the log's leaves, leaves against the signed checkpoint.

The root is computed from the leaf data of every tile that the bundle cites, and from stored hashes of the other full
tiles; ``fsck`` is the one that computes all of it from the leaves. What does not fit raises :class:`AlteredError`.
"""

from collections.abc import Iterable
from hashlib import sha256

from cropmark_ingest import merkle
from cropmark_trace import checkpoint, entry, key_record, record
from cropmark_trace.checkpoint import Checkpoint, NoteError
from cropmark_trace.credential import RecordError
from cropmark_trace.key_record import KeyRecord
from cropmark_trace.record import Record
from cropmark_trace.storage import AlteredError, Head, HeaderTree, LogReader, StoredRecord
from cropmark_trace.tiles import WIDTH


def opened_record(stored: StoredRecord) -> Record:
    """Return what the stored bytes of a batch record say; raise :class:`AlteredError` if they are not that record."""
    name = f"record {stored.id.hex()} (entry {stored.index}, {stored.step} of batch {stored.batch})"
    try:
        said = record.parse(stored.data)
    except RecordError as error:
        raise AlteredError(f"{name} was altered: {error}") from error
    if (said.id, said.farm, said.batch, said.step) != (stored.id, stored.farm, stored.batch, stored.step):
        raise AlteredError(f"{name} was altered: its bytes say another record")
    return said


def opened_key(stored: StoredRecord) -> KeyRecord:
    """Return what the stored bytes of a key record say; raise :class:`AlteredError` if they are not that record."""
    name = f"key record {stored.id.hex()} (entry {stored.index})"
    try:
        said = key_record.parse(stored.data)
    except RecordError as error:
        raise AlteredError(f"{name} was altered: {error}") from error
    if (said.id, said.farm) != (stored.id, stored.farm):
        raise AlteredError(f"{name} was altered: its bytes say another record")
    return said


def check_head(head: Head, origin: str, vkey: str) -> None:
    """Raise :class:`AlteredError` unless the newest checkpoint is signed by the log and says what is stored."""
    try:
        said = checkpoint.parse_text(checkpoint.open_note(head.note.decode(), [vkey]).text)
    except (NoteError, UnicodeDecodeError) as error:
        raise AlteredError(f"the checkpoint of size {head.size} was altered: {error}") from error
    if said != Checkpoint(origin, head.size, head.root):
        raise AlteredError(
            f"the checkpoint of size {head.size} was altered: it says another size or root than is stored"
        )


def check_leaves(log: LogReader, head: Head, cited: Iterable[StoredRecord | HeaderTree]) -> None:
    """Raise :class:`AlteredError` unless each of ``cited`` is its leaf of the log, and the leaves give the root."""
    wanted = {item.index: _leaf(item) for item in cited}
    beyond = [index for index in wanted if index >= head.size]
    if beyond:
        raise AlteredError(f"entry {beyond[0]} lies outside the log of {head.size} entries")
    touched = {index // WIDTH for index in wanted} | ({head.size // WIDTH} if head.size % WIDTH else set())
    whole = [number for number in range(head.size // WIDTH) if number not in touched]
    hashes = {place[1]: value for place, value in log.nodes([(8, number) for number in whole]).items()}
    for number in sorted(touched):
        first = number * WIDTH
        data = log.leaves(first, min(first + WIDTH, head.size))
        for index, leaf in wanted.items():
            if index // WIDTH == number and data[index - first : index - first + 1] != [leaf]:
                raise AlteredError(
                    f"entry {index} of the log is not the one of the stored bytes: one of the two was altered"
                )
        hashes[number] = merkle.root(merkle.leaf_hashes(data))
    if merkle.root([hashes[number] for number in sorted(hashes)]) != head.root:
        raise AlteredError(f"the log's entries do not give the root of its signed checkpoint of size {head.size}")


def _leaf(item: StoredRecord | HeaderTree) -> bytes:
    if isinstance(item, HeaderTree):
        return entry.segments_entry(item.key, item.size, item.root)
    return entry.record_entry(item.id, sha256(item.data).digest())
