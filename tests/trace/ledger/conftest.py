"""Fixtures of the ledger's tests: an installation on a temporary folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cropmark_trace.wiring import Trace
from tests.trace.ledger.world import World, season


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "trace")


@pytest.fixture
def trace(world: World) -> Iterator[Trace]:
    opened = world.open()
    yield opened
    opened.close()


@pytest.fixture
def farmed(world: World, trace: Trace) -> Trace:
    """A trace whose parties are enrolled and whose season is sealed."""
    season(world, trace)
    return trace
