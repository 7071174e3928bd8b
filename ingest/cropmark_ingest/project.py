"""Bring archived segments into the store, in order, behind a watermark; and rebuild the store from nothing."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from cropmark_ingest.archive import Archive
from cropmark_ingest.notices import Cleared, Kind, Note, Notices
from cropmark_ingest.reading import Reading
from cropmark_ingest.segment import Header, Segment, SegmentError, open_body, open_header
from cropmark_ingest.storage import StorageError
from cropmark_ingest.store import TelemetryStore
from cropmark_ingest.watch import Known, of_gaps, of_link, of_readings

SEGMENTS_AT_ONCE: Final = 16
IDLE_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0

log = structlog.get_logger()


def opened(segment: Segment) -> tuple[Header, list[Reading]]:
    """Return a segment's header and readings, verified again; no readings where the body was given up or is missing."""
    header = open_header(segment.header)
    return header, [] if not segment.body and header.body_length else open_body(header, segment.body)


def first_copies(segments: Iterable[Sequence[Reading]]) -> list[Reading]:
    """Return the readings of segments in order, without packs that an earlier one has: two gateways heard one device.

    A segment never splits a pack, so each pack is one segment's, whole (ADR 3).
    """
    seen: set[tuple[str, str, str, int]] = set()
    result: list[Reading] = []
    for rows in segments:
        packs = {(item.farm, item.device, item.session, item.counter) for item in rows}
        again = packs & seen
        seen |= packs
        if again:
            result.extend(item for item in rows if (item.farm, item.device, item.session, item.counter) not in again)
        else:
            result.extend(rows)
    return result


class Projector:
    """Follows the archive with two watermarks: the store's, and that of the notices."""

    def __init__(self, archive: Archive, store: TelemetryStore, notices: Notices, *, known: Known) -> None:
        self._archive = archive
        self._store = store
        self._notices = notices
        self._known = known
        self.wake = threading.Event()
        self.trouble: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Keep the store up to date until ``stop`` is set, whatever happens."""
        while not stop.is_set():
            try:
                busy = self.step()
                self.trouble = None
            except StorageError as error:
                self._stumble(str(error))
                stop.wait(RETRY_SECONDS)
                continue
            except Exception as error:
                log.exception("projection-failed")
                self._stumble(f"the projection failed: {type(error).__name__}: {error}. The log says where.")
                stop.wait(RETRY_SECONDS)
                continue
            if not busy:
                self.wake.wait(IDLE_SECONDS)
                self.wake.clear()

    def _stumble(self, reason: str) -> None:
        if self.trouble != reason:
            log.error("projection-stopped", reason=reason)
        self.trouble = reason

    def step(self) -> bool:
        """Project some segments; tell whether there were any."""
        stored, noted = self._store.watermark(), self._notices.watermark()
        found = self._archive.after(min(stored, noted), SEGMENTS_AT_ONCE)
        if not found:
            return False
        changes: list[Note | Cleared] = []
        readings: list[list[Reading]] = []
        for number, segment in found:
            try:
                header, rows = opened(segment)
            except SegmentError as error:
                # It was whole when it was archived. What it says now is not believed; fsck names it too.
                changes.append(Note(Kind.UNREADABLE, "", f"archive/{number}", f"no longer verifies: {error}", 0))
                continue
            if number > stored:
                readings.append(rows)
            if number > noted:
                changes += of_link(self._archive, header) + of_gaps(header) + of_readings(rows, self._known)
        last = found[-1][0]
        if last > stored:
            self._store.write(first_copies(readings), last)
        if last > noted:
            self._notices.record(changes, last)
        return True


def rebuild(archive: Archive, store: TelemetryStore, progress: Callable[[int, int], None]) -> int:
    """Empty the store and fill it again from the archive; ``progress`` sees segments done and in all."""
    store.clear()
    total = archive.last_number()
    stored = 0
    while found := archive.after(store.watermark(), SEGMENTS_AT_ONCE):
        readings: list[list[Reading]] = []
        for number, segment in found:
            try:
                readings.append(opened(segment)[1])
            except SegmentError as error:
                log.error("segment-left-out", number=number, reason=str(error))  # noqa: TRY400 - the text says it all
        stored += store.write(first_copies(readings), found[-1][0])
        progress(found[-1][0], total)
    return stored
