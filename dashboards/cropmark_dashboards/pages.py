"""All routes of the farmer's pages, each from its own module; what the wiring includes into its app."""

import secrets

from fastapi import APIRouter, FastAPI

from cropmark_dashboards import (
    assets,
    batch_pages,
    error_pages,
    farm_pages,
    field_pages,
    harvest_pages,
    season_routes,
    signin_pages,
    signin_routes,
)
from cropmark_dashboards.farm_view import FarmView
from cropmark_dashboards.guard import make_guard
from cropmark_dashboards.harvest import RecordHarvest
from cropmark_dashboards.secret import Random
from cropmark_dashboards.signin import SignIn
from cropmark_ingest.principal import Guard


def router(
    view: FarmView, harvest: RecordHarvest, signin: SignIn, guard: Guard, random: Random = secrets.token_bytes
) -> APIRouter:
    """Return everything under ``/farm``, ``/signin``, ``/farm-assets`` and the season's JSON."""
    routes = APIRouter()
    for part in (
        assets.router(),
        signin_pages.router(signin, guard),
        signin_routes.router(signin, guard),
        farm_pages.router(view, guard),
        field_pages.router(view, guard),
        season_routes.router(view, guard),
        batch_pages.router(view, harvest, guard),
        harvest_pages.router(view, harvest, guard, random),
    ):
        routes.include_router(part)
    return routes


def install(app: FastAPI, view: FarmView, harvest: RecordHarvest, signin: SignIn) -> Guard:
    """Put the pages and their error answers into ``app``; return the guard for the other routers."""
    guard = make_guard(signin)
    error_pages.install(app)
    app.include_router(router(view, harvest, signin, guard))
    return guard
