"""``/farm/{farm}/fields/{field}``: one field's season, a chart and a table of the same numbers for each metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from cropmark_dashboards import allowed, moment, quantity, season
from cropmark_dashboards.farm_view import FarmView
from cropmark_dashboards.moment import Phrase
from cropmark_dashboards.rendering import Frame, page
from cropmark_ingest.metric import CATALOGUE, Metric
from cropmark_ingest.principal import Guard, Principal
from cropmark_ingest.registry import Field
from cropmark_ingest.store import Bucket


@dataclass(frozen=True, slots=True)
class Row:
    """One day of the table, rounded as on the chart; ``total`` only where a metric adds up."""

    day: Phrase
    iso: str
    low: str
    high: str
    mean: str
    total: str | None


def router(view: FarmView, guard: Guard) -> APIRouter:
    """Return the route."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/farm/{farm}/fields/{field}", response_class=Response)
    def field_page(
        request: Request,
        farm: str,
        field: str,
        principal: Annotated[Principal, Depends(guard)],
        metric: Annotated[str, Query(max_length=40)] = "",
    ) -> Response:
        here = allowed.farm(view, principal, farm)
        found = allowed.field(view, farm, field)
        now = view.now(here)
        mine = next(item for item in now.fields if item.field.field == field)
        names = sorted((value.metric for value in mine.values if value.metric in CATALOGUE), key=quantity.rank)
        metrics = [CATALOGUE[name] for name in names]
        chosen = next((item for item in metrics if item.name == metric), metrics[0] if metrics else None)
        values: dict[str, object] = {
            "field": found,
            "metrics": metrics,
            "chosen": chosen,
            "rows": [],
            "stale": mine.stale,
            "planted": _planted(found, now.now, here.utc_offset),
            "since": None if mine.newest is None else moment.when(mine.newest, now.now, here.utc_offset),
        }
        if chosen is not None:
            part = season.stretch(now.now, here.utc_offset, planted=found.planted, first=None, last=None)
            buckets = view.buckets(here, field, chosen.name, part)
            rows = [row(chosen, item, now.now, here.utc_offset) for item in buckets]
            address = f"/api/v1/farms/{farm}/fields/{field}/season?{urlencode({'metric': chosen.name})}"
            values |= {
                "rows": rows[::-1],
                "display": quantity.display(chosen),
                "address": address,
                "overall": overall(chosen, buckets),
            }
        return page(request, "field.html", Frame(here, "fields", principal), values)

    return routes


def row(metric: Metric, item: Bucket, now: int, utc_offset: int) -> Row:
    """Return one day of the table."""
    mean = item.total // item.count if not metric.total else 0
    return Row(
        moment.day(item.start, now, utc_offset),
        moment.local(item.start, utc_offset).date().isoformat(),
        quantity.shown(metric, item.least, metric.decimals),
        quantity.shown(metric, item.most, metric.decimals),
        quantity.shown(metric, mean, metric.decimals),
        quantity.shown(metric, item.total, metric.decimals) if metric.total else None,
    )


def overall(metric: Metric, known: Sequence[Bucket]) -> dict[str, str] | None:
    """Return the season in three numbers: least, greatest and mean; or its sum, where a metric adds up."""
    if not known:
        return None
    total = sum(item.total for item in known)
    return {
        "low": quantity.shown(metric, min(item.least for item in known), metric.decimals),
        "high": quantity.shown(metric, max(item.most for item in known), metric.decimals),
        "mean": quantity.shown(metric, total // sum(item.count for item in known), metric.decimals),
        "total": quantity.shown(metric, total, metric.decimals),
    }


def _planted(field: Field, now: int, utc_offset: int) -> Phrase | None:
    try:
        day = None if field.planted is None else moment.date_of(field.planted)
    except ValueError:
        return None
    return None if day is None else moment.day(season.midnight(day, utc_offset), now, utc_offset)
