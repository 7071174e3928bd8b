"""Add the season up again from the archived segments, and compare with what was signed (docs/formats.md §8, §10).

Pure; where the segments come from is an adapter's. All headers of the cited trees must be there, since only the whole
tree shows that none was left out; bodies are opened where they touch the stretch.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cropmark_ingest import merkle
from cropmark_ingest.reading import Reading
from cropmark_ingest.segment import Header, Segment, SegmentError, open_body, open_header
from cropmark_trace import evidence, summary
from cropmark_trace.evidence import Evidence
from cropmark_trace.jcs import JsonValue
from cropmark_trace.verdict import Finding

_Places = dict[tuple[int, int], tuple[Header, Segment]]


class _WrongError(Exception):
    """A segment that does not fit; carries the finding's details."""

    def __init__(self, gateway: int, seq: int | None) -> None:
        super().__init__()
        self.details: Final[dict[str, JsonValue]] = {"gateway": gateway, "segment": seq}


def recomputed(
    found: Evidence, farm: str, season: Mapping[str, JsonValue], segments: Iterable[Segment]
) -> Iterator[Finding]:
    """Yield where the segments give something else than the record and its summary say; nothing if all is as said."""
    places = _sorted(found, segments)
    missing = sum(tree.size for tree in found.gateways) - len(places)
    if missing:
        yield Finding("segments-incomplete", {"missing": missing})
        return
    offset = season["utcOffset"]
    assert isinstance(offset, int)
    try:
        _check_roots(found, places)
        again, made = evidence.gather(
            _readings(found, farm, places),
            field=found.field,
            start=found.start,
            stop=found.stop,
            utc_offset=offset,
            gateways=found.gateways,
            devices=found.devices,
            expected=found.expected,
            gaps=evidence.lost((header for header, _ in places.values()), found.devices, found.start, found.stop),
        )
    except _WrongError as error:
        yield Finding("segment-wrong", error.details)
        return
    except summary.SummaryError:
        yield Finding("summary-differs")
        return
    if summary.digest(made) != found.summary:
        yield Finding("summary-differs")
    if (again.readings, again.gaps) != (found.readings, found.gaps):
        yield Finding("counts-differ", {"readings": again.readings, "gaps": again.gaps})


def _sorted(found: Evidence, segments: Iterable[Segment]) -> _Places:
    """Return the cited segments by tree and ``seq``; those of other gateways, later ones and copies are passed over."""
    numbers = {tree.key: number for number, tree in enumerate(found.gateways)}
    places: _Places = {}
    for segment in segments:
        try:
            header = open_header(segment.header)
        except SegmentError:
            continue
        number = numbers.get(header.key)
        if number is not None and header.seq < found.gateways[number].size:
            places.setdefault((number, header.seq), (header, segment))
    return dict(sorted(places.items()))


def _check_roots(found: Evidence, places: _Places) -> None:
    for number, tree in enumerate(found.gateways):
        leaves = [segment.header for (place, _), (_, segment) in places.items() if place == number]
        if merkle.root(merkle.leaf_hashes(leaves)) != tree.root:
            raise _WrongError(number + 1, None)


def _readings(found: Evidence, farm: str, places: _Places) -> Iterator[Reading]:
    for (number, seq), (header, segment) in places.items():
        if not header.count or header.first >= found.stop or header.last < found.start:
            continue
        if header.farm != farm:
            raise _WrongError(number + 1, seq)
        try:
            yield from open_body(header, segment.body)
        except SegmentError as error:
            raise _WrongError(number + 1, seq) from error
