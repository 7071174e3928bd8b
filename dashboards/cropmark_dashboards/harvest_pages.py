"""``/farm/{farm}/harvest``: the one form that records a harvest. What was typed stays there until it is recorded."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from cropmark_dashboards import allowed, catalogue, harvest_form, season
from cropmark_dashboards.farm_view import FarmView
from cropmark_dashboards.harvest import BooksError, OtherHarvestError, RecordHarvest
from cropmark_dashboards.harvest_form import Form
from cropmark_dashboards.posted import posted
from cropmark_dashboards.rendering import HEADERS, Frame, language, page
from cropmark_dashboards.secret import Random
from cropmark_ingest.principal import Guard, Principal
from cropmark_ingest.registry import Farm, Field

KEY_BYTES: Final = 16

log = structlog.get_logger()


def router(view: FarmView, harvest: RecordHarvest, guard: Guard, random: Random) -> APIRouter:
    """Return the routes; ``random`` draws the key that makes a form count once."""
    routes = APIRouter(include_in_schema=False)

    def show(
        request: Request, here: Farm, principal: Principal, form: Form, fields: Sequence[Field], status: int = 200
    ) -> Response:
        chosen = next((item for item in fields if item.field == form.typed.get("field")), None)
        values = {
            "form": form,
            "fields": fields,
            "chosen": chosen,
            "today": season.local_day(view.time(), here.utc_offset).isoformat(),
            "into": None if chosen is None else harvest.open_batch(here.farm, chosen.field),
        }
        return page(request, "harvest.html", Frame(here, "harvest", principal), values, status)

    @routes.get("/farm/{farm}/harvest", response_class=Response)
    def blank(
        request: Request,
        farm: str,
        principal: Annotated[Principal, Depends(guard)],
        field: Annotated[str, Query(max_length=32)] = "",
    ) -> Response:
        here = allowed.farm(view, principal, farm)
        fields = view.fields(farm)
        chosen = next((item for item in fields if item.field == field), fields[0] if len(fields) == 1 else None)
        typed = {"key": random(KEY_BYTES).hex(), "unit": "kg"}
        if chosen is not None:
            words = catalogue.words(language(request))
            typed |= {
                "field": chosen.field,
                "product": "" if chosen.crop is None else words.text(chosen.crop),
                "date": season.local_day(view.time(), here.utc_offset).isoformat(),
            }
        return show(request, here, principal, Form(typed), fields)

    @routes.post("/farm/{farm}/harvest", response_class=Response)
    def record(
        request: Request,
        farm: str,
        principal: Annotated[Principal, Depends(guard)],
        sent: Annotated[Mapping[str, str], Depends(posted)],
    ) -> Response:
        here = allowed.farm(view, principal, farm)
        fields = view.fields(farm)
        form = Form.from_post(sent)
        if not form.key:
            form.typed["key"] = random(KEY_BYTES).hex()
        wanted = harvest_form.read(form, fields, season.local_day(view.time(), here.utc_offset))
        if wanted is None:
            return show(request, here, principal, form, fields, 422)
        try:
            done = harvest.record(here, form.key, wanted)
        except OtherHarvestError as error:
            form.errors["form"] = "form.error.sent-before"
            form.typed["key"] = random(KEY_BYTES).hex()
            log.info("a form was sent again with other content", farm=farm, batch=error.batch)
            return show(request, here, principal, form, fields, 409)
        except BooksError as error:
            form.errors["form"] = "form.error.refused"
            form.reason = str(error)
            log.warning("a harvest could not be recorded", farm=farm, reason=str(error))
            return show(request, here, principal, form, fields, 503)
        if done.unpublished is not None:
            log.warning("a batch could not be published", farm=farm, batch=done.batch, reason=done.unpublished)
        return RedirectResponse(f"/farm/{farm}/batches?new={done.batch}", 303, headers=dict(HEADERS))

    return routes
