"""Reading for the farmer's pages: the ports it needs, and :class:`FarmReader`, which puts their answers together.

Nothing here decides who may see a farm: the pages ask the guard first.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from cropmark_dashboards import season, shown
from cropmark_dashboards.season import DAY_MS, MINUTE_MS, STEP_MS, Stretch
from cropmark_dashboards.shown import BatchShown, DayTotal, FarmNow, FieldNow
from cropmark_ingest.clock import Clock
from cropmark_ingest.metric import CATALOGUE
from cropmark_ingest.notices import Notice
from cropmark_ingest.reading import Flag
from cropmark_ingest.registry import Device, Farm, Field, Placement
from cropmark_ingest.store import Bucket, Latest

MAX_PROBLEMS: Final = 50
PAGE: Final = 20


class FarmRegistry(Protocol):
    """The farm registry, to read."""

    def farms(self) -> Sequence[Farm]:
        """Return all farms."""
        ...

    def farm(self, farm: str) -> Farm | None:
        """Return one farm, or None."""
        ...

    def fields(self, farm: str) -> Sequence[Field]:
        """Return a farm's fields."""
        ...

    def devices(self, farm: str) -> Sequence[Device]:
        """Return a farm's devices."""
        ...

    def placements(self, farm: str) -> Sequence[Placement]:
        """Return where its devices stand and stood."""
        ...


class Telemetry(Protocol):
    """The time-series store, to read (``cropmark_ingest.store.TelemetryStore``)."""

    def latest(self, farm: str, devices: Sequence[str]) -> Sequence[Latest]:
        """Return the newest value of each device and metric, by event time."""
        ...

    def series(  # noqa: PLR0913 - a query
        self, farm: str, devices: Sequence[str], metric: str, start: int, stop: int, *, width: int, offset: int = 0,
        without: int = 0,
    ) -> Sequence[Bucket]:  # fmt: skip
        """Return buckets of ``width`` milliseconds that have readings; ``without`` names flags to leave out."""
        ...

    def count(self, farm: str | None = None) -> int:
        """Return how many readings are stored."""
        ...


class Noticed(Protocol):
    """What ingest noticed."""

    def all(self, farm: str | None = None) -> Sequence[Notice]:
        """Return the notices of a farm, the newest first."""
        ...


class Shelf(Protocol):
    """The batches, to read."""

    def batches(self, farm: str, skip: int, most: int) -> tuple[Sequence[BatchShown], bool]:
        """Return up to ``most`` of a farm's batches after ``skip``, newest first, and whether there are more."""
        ...

    def batch(self, farm: str, batch: str) -> BatchShown | None:
        """Return one batch of a farm, or None."""
        ...


class FarmView(Protocol):
    """What the pages read."""

    def farms(self) -> Sequence[Farm]:
        """Return all farms."""
        ...

    def farm(self, farm: str) -> Farm | None:
        """Return one farm, or None."""
        ...

    def fields(self, farm: str) -> Sequence[Field]:
        """Return a farm's fields."""
        ...

    def time(self) -> int:
        """Return the farm's clock."""
        ...

    def now(self, farm: Farm) -> FarmNow:
        """Return the farm as it is now."""
        ...

    def buckets(self, farm: Farm, field: str, metric: str, part: Stretch) -> Sequence[Bucket]:
        """Return a field's season in buckets, in order of time."""
        ...

    def batches(self, farm: str, skip: int, most: int) -> tuple[Sequence[BatchShown], bool]:
        """Return up to ``most`` of a farm's batches after ``skip``, newest first, and whether there are more."""
        ...

    def batch(self, farm: str, batch: str) -> BatchShown | None:
        """Return one batch of a farm, or None."""
        ...


class FarmReader:
    """The view over a registry, a store and the batches. ``clock`` is the farm's."""

    def __init__(
        self, registry: FarmRegistry, telemetry: Telemetry, notices: Noticed, shelf: Shelf, clock: Clock
    ) -> None:
        self._registry = registry
        self._telemetry = telemetry
        self._notices = notices
        self._shelf = shelf
        self._clock = clock

    def farms(self) -> Sequence[Farm]:
        """Return all farms."""
        return self._registry.farms()

    def farm(self, farm: str) -> Farm | None:
        """Return one farm, or None."""
        return self._registry.farm(farm)

    def fields(self, farm: str) -> Sequence[Field]:
        """Return a farm's fields."""
        return self._registry.fields(farm)

    def time(self) -> int:
        """Return the farm's clock."""
        return self._clock()

    def now(self, farm: Farm) -> FarmNow:
        """Return the farm as it is now: newest values by event time, and every problem with the gravest kind first."""
        name = farm.farm
        now = self._clock()
        devices = self._registry.devices(name)
        live = self._telemetry.latest(name, [item.device for item in devices])
        grace = shown.grace_of(devices)
        fields = shown.fields_now(self._registry.fields(name), self._registry.placements(name), live, grace, now)
        problems = [
            *shown.noticed(self._notices.all(name)),
            *shown.device_problems(devices, live, grace, now),
        ]
        fields = tuple(replace(field, totals=self._totals(farm, field, now)) for field in fields)
        return FarmNow(farm, now, fields, self._telemetry.count(name), shown.gravest_first(problems)[:MAX_PROBLEMS])

    def buckets(self, farm: Farm, field: str, metric: str, part: Stretch) -> Sequence[Bucket]:
        """Return a field's season in buckets, in order of time; readings outside the physical range are left out.

        A device counts for the field only while it stood there. Rain gauges are averaged, not summed.
        """
        width = STEP_MS[part.step]
        windows = season.standing(self._registry.placements(farm.farm), field, part)
        total = CATALOGUE[metric].total
        rows = [
            self._telemetry.series(
                farm.farm, together, metric, start, stop,
                width=width, offset=farm.utc_offset * MINUTE_MS, without=Flag.RANGE,
            )
            for (start, stop), devices in windows.items()
            for together in ([[device] for device in devices] if total else [devices])
        ]  # fmt: skip
        return season.averaged(rows) if total else season.merged(bucket for row in rows for bucket in row)

    def _totals(self, farm: Farm, field: FieldNow, now: int) -> tuple[DayTotal, ...]:
        """Return the last 24 hours of what adds up, where the field has it."""
        metrics = [CATALOGUE[item.metric] for item in field.values if CATALOGUE[item.metric].total]
        day = Stretch(now - DAY_MS + 1, now + 1, "hour")
        return tuple(
            DayTotal(
                metric.name,
                sum(item.total for item in self.buckets(farm, field.field.field, metric.name, day)),
                metric.decimals,
            )
            for metric in metrics
        )

    def batches(self, farm: str, skip: int, most: int) -> tuple[Sequence[BatchShown], bool]:
        """Return up to ``most`` of a farm's batches after ``skip``, newest first, and whether there are more."""
        return self._shelf.batches(farm, skip, most)

    def batch(self, farm: str, batch: str) -> BatchShown | None:
        """Return one batch of a farm, or None."""
        return self._shelf.batch(farm, batch)
