"""From a device's pack to readings in the catalogue's units, and what is doubtful about them (docs/formats.md §2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Final

from cropmark_gateway import senml
from cropmark_ingest import names
from cropmark_ingest.metric import UnitError, UnknownMetricError, metric
from cropmark_ingest.reading import NO_DEVICE_TIME, Flag, Reading

SKEW_MS: Final = 10 * 60_000
"""A device's clock this far ahead of the gateway's is flagged."""
LATE_MS: Final = 6 * 3_600_000
"""A reading this much older than its arrival is flagged."""
MAX_COUNTER: Final = 2**53
_MAX_MANTISSA: Final = 2**63 - 1


class PackError(ValueError):
    """A payload that is not a pack of the device on whose topic it came; ``reason`` is its quarantine reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Item:
    """One measurement of a pack, numbered as it came; ``time`` is seconds, counted from its arrival if ``relative``."""

    index: int
    name: str
    unit: str | None
    time: Decimal
    relative: bool
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that says whose it is. ``digest`` is SHA-256 over the payload as received."""

    farm: str
    device: str
    session: str
    counter: int
    items: tuple[Item, ...]
    digest: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """A measurement that cannot become a reading, and why."""

    index: int
    reason: str
    detail: str


def open_pack(topic: names.Topic, payload: bytes) -> Pack:
    """Read the payload of an ``up`` topic; raise :class:`PackError` if it is not a pack of that device."""
    try:
        records = senml.resolve(payload)
    except senml.SenmlError as error:
        raise PackError("undecodable", str(error)) from error
    base = f"cropmark/{topic.farm}/{topic.node}/"
    session: str | None = None
    counter: Decimal | None = None
    items: list[Item] = []
    for record in records:
        if not record.name.startswith(base):
            raise PackError("wrong-device", f"{record.name[:60]!r} came on the topic of {topic.node}")
        name = record.name.removeprefix(base)
        if name == "session":
            session = record.text
        elif name == "counter":
            counter = record.value
        else:
            items.append(Item(len(items), name, record.unit, record.time, record.relative, record.value))
    try:
        checked = names.session(session or "")
    except names.BadNameError as error:
        raise PackError("undecodable", f"no session: {error}") from error
    if counter is None or counter != counter.to_integral_value() or not 0 <= counter < MAX_COUNTER:
        raise PackError("undecodable", "no counter, or one that is not a whole number from 0")
    return Pack(topic.farm, topic.node, checked, int(counter), tuple(items), sha256(payload).digest())


def decode(pack: Pack, arrived: int, pace: float = 1.0) -> tuple[list[Reading], list[Reject]]:
    """Turn a pack into readings and rejects.

    ``arrived`` is the gateway's time in milliseconds. ``pace`` is how fast the farm's clock runs: in a replay a second
    of transport is ``pace`` seconds of the farm's time, and the thresholds of skew and lateness are as much longer.
    """
    readings: list[Reading] = []
    rejects: list[Reject] = []
    for item in pack.items:
        try:
            row = metric(item.name)
            mantissa = row.mantissa(_number(item), item.unit or "")
        except UnknownMetricError as error:
            rejects.append(Reject(item.index, "unknown-metric", str(error)))
            continue
        except UnitError as error:
            rejects.append(Reject(item.index, "unknown-unit", str(error)))
            continue
        if abs(mantissa) > _MAX_MANTISSA:
            rejects.append(Reject(item.index, "out-of-bounds", f"{item.name} = {item.value} does not fit 64 bits"))
            continue
        shift = int((item.time * 1000).to_integral_value())
        said = NO_DEVICE_TIME if item.relative else shift
        time = arrived + shift if item.relative else said
        flags = Flag(0)
        if not row.in_range(mantissa):
            flags |= Flag.RANGE
        if said == NO_DEVICE_TIME:
            flags |= Flag.NO_DEVICE_TIME
        elif time - arrived > SKEW_MS * pace:
            flags |= Flag.CLOCK_SKEW
        elif arrived - time > LATE_MS * pace:
            flags |= Flag.LATE
        readings.append(
            Reading(
                pack.farm, pack.device, pack.session, pack.counter, item.index, row.name,
                time, mantissa, row.decimals, int(flags), said, arrived,
            )
        )  # fmt: skip
    return readings, rejects


def _number(item: Item) -> Decimal:
    if item.value is None:
        raise UnitError(f"{item.name} has no number")
    return item.value


def reject_text(rejects: Sequence[Reject]) -> str:
    """Return one line that names every reject."""
    return "; ".join(f"measurement {reject.index}: {reject.detail}" for reject in rejects)
