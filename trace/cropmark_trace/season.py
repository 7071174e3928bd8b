"""Read a field's season from the archive, believing nothing that does not verify.

Declares the port to telemetry, :class:`SeasonSource`. A gateway's headers are opened as one chain from ``seq`` 0,
bodies only where their time span touches the window. A reading belongs to the field where its device was placed at the
reading's time; a reading that two gateways heard counts once, the first copy in the order of gateway key and ``seq``.
What does not verify raises :class:`AlteredError` and says which segment.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from cropmark_ingest import merkle
from cropmark_ingest.reading import Reading
from cropmark_ingest.registry import Placement
from cropmark_ingest.segment import NO_PREVIOUS, Header, Segment, SegmentError, open_body, open_header
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


@dataclass(frozen=True, slots=True)
class Season:
    """What the archive has of one field between two times.

    ``expected`` is the sum, over the field's devices, of the time they stood there within the window divided by their
    interval, times the number of metrics they sent (one, if a device sent nothing). ``gaps`` counts the packs that
    gateways signed as lost, of those devices, in the segments that touch the window.
    """

    found: tuple[Found, ...]
    devices: tuple[str, ...]
    expected: int
    gaps: int


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


class _Places:
    """Where each device stood, fast to ask for every reading."""

    def __init__(self, placements: Iterable[Placement]) -> None:
        self._since: dict[str, list[int]] = {}
        self._field: dict[str, list[str]] = {}
        for item in sorted(placements, key=lambda item: item.since):
            self._since.setdefault(item.device, []).append(item.since)
            self._field.setdefault(item.device, []).append(item.field)

    def at(self, device: str, time: int) -> str | None:
        at = bisect_right(self._since.get(device, ()), time)
        return self._field[device][at - 1] if at else None

    def stays(self, field: str, start: int, end: int) -> dict[str, int]:
        """Return how long each device stood in ``field`` between ``start`` and ``end``, milliseconds."""
        stays: dict[str, int] = {}
        for device, since in self._since.items():
            for number, moment in enumerate(since):
                until = since[number + 1] if number + 1 < len(since) else end
                stay = min(until, end) - max(moment, start)
                if self._field[device][number] == field and stay > 0:
                    stays[device] = stays.get(device, 0) + stay
        return stays


def _touching(source: SeasonSource, tree: GatewayTree, start: int, end: int) -> Iterator[tuple[Header, list[Reading]]]:
    for header in tree.opened:
        if header.first < end and header.last >= start:
            yield header, open_segment(source, tree, header.seq) if header.count else []


def read(source: SeasonSource, trees: Sequence[GatewayTree], *, farm: str, field: str, start: int, end: int) -> Season:
    """Return the season of ``field`` from ``start``, included, to ``end``, not included (UTC milliseconds)."""
    places = _Places(source.placements(farm))
    stays = places.stays(field, start, end)
    found: list[Found] = []
    metrics: dict[str, set[str]] = {}
    seen: set[tuple[str, str, int, int]] = set()
    gaps = 0
    for number, tree in enumerate(trees):
        for header, readings in _touching(source, tree, start, end):
            gaps += sum(gap.last - gap.first + 1 for gap in header.gaps if gap.device in stays)
            for index, reading in enumerate(readings):
                if not start <= reading.time < end or reading.farm != farm:
                    continue
                if places.at(reading.device, reading.time) != field:
                    continue
                identity = (reading.device, reading.session, reading.counter, reading.index)
                if identity in seen:
                    continue
                seen.add(identity)
                metrics.setdefault(reading.device, set()).add(reading.metric)
                found.append(Found(reading, number, header.seq, index))
    expected = sum(
        stay // source.interval(farm, device) * max(1, len(metrics.get(device, ()))) for device, stay in stays.items()
    )
    return Season(tuple(found), tuple(sorted(stays)), expected, gaps)
