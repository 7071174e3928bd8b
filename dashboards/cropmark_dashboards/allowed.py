"""From the address to the farm that the caller may see. Not there and not allowed are the same answer: 404."""

from cropmark_dashboards.error_pages import not_found
from cropmark_dashboards.farm_view import FarmView
from cropmark_ingest.principal import Principal
from cropmark_ingest.registry import Farm, Field


def farms(view: FarmView, principal: Principal) -> list[Farm]:
    """Return the farms that ``principal`` may see."""
    return [farm for farm in view.farms() if principal.may(farm.farm)]


def farm(view: FarmView, principal: Principal, name: str) -> Farm:
    """Return the farm; raise HTTP 404 if there is none or ``principal`` may not see it."""
    found = view.farm(name) if principal.may(name) else None
    if found is None:
        raise not_found()
    return found


def field(view: FarmView, farm_name: str, name: str) -> Field:
    """Return a farm's field; raise HTTP 404 if there is none."""
    found = next((item for item in view.fields(farm_name) if item.field == name), None)
    if found is None:
        raise not_found()
    return found
