"""The check ``evidence``: the cited header trees, the season summary, and every reading that the bundle shows.

Pure. Without the segments it proves the signer, the digest and what is shown, and says that the season was not added up
again; with them it does so. Whether a sensor told the truth is nobody's to prove.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from cropmark_ingest import merkle
from cropmark_ingest.reading import Flag, LeafError, Reading, parse_leaf
from cropmark_ingest.segment import Header, Segment, SegmentError, open_header
from cropmark_trace import evidence, multikey, sample, summary
from cropmark_trace.bundle import Bundle
from cropmark_trace.evidence import Evidence
from cropmark_trace.jcs import JsonValue
from cropmark_trace.recompute import recomputed
from cropmark_trace.record import Record
from cropmark_trace.verdict import Finding

_SAMPLE: Final = "sample"

Place = tuple[int, int, int]
"""Tree, ``seq``, index."""


def check(bundle: Bundle, segments: Iterable[Segment] | None) -> Iterator[Finding]:
    """Yield what is wrong with the evidence; ``segments`` are those of the archive, or None."""
    cited = next((item.record for item in bundle.records if item.record.evidence is not None), None)
    if cited is None or cited.evidence is None:
        if bundle.segments or bundle.headers or bundle.readings or bundle.summary is not None:
            yield Finding("segments-differ")
        yield Finding("no-evidence")
        return
    found = cited.evidence
    if tuple(item.tree for item in bundle.segments) != found.gateways:
        yield Finding("segments-differ")
    season = bundle.summary
    if season is None or not _is_of(season, found):
        yield Finding("summary-changed")
        season = None
    shown = _Shown(bundle, cited)
    yield from shown.defects()
    yield from shown.sample(cited, found)
    if season is not None:
        yield from shown.extremes(season, found)
    told: dict[str, JsonValue] = {
        "readings": found.readings,
        "expected": found.expected,
        "shown": len(bundle.readings),
        "gaps": found.gaps,
    }
    if segments is None or season is None:
        yield Finding("summary-not-recomputed", told)
    else:
        yield from recomputed(found, cited.farm, season, segments)
    yield Finding("ok", told)


def _is_of(season: Mapping[str, JsonValue], found: Evidence) -> bool:
    stretch = (found.field, summary.iso(found.start), summary.iso(found.stop))
    return summary.digest(season) == found.summary and (season["field"], season["from"], season["to"]) == stretch


class _Shown:
    """The headers and readings that a bundle shows, as far as they are proved."""

    def __init__(self, bundle: Bundle, cited: Record) -> None:
        self._bundle = bundle
        self._farm = cited.farm
        self._parties = {item.key.key: item.key.party for item in bundle.keys}
        self._headers = [self._header(number) for number in range(len(bundle.headers))]
        self._readings = [self._reading(number) for number in range(len(bundle.readings))]

    def _header(self, number: int) -> Header | None:
        shown = self._bundle.headers[number]
        if shown.tree >= len(self._bundle.segments):
            return None
        tree = self._bundle.segments[shown.tree].tree
        try:
            header = open_header(shown.data)
        except SegmentError:
            return None
        party = self._parties.get(multikey.did(tree.key), header.gateway)
        if (header.key, header.farm, header.gateway) != (tree.key, self._farm, party):
            return None
        leaf = merkle.leaf_hash(shown.data)
        return header if merkle.verify_inclusion(leaf, header.seq, tree.size, shown.path, tree.root) else None

    def _reading(self, number: int) -> Reading | None:
        shown = self._bundle.readings[number]
        header = self._headers[shown.header] if shown.header < len(self._headers) else None
        if header is None:
            return None
        try:
            reading = parse_leaf(shown.leaf)
        except LeafError:
            return None
        leaf = merkle.leaf_hash(shown.leaf)
        proved = merkle.verify_inclusion(leaf, shown.index, header.count, shown.path, header.root)
        return reading if proved and reading.farm == self._farm else None

    def defects(self) -> Iterator[Finding]:
        """Yield the headers, then the readings, that do not prove."""
        for number, header in enumerate(self._headers, start=1):
            if header is None:
                yield Finding("header-wrong", {"header": number})
        for number, reading in enumerate(self._readings, start=1):
            if reading is None:
                yield Finding("reading-not-proved", {"reading": number})

    def sample(self, cited: Record, found: Evidence) -> Iterator[Finding]:
        """Yield where the sample is another one than the record's id chooses."""
        counts = {
            (self._bundle.headers[number].tree, header.seq): header.count
            for number, header in enumerate(self._headers)
            if header is not None
        }
        sizes = [tree.size for tree in found.gateways]
        absent = [
            (tree, seq) for tree, seq, _ in sample.segments(cited.id, sizes) if (tree, seq) not in counts
        ]  # fmt: skip
        chosen = set(sample.choices(cited.id, sizes, lambda tree, seq: counts.get((tree, seq), 0)))
        shown = {
            self._place(number)
            for number, reading in enumerate(self._readings)
            if reading is not None and self._bundle.readings[number].why == _SAMPLE
        }
        if absent or chosen - shown:
            yield Finding("sample-missing", {"missing": len(set(absent)) + len(chosen - shown)})
        if shown - chosen:
            yield Finding("sample-not-chosen", {"readings": len(shown - chosen)})

    def _place(self, number: int) -> Place:
        shown = self._bundle.readings[number]
        header = self._headers[shown.header]
        assert header is not None
        return self._bundle.headers[shown.header].tree, header.seq, shown.index

    def extremes(self, season: Mapping[str, JsonValue], found: Evidence) -> Iterator[Finding]:
        """Yield where the lowest and highest readings shown are not those that the summary names."""
        shown = {
            merkle.leaf_hash(self._bundle.readings[number].leaf).hex(): reading
            for number, reading in enumerate(self._readings)
            if reading is not None and self._bundle.readings[number].why != _SAMPLE
        }
        named = set()
        stays = evidence.Stays(found.devices)
        for metric, ends in cast("dict[str, dict[str, str]]", season["extremes"]).items():
            for end in ("min", "max"):
                named.add(ends[end])
                reading = shown.get(ends[end])
                if reading is None:
                    yield Finding("extreme-missing", {"metric": metric, "end": end})
                elif not _is_end(reading, metric, end, season) or (reading.device, reading.time) not in stays:
                    yield Finding("extreme-differs", {"metric": metric, "end": end})
        if shown.keys() - named:
            yield Finding("extreme-not-named", {"readings": len(shown.keys() - named)})


def _is_end(reading: Reading, metric: str, end: str, season: Mapping[str, JsonValue]) -> bool:
    """Tell whether ``reading`` has the value that the summary's days give as the metric's lowest or highest."""
    columns = cast("dict[str, dict[str, JsonValue]]", season["metrics"]).get(metric)
    if columns is None or reading.metric != metric or reading.flags & Flag.RANGE:
        return False
    numbers = [number for number in cast("list[int | None]", columns[end]) if number is not None]
    if not numbers or reading.decimals != columns["decimals"]:
        return False
    return reading.mantissa == (min(numbers) if end == "min" else max(numbers))
