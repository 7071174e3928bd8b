"""Check everything that the archive holds: every frame, signature, chain link, body and root, index and store.

Used by ``cropmark fsck``. Reads only; yields findings and never stops at the first.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cropmark_ingest.archive import Archive, FrameError
from cropmark_ingest.project import readings_of
from cropmark_ingest.receive import Enrolled
from cropmark_ingest.segment import NO_PREVIOUS, Header, SegmentError, open_header
from cropmark_ingest.store import TelemetryStore


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written: ``kind``, which file or segment, and what is wrong with it."""

    kind: str
    subject: str
    detail: str


def audit(
    archive: Archive,
    store: TelemetryStore | None,
    enrolled: Enrolled,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[Finding]:
    """Yield what disagrees between archive files, their index, the gateways' chains and the store."""
    index = {(place.file, place.offset): (key, seq, digest) for key, seq, digest, place in archive.index()}
    total = len(index)
    headers: dict[bytes, dict[int, Header]] = {}
    packs: Counter[tuple[str, str]] = Counter()
    seen: set[tuple[str, str, str, int, int]] = set()
    for done, (place, found) in enumerate(archive.scan(), 1):
        where = f"archive file {place.file} at byte {place.offset}"
        entry = index.pop((place.file, place.offset), None)
        if isinstance(found, FrameError):
            yield Finding("archive-frame", where, f"{found} (the rest of the file was not read)")
            continue
        name = where if entry is None else f"segment {entry[1]} of gateway key {entry[0].hex()[:16]} ({where})"
        try:
            header = open_header(found.header)
            readings = readings_of(found)
        except SegmentError as error:
            yield Finding("archive-segment", name, str(error))
            continue
        if entry is None:
            yield Finding("archive-index", where, "is not in the index")
        elif entry != (header.key, header.seq, header.digest):
            yield Finding("archive-index", name, "the index says another segment lies here")
        gateway = enrolled(header.key)
        if gateway is None or (gateway.farm, gateway.gateway) != (header.farm, header.gateway):
            yield Finding("archive-key", name, "signed by a key that is not enrolled for this gateway")
        headers.setdefault(header.key, {})[header.seq] = header
        for item in readings:
            identity = (item.farm, item.device, item.session, item.counter, item.index)
            if identity not in seen:
                seen.add(identity)
                packs[item.farm, item.device] += 1
        progress(done, total)
    for (file, offset), (key, seq, _) in index.items():
        yield Finding(
            "archive-missing", f"segment {seq} of gateway key {key.hex()[:16]}", f"is not in {file} at byte {offset}"
        )
    yield from _chains(headers)
    if store is not None and store.watermark() >= archive.last_number():
        yield from _stored(store, packs)


def _chains(headers: dict[bytes, dict[int, Header]]) -> Iterator[Finding]:
    for chain in headers.values():
        for seq in range(max(chain) + 1):
            header, before = chain.get(seq), chain.get(seq - 1)
            if header is None:
                yield Finding(
                    "chain-gap", f"segment {seq} of gateway {next(iter(chain.values())).gateway}", "is missing"
                )
            elif seq == 0 and header.prev != NO_PREVIOUS:
                yield Finding("chain-fork", f"segment 0 of gateway {header.gateway}", "names one before it")
            elif before is not None and header.prev != before.digest:
                yield Finding("chain-fork", f"segment {seq} of gateway {header.gateway}", f"does not follow {seq - 1}")


def _stored(store: TelemetryStore, packs: Counter[tuple[str, str]]) -> Iterator[Finding]:
    for farm in sorted({farm for farm, _ in packs}):
        stored = store.counts(farm)
        archived = {device: count for (of, device), count in packs.items() if of == farm}
        for device in sorted(stored.keys() | archived.keys()):
            if stored.get(device, 0) != archived.get(device, 0):
                yield Finding(
                    "store",
                    f"device {farm}/{device}",
                    f"the store has {stored.get(device, 0)} readings, the archive {archived.get(device, 0)}. "
                    "`cropmark ingest rebuild` makes the store again.",
                )
