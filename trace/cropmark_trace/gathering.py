"""Gather what a harvest cites of its field's season, and what its bundle shows of it (docs/formats.md §8, §9).

Citing logs the header trees of the farm's gateways first, so that a record never names a tree that the log does not
have. Disclosing reads the archive anew: what no longer gives the signed summary is not shown but refused, by name.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cropmark_ingest import merkle
from cropmark_ingest.reading import leaf
from cropmark_ingest.segment import Header, leaves
from cropmark_trace import evidence, multikey, sample, season, summary
from cropmark_trace.admission import RefusedError
from cropmark_trace.bundle import ShownHeader, ShownReading, Why
from cropmark_trace.entry import SegmentsEntry
from cropmark_trace.evidence import MAX_GATEWAYS, MAX_STAYS, Evidence, Stay, Stays, Tree
from cropmark_trace.jcs import JsonValue
from cropmark_trace.ledger import Ledger
from cropmark_trace.record import Record
from cropmark_trace.season import Found, GatewayTree, SeasonSource
from cropmark_trace.storage import AlteredError, Store

_SECOND: Final = 1000
_Spot = tuple[int, int, int]
"""Number of the tree, ``seq``, index: as ``sample`` chooses them."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What a bundle shows of a season: the cited trees, the summary, and single readings with all that proves them."""

    trees: tuple[Tree, ...]
    summary: dict[str, JsonValue]
    headers: tuple[ShownHeader, ...]
    readings: tuple[ShownReading, ...]


