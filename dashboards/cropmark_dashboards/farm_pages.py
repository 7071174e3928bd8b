"""``/farm`` and ``/farm/{farm}``: which farms, and how one of them is doing now."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from cropmark_dashboards import allowed, moment, quantity
from cropmark_dashboards.farm_view import FarmView
from cropmark_dashboards.moment import Phrase
from cropmark_dashboards.rendering import HEADERS, Frame, page
from cropmark_dashboards.season import DAY_MS
from cropmark_dashboards.shown import DayTotal, FarmNow, FieldNow, Problem, ProblemKind, volts
from cropmark_ingest.metric import CATALOGUE, Metric
from cropmark_ingest.principal import Guard, Principal
from cropmark_ingest.registry import Field
from cropmark_ingest.store import Latest


@dataclass(frozen=True, slots=True)
class Value:
    """One live value as it is shown."""

    metric: Metric
    number: str
    unit: str
    age: Phrase
    old: bool
    doubtful: bool
    day_total: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One field as it is shown; ``day`` counts days since planting, the planting day being 1."""

    field: Field
    day: int | None
    values: tuple[Value, ...]
    heard: Phrase | None
    since: Phrase | None
    stale: bool
    devices: int
    battery: str | None
    low: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """Problems of one kind, with the time of the newest."""

    kind: ProblemKind
    items: tuple[tuple[Problem, Phrase | None], ...]

    @property
    def size(self) -> int:
        """Return how many there are."""
        return len(self.items)


def router(view: FarmView, guard: Guard) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/farm", response_class=Response)
    def farms(request: Request, principal: Annotated[Principal, Depends(guard)]) -> Response:
        mine = allowed.farms(view, principal)
        if len(mine) == 1:
            return RedirectResponse(f"/farm/{mine[0].farm}", 303, headers=dict(HEADERS))
        return page(request, "farms.html", Frame(principal=principal), {"farms": mine})

    @routes.get("/farm/{farm}", response_class=Response)
    def farm(request: Request, farm: str, principal: Annotated[Principal, Depends(guard)]) -> Response:
        found = allowed.farm(view, principal, farm)
        now = view.now(found)
        several = len(allowed.farms(view, principal)) > 1
        values = {
            "cards": [card(item, now) for item in now.fields],
            "readings": now.readings,
            "troubles": troubles(now),
            "now": moment.when(now.now, now.now, found.utc_offset),
        }
        return page(request, "farm.html", Frame(found, "fields", principal, several), values)

    return routes


def card(item: FieldNow, now: FarmNow) -> Card:
    """Return what a field's card shows."""
    heard = None if item.newest is None else moment.age(item.newest, now.now)
    since = None if item.newest is None else moment.when(item.newest, now.now, now.farm.utc_offset)
    values = sorted(
        (value for value in item.values if value.metric in CATALOGUE), key=lambda v: quantity.rank(v.metric)
    )
    totals = {total.metric: total for total in item.totals}
    lowest = min(item.batteries, key=lambda battery: battery.mantissa / 10**battery.decimals, default=None)
    return Card(
        item.field,
        _day(item.field, now),
        tuple(_value(value, totals.get(value.metric), now.now, item) for value in values),
        heard,
        since,
        item.stale,
        item.devices,
        None if lowest is None else volts(lowest),
        any(problem.kind == "low-battery" and problem.subject in _devices(item) for problem in now.problems),
    )


def troubles(now: FarmNow) -> Sequence[Trouble]:
    """Return the problems by kind, in the order in which they come."""
    return [
        Trouble(
            kind,
            tuple(
                (item, None if item.last is None else moment.when(item.last, now.now, now.farm.utc_offset))
                for item in items
            ),
        )
        for kind, items in groupby(now.problems, key=lambda item: item.kind)
    ]


def _devices(item: FieldNow) -> set[str]:
    return {battery.device for battery in item.batteries}


def _value(latest: Latest, total: DayTotal | None, now: int, item: FieldNow) -> Value:
    metric = CATALOGUE[latest.metric]
    source: Latest | DayTotal = latest if total is None else total
    number = quantity.shown(metric, source.mantissa, source.decimals)
    # A value is marked by itself only where it is clearly older than what else the field says.
    old = item.newest is not None and item.newest - latest.time > DAY_MS // 8
    return Value(
        metric,
        number,
        quantity.display(metric).symbol,
        moment.age(latest.time, now),
        old,
        latest.flags != 0,
        total is not None,
    )


def _day(field: Field, now: FarmNow) -> int | None:
    if field.crop is None or field.planted is None:
        return None
    try:
        planted = moment.date_of(field.planted)
    except ValueError:
        return None
    days = (moment.local(now.now, now.farm.utc_offset).date() - planted).days + 1
    return days if days > 0 else None
