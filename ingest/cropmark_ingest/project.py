"""Bring archived segments into the store, in order, behind a watermark; and rebuild the store from nothing."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from cropmark_ingest.archive import Archive, ArchiveError
from cropmark_ingest.notices import Kind, Notices
from cropmark_ingest.reading import Flag, Reading
from cropmark_ingest.segment import Segment, SegmentError, open_body, open_header
from cropmark_ingest.store import StoreError, TelemetryStore

SEGMENTS_AT_ONCE: Final = 16
IDLE_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0

log = structlog.get_logger()


def readings_of(segment: Segment) -> list[Reading]:
    """Return a segment's readings, verified again; none where the gateway had to give the body up."""
    header = open_header(segment.header)
    return [] if not segment.body and header.body_length else open_body(header, segment.body)


class Projector:
    """Follows the archive. ``known`` tells whether a device of a farm is registered."""

    def __init__(
        self, archive: Archive, store: TelemetryStore, notices: Notices, *, known: Callable[[str, str], bool]
    ) -> None:
        self._archive = archive
        self._store = store
        self._notices = notices
        self._known = known
        self.wake = threading.Event()
        self.trouble: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Keep the store up to date until ``stop`` is set."""
        while not stop.is_set():
            try:
                busy = self.step()
                self.trouble = None
            except (StoreError, ArchiveError) as error:
                self.trouble = str(error)
                log.error("projection-stopped", reason=str(error))  # noqa: TRY400 - the text says it all
                stop.wait(RETRY_SECONDS)
                continue
            if not busy:
                self.wake.wait(IDLE_SECONDS)
                self.wake.clear()

    def step(self) -> bool:
        """Project some segments; tell whether there were any."""
        found = self._archive.after(self._store.watermark(), SEGMENTS_AT_ONCE)
        if not found:
            return False
        readings: list[Reading] = []
        for number, segment in found:
            try:
                readings.extend(readings_of(segment))
            except SegmentError as error:
                # It was whole when it was archived. What it says now is not believed; fsck names it too.
                self._notices.note(Kind.QUARANTINED, "", f"archive/{number}", f"no longer verifies: {error}")
        self._store.write(readings, found[-1][0])
        self._remark(readings)
        return True

    def _remark(self, readings: list[Reading]) -> None:
        unknown: Counter[tuple[str, str]] = Counter()
        flagged: Counter[tuple[str, str, str]] = Counter()
        for item in readings:
            if item.flags:
                for flag in Flag(item.flags):
                    flagged[item.farm, item.device, f"{item.metric} {str(flag.name).lower().replace('_', '-')}"] += 1
            unknown[item.farm, item.device] += 1
        for (farm, device), count in unknown.items():
            if not self._known(farm, device):
                self._notices.note(Kind.UNKNOWN_DEVICE, farm, device, "sends readings and is not registered", count)
        for (farm, device, what), count in flagged.items():
            self._notices.note(Kind.FLAGGED, farm, f"{device} {what}", "readings were flagged", count)


def rebuild(archive: Archive, store: TelemetryStore, progress: Callable[[int, int], None]) -> int:
    """Empty the store and fill it again from the archive; ``progress`` sees segments done and in all."""
    store.clear()
    total = archive.last_number()
    stored = 0
    while found := archive.after(store.watermark(), SEGMENTS_AT_ONCE):
        readings: list[Reading] = []
        for number, segment in found:
            try:
                readings.extend(readings_of(segment))
            except SegmentError as error:
                log.error("segment-left-out", number=number, reason=str(error))  # noqa: TRY400 - the text says it all
        stored += store.write(readings, found[-1][0])
        progress(found[-1][0], total)
    return stored