class Gathering:
    """Reads telemetry from ``source`` and logs its header trees through ``ledger``."""

    def __init__(self, source: SeasonSource, ledger: Ledger, store: Store) -> None:
        self._source = source
        self._ledger = ledger
        self._store = store

    def log_trees(self, farm: str) -> list[GatewayTree]:
        """Log the header tree of each enrolled gateway of ``farm`` that grew, and return the trees as logged.

        Raise :class:`AlteredError` if the archive is not an extension of what was logged before.
        """
        trees = []
        grown = []
        for key, size in sorted(self._source.trees(farm)):
            registered = self._store.key(multikey.did(key))
            if registered is None or registered.use != "segment":
                continue
            logged = self._store.header_tree(key)
            if logged is not None and size < logged.size:
                raise AlteredError(
                    f"the archive has {size} headers of gateway {registered.party}, the log knows of {logged.size}"
                )
            if not size:
                continue
            tree = season.open_tree(self._source, key, size)
            for header in tree.opened:
                if (header.farm, header.gateway) != (registered.farm, registered.party):
                    raise RefusedError(
                        f"{season.segment_name(header)} is signed with the key of gateway {registered.party} "
                        f"(farm {registered.farm}). Enrol the gateway under the name that it signs with."
                    )
            if logged is not None and tree.root(logged.size) != logged.root:
                raise AlteredError(
                    f"the archive's first {logged.size} headers of gateway {registered.party} are not the logged ones"
                )
            if logged is None or size > logged.size:
                grown.append(SegmentsEntry(key, size, tree.root()))
            trees.append(tree)
        if grown:
            self._ledger.append(grown)
        return trees

    def cite(self, *, farm: str, field: str, start: int, stop: int, utc_offset: int) -> Evidence | None:
        """Return the evidence for ``field`` from ``start`` to ``stop`` (UTC milliseconds, cut to seconds).

        None if no device stood there or no gateway has sealed anything. The trees it names are logged.
        """
        start, stop = start - start % _SECOND, stop - stop % _SECOND
        trees = self.log_trees(farm)
        stays = season.stays_in(self._source.placements(farm), field, start, stop) if start < stop else []
        if not trees or not stays:
            return None
        if len(stays) > MAX_STAYS:
            raise RefusedError(f"{len(stays)} devices in field {field} are more than the {MAX_STAYS} of one record")
        found = self._in_field(trees, farm, stays, start, stop)
        if len(trees) > MAX_GATEWAYS:
            heard = {item.tree for item in found}
            trees = [tree for number, tree in enumerate(trees) if number in heard]
        if len(trees) > MAX_GATEWAYS:
            raise RefusedError(f"{len(trees)} gateways heard field {field}, more than the {MAX_GATEWAYS} of one record")
        readings = [item.reading for item in found]
        cited, _ = evidence.gather(
            readings,
            field=field,
            start=start,
            stop=stop,
            utc_offset=utc_offset,
            gateways=[Tree(tree.key, len(tree.headers), tree.root()) for tree in trees],
            devices=stays,
            expected=season.expected(self._source, farm, stays, readings),
            gaps=evidence.lost(_opened(trees), stays, start, stop),
        )
        return cited

    def _in_field(
        self, trees: Sequence[GatewayTree], farm: str, stays: Sequence[Stay], start: int, stop: int
    ) -> list[Found]:
        placed = Stays(stays)
        found = season.readings(self._source, trees, farm=farm, start=start, stop=stop)
        return [item for item in found if (item.reading.device, item.reading.time) in placed]

    def disclose(self, record: Record, cited: Evidence) -> Disclosure:
        """Return what the bundle of ``record`` shows of its evidence ``cited``; raise :class:`AlteredError`."""
        trees = [season.open_tree(self._source, tree.key, tree.size) for tree in cited.gateways]
        for tree, said in zip(trees, cited.gateways, strict=True):
            if tree.root() != said.root:
                raise AlteredError(
                    f"the headers of gateway key {multikey.did(said.key)} in the archive are not those that the "
                    f"harvest of batch {record.batch} cites"
                )
        found = self._in_field(trees, record.farm, cited.devices, cited.start, cited.stop)
        again, digest = evidence.gather(
            [item.reading for item in found],
            field=cited.field,
            start=cited.start,
            stop=cited.stop,
            utc_offset=_utc_offset(record),
            gateways=cited.gateways,
            devices=cited.devices,
            expected=cited.expected,
            gaps=evidence.lost(_opened(trees), cited.devices, cited.start, cited.stop),
        )
        if again != cited:
            raise AlteredError(f"the archive no longer gives the season that the harvest of batch {record.batch} cites")
        sizes = [tree.size for tree in cited.gateways]
        drawn = sample.choices(record.id, sizes, lambda tree, seq: trees[tree].opened[seq].count)
        wanted: list[tuple[_Spot, Why]] = [(spot, "sample") for spot in drawn]
        wanted += [(spot, "extreme") for spot in _extremes(digest, found)]
        segments = [(tree, seq) for tree, seq, _ in sample.segments(record.id, sizes)]  # those without readings too
        segments += [(tree, seq) for (tree, seq, _), _ in wanted]
        headers, readings = self._shown(trees, list(dict.fromkeys(segments)), wanted)
        return Disclosure(cited.gateways, digest, headers, readings)

    def _shown(
        self,
        trees: Sequence[GatewayTree],
        segments: Sequence[tuple[int, int]],
        wanted: Sequence[tuple[_Spot, Why]],
    ) -> tuple[tuple[ShownHeader, ...], tuple[ShownReading, ...]]:
        numbers = {place: number for number, place in enumerate(segments)}
        headers = tuple(
            ShownHeader(tree, trees[tree].headers[seq], tuple(merkle.inclusion_path(trees[tree].hashes, seq)))
            for tree, seq in segments
        )
        data = {
            (tree, seq): leaves(season.open_segment(self._source, trees[tree], seq))
            for tree, seq in dict.fromkeys((tree, seq) for (tree, seq, _), _ in wanted)
        }
        hashes = {place: merkle.leaf_hashes(body) for place, body in data.items()}
        readings = tuple(
            ShownReading(
                numbers[tree, seq],
                index,
                data[tree, seq][index],
                tuple(merkle.inclusion_path(hashes[tree, seq], index)),
                why,
            )
            for (tree, seq, index), why in wanted
        )
        return headers, readings


def _utc_offset(record: Record) -> int:
    """Return the minutes east of UTC that the record's event tells (``+08:00``)."""
    subject = record.document["credentialSubject"]
    assert isinstance(subject, dict)
    text = str(subject["eventTimeZoneOffset"])
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text.startswith("-") else minutes


def _opened(trees: Iterable[GatewayTree]) -> Iterator[Header]:
    for tree in trees:
        yield from tree.opened


def _extremes(digest: dict[str, JsonValue], found: Iterable[Found]) -> list[_Spot]:
    """Return where the readings are that a summary names as lowest and highest, each once, in the summary's order."""
    named = digest["extremes"]
    assert isinstance(named, dict)
    wanted = [str(leaf_hash) for ends in named.values() if isinstance(ends, dict) for leaf_hash in ends.values()]
    places: dict[str, _Spot] = {}
    for item in found:
        if item.reading.metric in summary.DISCLOSED:
            leaf_hash = merkle.leaf_hash(leaf(item.reading)).hex()
            if leaf_hash in wanted:
                places.setdefault(leaf_hash, (item.tree, item.seq, item.index))
    return [places[leaf_hash] for leaf_hash in dict.fromkeys(wanted)]
