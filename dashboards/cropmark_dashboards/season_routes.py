"""``GET /api/v1/farms/{farm}/fields/{field}/season``: the numbers behind a chart, as JSON."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi.responses import JSONResponse

from cropmark_dashboards import allowed, season
from cropmark_dashboards.farm_view import FarmView
from cropmark_dashboards.season import RangeError, Step
from cropmark_ingest.metric import UnknownMetricError
from cropmark_ingest.metric import metric as catalogued
from cropmark_ingest.principal import Guard, Principal


def router(view: FarmView, guard: Guard) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/api/v1", tags=["fields"])

    @routes.get("/farms/{farm}/fields/{field}/season", response_class=JSONResponse)
    def field_season(
        farm: str,
        field: str,
        principal: Annotated[Principal, Depends(guard)],
        metric: Annotated[str, Query(max_length=40, description="a name of the metric catalogue")],
        first: Annotated[date | None, Query(alias="from", description="local date, else the planting date")] = None,
        last: Annotated[date | None, Query(alias="to", description="local date, else today")] = None,
        step: Annotated[Step, Query(description="width of a bucket")] = "day",
    ) -> Response:
        """Least, greatest and mean value per local day or hour; at most 400 days and 2,000 buckets."""
        here = allowed.farm(view, principal, farm)
        found = allowed.field(view, farm, field)
        try:
            kind = catalogued(metric)
            part = season.stretch(
                view.time(), here.utc_offset, planted=found.planted, first=first, last=last, step=step
            )
        except UnknownMetricError as error:
            raise HTTPException(422, {"error": str(error), "next": "Ask for one of these."}) from error
        except RangeError as error:
            raise HTTPException(422, {"error": str(error), "next": "Ask for less."}) from error
        body: dict[str, object] = {"farm": farm, "field": field}
        body |= season.chart(kind, part, here.utc_offset, view.buckets(here, field, metric, part))
        return JSONResponse(body, headers={"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"})

    return routes
