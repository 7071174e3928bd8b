"""What records may cite, out of ingest's files: adapts archive and registry to trace's port ``SeasonSource``."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from cropmark_ingest.archive import Archive, ArchiveError
from cropmark_ingest.registry import Placement
from cropmark_ingest.registry_sql import Registry
from cropmark_ingest.segment import Segment
from cropmark_trace.storage import AlteredError

_T = TypeVar("_T")
DEFAULT_INTERVAL_MS: Final = 3_600_000
"""For a device that stands in a field and was never registered with an interval."""


class ArchivedSeasons:
    """Reads; an archive that no longer reads back is :class:`AlteredError`, which stops bundles from being issued."""

    def __init__(self, archive: Archive, registry: Registry) -> None:
        self._archive = archive
        self._registry = registry

    def trees(self, farm: str) -> Sequence[tuple[bytes, int]]:
        """See :class:`cropmark_trace.season.SeasonSource`."""
        return [(item.key, self._archive.tree_size(item.key)) for item in self._registry.gateways(farm)]

    def headers(self, key: bytes, size: int) -> list[bytes]:
        """See :class:`cropmark_trace.season.SeasonSource`."""
        return _read(lambda: self._archive.headers(key, 0, size))

    def segment(self, key: bytes, seq: int) -> Segment:
        """See :class:`cropmark_trace.season.SeasonSource`."""
        return _read(lambda: self._archive.segment(key, seq))

    def placements(self, farm: str) -> Sequence[Placement]:
        """See :class:`cropmark_trace.season.SeasonSource`."""
        return self._registry.placements(farm)

    def interval(self, farm: str, device: str) -> int:
        """See :class:`cropmark_trace.season.SeasonSource`."""
        intervals = {item.device: item.interval for item in self._registry.devices(farm)}
        return intervals.get(device, DEFAULT_INTERVAL_MS)


def _read(call: Callable[[], _T]) -> _T:
    try:
        return call()
    except ArchiveError as error:
        raise AlteredError(str(error)) from error
