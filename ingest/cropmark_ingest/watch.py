"""What archived segments give reason to look at: gaps and forks in the chain, losses, unknown devices, flags.

Works along the archive's order behind a watermark, so a crash neither counts twice nor leaves anything out. Chains are
judged by neighbours: a gap is a notice until it is filled, a header that does not name the one before it stays one.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter

from cropmark_ingest.archive import Archive
from cropmark_ingest.metric import CATALOGUE
from cropmark_ingest.notices import Cleared, Kind, Note
from cropmark_ingest.reading import Flag, Reading
from cropmark_ingest.segment import Header, open_header

_ALIKE = attrgetter("farm", "device", "metric", "decimals", "flags")
Known = Callable[[str, str], bool]
"""Tells whether a device of a farm is registered."""


def of_link(archive: Archive, header: Header) -> list[Note | Cleared]:
    """Return what the neighbours of an archived segment give reason to say."""
    changes: list[Note | Cleared] = []
    here = f"{header.gateway}/{header.seq}"
    if header.seq:
        before = archive.digest(header.key, header.seq - 1)
        if before is None:
            reason = f"segment {header.seq - 1} has not arrived"
            changes.append(Note(Kind.CHAIN_GAP, header.farm, here, reason, 0))
        elif before != header.prev:
            reason = f"does not follow segment {header.seq - 1} (key {header.key.hex()[:16]})"
            changes.append(Note(Kind.CHAIN_FORK, header.farm, here, reason, 0))
    for data in archive.headers(header.key, header.seq + 1, header.seq + 2):
        following = f"{header.gateway}/{header.seq + 1}"
        changes.append(Cleared(Kind.CHAIN_GAP, header.farm, following))
        if open_header(data).prev != header.digest:
            reason = f"does not follow segment {header.seq} (key {header.key.hex()[:16]})"
            changes.append(Note(Kind.CHAIN_FORK, header.farm, following, reason, 0))
    return changes


def of_gaps(header: Header) -> list[Note | Cleared]:
    """Return what the gateway says it could not deliver, by device and session, counted in packs."""
    packs: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    for gap in header.gaps:
        subject = f"{gap.device}/{gap.session}"
        packs[subject] += gap.last - gap.first + 1
        reasons[subject] = f"{gap.reason}: packs {gap.first} to {gap.last}"
    return [Note(Kind.GATEWAY_GAP, header.farm, subject, reasons[subject], count) for subject, count in packs.items()]


def of_readings(readings: Sequence[Reading], known: Known) -> list[Note | Cleared]:
    """Return what is doubtful about readings, by device and by metric."""
    alike = Counter(map(_ALIKE, readings))
    sent: Counter[tuple[str, str]] = Counter()
    flagged: Counter[tuple[str, str, str]] = Counter()
    foreign: Counter[tuple[str, str, str]] = Counter()
    for (farm, device, metric, decimals, flags), count in alike.items():
        sent[farm, device] += count
        row = CATALOGUE.get(metric)
        if row is None or row.decimals != decimals:
            foreign[farm, device, f"{metric} with {decimals} decimals"] += count
        for flag in Flag(flags):
            flagged[farm, device, f"{metric} {str(flag.name).lower().replace('_', '-')}"] += count
    changes: list[Note | Cleared] = []
    for (farm, device), count in sent.items():
        if not known(farm, device):
            changes.append(Note(Kind.UNKNOWN_DEVICE, farm, device, "sends readings and is not registered", count))
    changes.extend(
        Note(Kind.FLAGGED, farm, f"{device} {what}", "readings were flagged", count)
        for (farm, device, what), count in flagged.items()
    )
    changes.extend(
        Note(Kind.UNKNOWN_METRIC, farm, f"{device} {what}", "is not in the catalogue, so no page shows it", count)
        for (farm, device, what), count in foreign.items()
    )
    return changes
