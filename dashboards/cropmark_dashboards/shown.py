"""What the farmer's pages show: live values with their age, problems, batches with their checks. Pure facts, no words.

Words, units and languages are the pages'. Times are integer UTC milliseconds of the farm's clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from cropmark_ingest.notices import Notice
from cropmark_ingest.registry import Device, Farm, Field, Placement, Text, field_at
from cropmark_ingest.store import Latest

BATTERY: Final = "battery_voltage"
LOW_BATTERY_VOLTS: Final = 3.4
"""Below this a lithium cell has a tenth of its charge left: days, not weeks."""
MISSED: Final = 3
"""A device is silent once it has missed this many of its intervals."""
LEAST_STALE_MS: Final = 30 * 60_000
"""No device is called silent sooner: a gateway may be starting, a phone's clock may be off."""
AHEAD_MS: Final = 10 * 60_000
"""A time further ahead of now than this is a device's wrong clock (docs/formats.md §3, ``clock-skew``)."""
DEFAULT_INTERVAL_MS: Final = 3_600_000

ProblemKind = Literal[
    "unreadable", "full", "fork", "quarantined", "gap", "unknown-device", "unknown-metric", "silent", "never-heard",
    "low-battery", "doubtful", "flagged", "other",
]  # fmt: skip
"""The gravest first."""
_NOTICED: Final[Mapping[str, ProblemKind]] = {
    "archive-unreadable": "unreadable",
    "quarantine-full": "full",
    "chain-fork": "fork",
    "chain-gap": "gap",
    "gateway-gap": "gap",
    "quarantined": "quarantined",
    "unknown-device": "unknown-device",
    "unknown-metric": "unknown-metric",
    "flagged-readings": "flagged",
}
Result = Literal["pass", "warn", "fail", "not-checked"]


@dataclass(frozen=True, slots=True)
class DayTotal:
    """What fell or flowed in the last 24 hours, of a metric whose values add up: ``mantissa`` x 10^-``decimals``."""

    metric: str
    mantissa: int
    decimals: int


@dataclass(frozen=True, slots=True)
class FieldNow:
    """One field: its newest value per metric, whether they are ``stale``, and its devices' batteries."""

    field: Field
    values: tuple[Latest, ...]
    batteries: tuple[Latest, ...]
    newest: int | None
    stale: bool
    devices: int
    totals: tuple[DayTotal, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a person should know of. ``count`` times, last at ``last``; ``subject`` names device or gateway.

    ``reason`` is a word of the machine (a quarantine reason, a value), shown as it is.
    """

    kind: ProblemKind
    subject: str
    count: int = 1
    last: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FarmNow:
    """A farm at one moment, ``now``; ``readings`` counts all that were ever stored."""

    farm: Farm
    now: int
    fields: tuple[FieldNow, ...]
    readings: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One named check of a verdict (docs/formats.md §10)."""

    name: str
    result: Result


@dataclass(frozen=True, slots=True)
class BatchShown:
    """A batch. ``steps`` are the records there are, in order; ``url`` is the shopper's address once it is published.

    ``harvested`` is in thousandths of a kilogram; ``checks`` is the issuer's own verdict, empty before publishing.
    """

    batch: str
    field: str
    product: Text
    opened: int
    steps: tuple[str, ...] = ()
    harvested: int | None = None
    published: int | None = None
    url: str | None = None
    checks: tuple[Check, ...] = ()


def silent_after(interval_ms: int | None) -> int:
    """Return for how many milliseconds a device may say nothing before its values are stale."""
    return max(LEAST_STALE_MS, MISSED * (interval_ms or DEFAULT_INTERVAL_MS))


def fields_now(
    fields: Sequence[Field],
    placements: Sequence[Placement],
    live: Sequence[Latest],
    grace: Mapping[str, int],
    now: int,
) -> tuple[FieldNow, ...]:
    """Sort the newest values into fields.

    A value belongs to the field where its device stood at the value's time. Of several devices that tell one metric
    the newest speaks, so history that arrives late never replaces a live value; one whose clock runs ahead speaks last
    and proves nothing alive. ``grace`` is :func:`silent_after` of
    each device; a field is stale when all of its devices are.
    """
    result = []
    for field in fields:
        standing = {item.device for item in placements if field_at(placements, item.device, now) == field.field}
        here = [item for item in live if field_at(placements, item.device, item.time) == field.field]
        timely = [item for item in here if item.time <= now + AHEAD_MS]
        newest: dict[str, Latest] = {}
        for item in sorted(here, key=lambda item: (item in timely, item.time, item.device)):
            if item.metric != BATTERY:
                newest[item.metric] = item
        last = max((item.time for item in timely), default=None)
        fresh = any(now - item.time <= grace.get(item.device, silent_after(None)) for item in timely)
        batteries = tuple(sorted((item for item in here if item.metric == BATTERY), key=lambda item: item.device))
        result.append(FieldNow(field, tuple(newest.values()), batteries, last, here != [] and not fresh, len(standing)))
    return tuple(result)


def device_problems(
    devices: Sequence[Device], live: Sequence[Latest], grace: Mapping[str, int], now: int
) -> list[Problem]:
    """Return what the newest values themselves tell: silent devices, empty batteries, doubtful values."""
    problems = []
    for device in devices:
        mine = [item for item in live if item.device == device.device]
        if not mine:
            problems.append(Problem("never-heard", device.device))
            continue
        last = max((item.time for item in mine if item.time <= now + AHEAD_MS), default=0)
        if now - last > grace.get(device.device, silent_after(None)):
            problems.append(Problem("silent", device.device, last=last or None))
        for item in mine:
            if item.metric == BATTERY and item.mantissa < LOW_BATTERY_VOLTS * 10**item.decimals:
                problems.append(Problem("low-battery", device.device, last=item.time, reason=f"{volts(item)} V"))
            elif item.flags:
                problems.append(Problem("doubtful", device.device, last=item.time, reason=item.metric))
    return problems


def noticed(notices: Sequence[Notice]) -> list[Problem]:
    """Return what ingest noticed, as problems; a kind that is not known here is shown as another problem."""
    return [
        Problem(_NOTICED.get(item.kind, "other"), item.subject, item.count, item.last_seen, item.reason)
        for item in notices
    ]


def gravest_first(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Sort by kind, the gravest first; the newest first within a kind."""
    order = get_args(ProblemKind)
    return tuple(sorted(problems, key=lambda item: (order.index(item.kind), -(item.last or 0), item.subject)))


def volts(item: Latest) -> str:
    """Return a battery's voltage with two decimals."""
    return f"{item.mantissa / 10**item.decimals:.2f}"


def grace_of(devices: Sequence[Device]) -> dict[str, int]:
    """Return :func:`silent_after` for each device."""
    return {item.device: silent_after(item.interval) for item in devices}
