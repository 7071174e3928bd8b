"""``/farm/{farm}/batches``: the harvest batches, each with its code, what its checks say, and what is left to do."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from cropmark_dashboards import allowed, moment, qr, weight
from cropmark_dashboards.error_pages import not_found
from cropmark_dashboards.farm_view import PAGE, FarmView
from cropmark_dashboards.harvest import RecordHarvest
from cropmark_dashboards.moment import Phrase
from cropmark_dashboards.rendering import HEADERS, Frame, page
from cropmark_dashboards.shown import BatchShown
from cropmark_ingest.principal import Guard, Principal
from cropmark_ingest.registry import Field

_QR_POLICY: Final = "default-src 'none'"


@dataclass(frozen=True, slots=True)
class Shown:
    """One batch as it is shown; ``mark`` is the worst result of its checks, ``tally`` how many there are of each."""

    batch: BatchShown
    field: Field | None
    code: str
    opened: Phrase
    published: Phrase | None
    kilograms: str | None
    jin: str | None
    mark: str | None
    tally: dict[str, int]


def router(view: FarmView, harvest: RecordHarvest, guard: Guard) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/farm/{farm}/batches", response_class=Response)
    def batches(
        request: Request,
        farm: str,
        principal: Annotated[Principal, Depends(guard)],
        new: Annotated[str, Query(max_length=20)] = "",
        skip: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Response:
        here = allowed.farm(view, principal, farm)
        fields = {item.field: item for item in view.fields(farm)}
        found, more = view.batches(farm, skip, PAGE)
        now = view.time()
        rows = [_shown(item, fields.get(item.field), now, here.utc_offset) for item in found]
        values = {
            "rows": rows,
            "new": next((row for row in rows if row.batch.batch == new), None),
            "older": skip + PAGE if more else None,
            "newer": max(0, skip - PAGE) if skip else None,
            "fields": fields,
        }
        return page(request, "batches.html", Frame(here, "batches", principal), values)

    @routes.get("/farm/{farm}/batches/{batch}/code.svg", response_class=Response)
    def code(farm: str, batch: str, principal: Annotated[Principal, Depends(guard)]) -> Response:
        url = _one(view, allowed.farm(view, principal, farm).farm, batch).url
        if url is None:
            raise not_found()
        headers = dict(HEADERS) | {"Content-Security-Policy": _QR_POLICY, "Cache-Control": "private, max-age=3600"}
        return Response(qr.svg(url), media_type="image/svg+xml", headers=headers)

    @routes.post("/farm/{farm}/batches/{batch}/publish", response_class=Response)
    def publish(farm: str, batch: str, principal: Annotated[Principal, Depends(guard)]) -> Response:
        found = _one(view, allowed.farm(view, principal, farm).farm, batch)
        if "harvest" not in found.steps:
            raise not_found()
        harvest.publish(farm, found.batch)
        return RedirectResponse(f"/farm/{farm}/batches?new={found.batch}", 303, headers=dict(HEADERS))

    return routes


def _one(view: FarmView, farm: str, batch: str) -> BatchShown:
    found = view.batch(farm, batch)
    if found is None:
        raise not_found()
    return found


def _shown(item: BatchShown, field: Field | None, now: int, utc_offset: int) -> Shown:
    tally: Counter[str] = Counter(check.result for check in item.checks)
    mark = next((result for result in ("fail", "warn", "pass", "not-checked") if tally[result]), None)
    return Shown(
        item,
        field,
        " ".join(item.batch[start : start + 4] for start in range(0, len(item.batch), 4)),
        moment.when(item.opened, now, utc_offset),
        None if item.published is None else moment.when(item.published, now, utc_offset),
        None if item.harvested is None else weight.written(item.harvested),
        None if item.harvested is None else weight.written(item.harvested, "jin"),
        mark,
        dict(tally),
    )
