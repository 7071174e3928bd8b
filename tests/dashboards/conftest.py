from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cropmark_dashboards import secret
from cropmark_dashboards.guard import COOKIE
from cropmark_ingest.principal import Principal
from tests.dashboards import world as worlds
from tests.dashboards.serving import serving
from tests.dashboards.world import World

PAGE = {"accept": "text/html,*/*", "accept-language": "en"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = worlds.build(tmp_path)
    yield made
    made.close()


@pytest.fixture
def base(world: World) -> Iterator[str]:
    with serving(world.app) as address:
        yield address


@pytest.fixture
def browser(base: str) -> Iterator[httpx.Client]:
    """A browser without scripts, in which nobody has signed in."""
    with httpx.Client(base_url=base, headers=PAGE) as client:
        yield client


def origin(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")


def sign_in(world: World, client: httpx.Client, principal: Principal | None = None) -> str:
    """Go through a one-time link as a person does; return the token that this session's forms carry."""
    link = world.signin.make_link(principal or Principal("Li Na", frozenset({"demo"})))
    answer = client.post("/signin", data={"link": link}, headers={"origin": origin(client)})
    assert answer.status_code == 303, answer.text
    return secret.csrf(client.cookies[COOKIE])


@pytest.fixture
def csrf(world: World, browser: httpx.Client) -> str:
    """Sign the browser in for the demo farm; the value is its forms' token."""
    return sign_in(world, browser)


def send(client: httpx.Client, path: str, fields: dict[str, str]) -> httpx.Response:
    """Send a form as our own page does."""
    return client.post(path, data=fields, headers={"origin": origin(client)})
