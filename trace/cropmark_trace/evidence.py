"""What a harvest record cites of telemetry, and the one way to gather it (docs/formats.md §8).

The same function makes the evidence when a record is drafted and makes it again when a verifier has the segments, so
both must see the same readings: of the named devices, while they stood in the field, in the stretch, each identity
once, its first copy in the order of gateways and ``seq``. Fetching segments and proving them is not this module's.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cropmark_ingest.reading import Reading
from cropmark_ingest.segment import Header
from cropmark_trace import multikey, shape, summary
from cropmark_trace.jcs import JsonValue
from cropmark_trace.shape import ShapeError, closed, integer

MAX_GATEWAYS: Final = 16
MAX_STAYS: Final = 256

SHAPE: Final = closed(
    {
        "field": shape.NAME,
        "from": shape.time,
        "to": shape.time,
        "gateways": shape.array(
            closed({"key": shape.did, "size": integer(1), "root": shape.HASH}), 1, MAX_GATEWAYS
        ),
        "devices": shape.array(closed({"device": shape.NAME, "from": integer(), "to": integer()}), 1, MAX_STAYS),
        "readings": integer(),
        "expected": integer(),
        "gaps": integer(),
        "summary": shape.HASH,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tree:
    """A cited header tree: gateway key (32 bytes), number of headers, root (32 bytes)."""

    key: bytes
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Stay:
    """``device`` stood in the field from ``start``, included, to ``stop``, not included (UTC milliseconds)."""

    device: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a record says about its field's readings from ``start`` to ``stop`` (UTC milliseconds, whole seconds).

    ``readings`` counts those that there are, ``expected`` those that there should be by the devices' intervals (the
    signer's word), ``gaps`` the packs that gateways signed as lost. ``summary`` is the digest of the season summary.
    """

    field: str
    start: int
    stop: int
    gateways: tuple[Tree, ...]
    devices: tuple[Stay, ...]
    readings: int
    expected: int
    gaps: int
    summary: bytes

    def to_json(self) -> dict[str, JsonValue]:
        """Return the member ``evidence`` of a record."""
        return {
            "field": self.field,
            "from": summary.iso(self.start),
            "to": summary.iso(self.stop),
            "gateways": [
                {"key": multikey.did(tree.key), "size": tree.size, "root": tree.root.hex()} for tree in self.gateways
            ],
            "devices": [{"device": stay.device, "from": stay.start, "to": stay.stop} for stay in self.devices],
            "readings": self.readings,
            "expected": self.expected,
            "gaps": self.gaps,
            "summary": self.summary.hex(),
        }


def from_json(value: JsonValue, where: str = ".evidence") -> Evidence:
    """Read the member ``evidence``; raise :class:`ShapeError` if it does not hold together."""
    SHAPE(value, where)
    match value:
        case {
            "field": str() as field, "from": str() as first, "to": str() as last, "gateways": list() as gateways,
            "devices": list() as devices, "readings": int() as readings, "expected": int() as expected,
            "gaps": int() as gaps, "summary": str() as digest,
        }:  # fmt: skip
            pass
        case _:
            raise ShapeError(where, "is not evidence")
    start, stop = shape.time_of(first), shape.time_of(last)
    trees = tuple(_tree(item) for item in gateways)
    stays = tuple(_stay(item) for item in devices)
    if start >= stop:
        raise ShapeError(where, "ends before it begins")
    if len({tree.key for tree in trees}) != len(trees):
        raise ShapeError(f"{where}.gateways", "names a gateway twice")
    order = [(stay.device, stay.start) for stay in stays]
    if order != sorted(set(order)) or not all(start <= stay.start < stay.stop <= stop for stay in stays):
        raise ShapeError(f"{where}.devices", "is not in order, or leaves the stretch")
    return Evidence(field, start, stop, trees, stays, readings, expected, gaps, bytes.fromhex(digest))


def _tree(value: JsonValue) -> Tree:
    assert isinstance(value, dict)
    return Tree(multikey.public_of(str(value["key"])), int(str(value["size"])), bytes.fromhex(str(value["root"])))


def _stay(value: JsonValue) -> Stay:
    assert isinstance(value, dict)
    return Stay(str(value["device"]), int(str(value["from"])), int(str(value["to"])))


class Stays:
    """Tells fast whether a device stood in the field at a time."""

    def __init__(self, stays: Iterable[Stay]) -> None:
        self._starts: dict[str, list[int]] = {}
        self._stops: dict[str, list[int]] = {}
        for stay in sorted(stays, key=lambda stay: (stay.device, stay.start)):
            self._starts.setdefault(stay.device, []).append(stay.start)
            self._stops.setdefault(stay.device, []).append(stay.stop)

    def __contains__(self, place: tuple[str, int]) -> bool:
        device, time = place
        at = bisect_right(self._starts.get(device, ()), time)
        return bool(at) and time < self._stops[device][at - 1]

    @property
    def devices(self) -> frozenset[str]:
        """Return the names of the devices."""
        return frozenset(self._starts)


def select(readings: Iterable[Reading], stays: Sequence[Stay]) -> list[Reading]:
    """Return the readings that count, each identity once, its first copy; ``readings`` in order of gateway and seq."""
    placed = Stays(stays)
    seen: set[tuple[str, str, int, int]] = set()
    chosen = []
    for reading in readings:
        identity = (reading.device, reading.session, reading.counter, reading.index)
        if (reading.device, reading.time) in placed and identity not in seen:
            seen.add(identity)
            chosen.append(reading)
    return chosen


def lost(headers: Iterable[Header], stays: Sequence[Stay], start: int, stop: int) -> int:
    """Return how many packs of the devices the gateways signed as lost, in segments that touch the stretch."""
    devices = Stays(stays).devices
    return sum(
        gap.last - gap.first + 1
        for header in headers
        if header.first < stop and header.last >= start
        for gap in header.gaps
        if gap.device in devices
    )


def gather(  # noqa: PLR0913 - the members of the format, by name
    readings: Iterable[Reading],
    *,
    field: str,
    start: int,
    stop: int,
    utc_offset: int,
    gateways: Sequence[Tree],
    devices: Sequence[Stay],
    expected: int,
    gaps: int,
) -> tuple[Evidence, dict[str, JsonValue]]:
    """Return the evidence and the season summary of ``readings``, given in the order of ``gateways`` and ``seq``.

    Raise :class:`summary.SummaryError` for readings that cannot be summarised.
    """
    stays = tuple(sorted(devices, key=lambda stay: (stay.device, stay.start)))
    chosen = select(readings, stays)
    season = summary.summarise(chosen, field=field, start=start, stop=stop, utc_offset=utc_offset)
    found = Evidence(
        field, start, stop, tuple(gateways), stays, len(chosen), expected, gaps, summary.digest(season)
    )  # fmt: skip
    return found, season
