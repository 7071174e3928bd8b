"""Check everything that the archive holds: every frame, signature, chain link, body and root, index and store.

Used by ``cropmark fsck``. Reads only; yields findings and never stops at the first.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from cropmark_ingest.archive import Archive, FrameError
from cropmark_ingest.counters import Counters
from cropmark_ingest.project import opened
from cropmark_ingest.reading import Reading
from cropmark_ingest.receive import Enrolled
from cropmark_ingest.segment import NO_PREVIOUS, Header, SegmentError
from cropmark_ingest.storage import StorageError
from cropmark_ingest.store import Source, TelemetryStore, Totals

_NOTHING: Final = Totals(0, 0, 0, 0)


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
    """Yield what disagrees between archive files, their index, the gateways' chains and the store.

    ``progress`` sees segments done and in all. What lies behind the indexed part of a file was never acknowledged and
    is taken in at the next start: it is no finding.
    """
    index = archive.index()
    at = {(place.file, place.offset): (key, seq, digest) for key, seq, digest, place in index}
    known = {digest for _, _, digest, _ in index}
    ends: dict[str, int] = {}
    for _, _, _, place in index:
        ends[place.file] = max(ends.get(place.file, 0), place.offset + place.length)
    headers: dict[bytes, dict[int, Header]] = {}
    for done, (place, found) in enumerate(archive.scan(), 1):
        where = f"archive file {place.file} at byte {place.offset}"
        entry = at.pop((place.file, place.offset), None)
        name = where if entry is None else f"segment {entry[1]} of gateway key {entry[0].hex()[:16]} ({where})"
        if isinstance(found, FrameError):
            if place.offset < ends.get(place.file, 0):
                yield Finding("archive-frame", name, f"{found}; {place.length} bytes are no segment")
            continue
        try:
            header, _ = opened(found)
        except SegmentError as error:
            yield Finding("archive-segment", name, str(error))
            continue
        if entry is not None and entry != (header.key, header.seq, header.digest):
            yield Finding("archive-index", name, "the index says another segment lies here")
        # The same header once without its body and once with it: the index names the latter.
        elif entry is None and header.digest not in known and place.offset < ends.get(place.file, 0):
            yield Finding("archive-index", where, "is not in the index")
        yield from _signer(header, name, enrolled)
        headers.setdefault(header.key, {})[header.seq] = header
        progress(done, len(index))
    for (file, offset), (key, seq, _) in at.items():
        yield Finding(
            "archive-missing", f"segment {seq} of gateway key {key.hex()[:16]}", f"is not in {file} at byte {offset}"
        )
    for file in archive.torn():
        yield Finding("archive-torn", f"archive file {file}", "was moved aside as no whole frame; look, then delete it")
    yield from _chains(headers)
    if store is not None:
        yield from _stored(archive, store)


def _signer(header: Header, name: str, enrolled: Enrolled) -> Iterator[Finding]:
    gateway = enrolled(header.key)
    if gateway is None or (gateway.farm, gateway.gateway) != (header.farm, header.gateway):
        yield Finding("archive-key", name, "signed by a key that is not enrolled for this gateway")


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


def _archived(archive: Archive, upto: int) -> Iterator[Reading]:
    """Yield the readings that the store must have: in order of archiving, each pack once."""
    held: dict[tuple[str, str, str], Counters] = {}
    number = 0
    while number < upto:
        try:
            batch = archive.after(number, 1)
        except StorageError:
            number += 1  # named by the scan already
            continue
        if not batch or batch[0][0] > upto:
            return
        number, segment = batch[0]
        try:
            _, readings = opened(segment)
        except SegmentError:
            continue
        fresh: dict[tuple[str, str, str, int], bool] = {}
        for item in readings:
            pack = (item.farm, item.device, item.session, item.counter)
            if pack not in fresh:
                fresh[pack] = held.setdefault(pack[:3], Counters()).add(item.counter)
            if fresh[pack]:
                yield item


def _stored(archive: Archive, store: TelemetryStore) -> Iterator[Finding]:
    watermark, stored = store.totals()
    sums: dict[Source, list[int]] = {}
    for item in _archived(archive, watermark):
        total = sums.setdefault((item.farm, item.device, item.metric), [0, 0, 0, 0])
        for place, value in enumerate((1, item.mantissa, item.time, item.flags)):
            total[place] += value
    archived = {source: Totals(*total) for source, total in sums.items()}
    for source in sorted(stored.keys() | archived.keys()):
        here, there = stored.get(source, _NOTHING), archived.get(source, _NOTHING)
        if here == there:
            continue
        what = (
            f"the store has {here.count} readings, the archive {there.count}"
            if here.count != there.count
            else f"its {here.count} readings do not add up to what the archive has"
        )
        farm, device, metric = source
        yield Finding(
            "store", f"device {farm}/{device}, {metric}", f"{what}. `cropmark ingest rebuild` makes the store again."
        )
