"""The HTML templates (Jinja2): everything is escaped, and a name that is not given is an error, not an empty string."""

from collections.abc import Mapping
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("cropmark_dashboards"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def render(template: str, values: Mapping[str, object]) -> str:
    """Return the page ``template`` filled with ``values``."""
    return _ENVIRONMENT.get_template(template).render(values)
