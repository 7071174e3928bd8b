"""Read a field's season from the archive, believing nothing that does not verify.

Declares the port to telemetry, :class:`SeasonSource`. A gateway's headers are opened as one chain from ``seq`` 0,
bodies only where their time span touches the window. What does not verify raises :class:`AlteredError` and says which
segment. Which readings count, and what is said of them, is ``evidence``'s.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Protocol

from cropmark_ingest import merkle
from cropmark_ingest.reading import Reading
from cropmark_ingest.registry import Placement
from cropmark_ingest.segment import NO_PREVIOUS, Header, Segment, SegmentError, open_body, open_header
from cropmark_trace.evidence import Stay
from cropmark_trace.storage import AlteredError


class SeasonSource(Protocol):
    """The telemetry that records cite: archive and registry of ingest, to read."""

    def trees(self, farm: str) -> Sequence[tuple[bytes, int]]:
        """Return, for each gateway of ``farm``, its 32-byte key and how many segments are archived without a gap."""
        ...

    def headers(self, key: bytes, size: int) -> list[bytes]:
        """Return the COSE bytes of the gateway's first ``size`` headers, fewer where the archive has fewer."""
        ...

    def segment(self, key: bytes, seq: int) -> Segment:
        """Return an archived segment; raise :class:`LookupError` if the archive does not have it."""
        ...

    def placements(self, farm: str) -> Sequence[Placement]:
        """Return which device of ``farm`` stands where since when."""
        ...

    def interval(self, farm: str, device: str) -> int:
        """Return how many milliseconds lie between two packs of ``device``, as it was set up."""
        ...


@dataclass(frozen=True, slots=True)
class GatewayTree:
    """The header tree of gateway ``key``: COSE bytes, what they say, and their leaf hashes, all by ``seq``."""

    key: bytes
    headers: tuple[bytes, ...]
    opened: tuple[Header, ...]
    hashes: tuple[bytes, ...]

    def root(self, size: int | None = None) -> bytes:
        """Return the tree's root, or the root when it had ``size`` headers."""
        return merkle.root(self.hashes[:size])


@dataclass(frozen=True, slots=True)
class Found:
    """A reading and where it is proved: ``index`` in the body of segment ``seq`` of tree number ``tree``."""

    reading: Reading
    tree: int
    seq: int
    index: int


def segment_name(header: Header) -> str:
    """Return how an error names a segment."""
    return f"segment {header.seq} of gateway {header.gateway} (farm {header.farm})"


def open_tree(source: SeasonSource, key: bytes, size: int) -> GatewayTree:
    """Read and verify the first ``size`` headers of gateway ``key`` as one chain."""
    raw = source.headers(key, size)
    if len(raw) != size:
        raise AlteredError(f"the archive has {len(raw)} of the {size} headers that gateway key {key.hex()} sealed")
    opened = []
    previous = NO_PREVIOUS
    for seq, data in enumerate(raw):
        try:
            header = open_header(data)
        except SegmentError as error:
            raise AlteredError(f"the header of segment {seq} of gateway key {key.hex()}: {error}") from error
        if (header.key, header.seq, header.prev) != (key, seq, previous):
            raise AlteredError(f"the header of {segment_name(header)} stands in another one's place, number {seq}")
        previous = header.digest
        opened.append(header)
    return GatewayTree(key, tuple(raw), tuple(opened), tuple(merkle.leaf_hashes(raw)))


def open_segment(source: SeasonSource, tree: GatewayTree, seq: int) -> list[Reading]:
    """Read and verify one segment's body, in its order."""
    header = tree.opened[seq]
    try:
        segment = source.segment(tree.key, seq)
        if segment.header != tree.headers[seq]:
            raise AlteredError(f"{segment_name(header)} has another header in the archive than in its chain")
        return open_body(header, segment.body)
    except LookupError as error:
        raise AlteredError(f"{segment_name(header)} is not in the archive: {error}") from error
    except SegmentError as error:
        raise AlteredError(f"{segment_name(header)}: {error}") from error


def stays_in(placements: Iterable[Placement], field: str, start: int, stop: int) -> list[Stay]:
    """Return when which device stood in ``field`` between ``start`` and ``stop`` (UTC milliseconds)."""
    by_device: dict[str, list[Placement]] = {}
    for item in sorted(placements, key=lambda item: item.since):
        by_device.setdefault(item.device, []).append(item)
    stays = []
    for device, items in sorted(by_device.items()):
        for item, after in zip_longest(items, items[1:]):
            first, last = max(item.since, start), min(after.since if after else stop, stop)
            if item.field == field and first < last:
                stays.append(Stay(device, first, last))
    return stays


def readings(
    source: SeasonSource, trees: Sequence[GatewayTree], *, farm: str, start: int, stop: int
) -> Iterator[Found]:
    """Yield ``farm``'s readings with ``start`` <= time < ``stop``, in the order of ``trees``, ``seq`` and index."""
    for number, tree in enumerate(trees):
        for header in tree.opened:
            if not header.count or header.farm != farm or header.first >= stop or header.last < start:
                continue
            for index, reading in enumerate(open_segment(source, tree, header.seq)):
                if start <= reading.time < stop:
                    yield Found(reading, number, header.seq, index)


def expected(source: SeasonSource, farm: str, stays: Iterable[Stay], found: Iterable[Reading]) -> int:
    """Return how many readings there should be, by the devices' intervals.

    For each device: the time that it stood in the field, divided by its interval, times the number of metrics that
    it sent; a device that sent nothing counts as one with one metric.
    """
    metrics: dict[str, set[str]] = {}
    for reading in found:
        metrics.setdefault(reading.device, set()).add(reading.metric)
    return sum(
        (stay.stop - stay.start)
        // max(1, source.interval(farm, stay.device))
        * max(1, len(metrics.get(stay.device, ())))
        for stay in stays
    )
