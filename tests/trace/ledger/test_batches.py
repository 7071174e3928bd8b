"""A season is recorded, published and verified; what does not fit is refused and changes nothing."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from cropmark_ingest.registry import Text
from cropmark_trace import verify
from cropmark_trace.admission import RefusedError
from cropmark_trace.recording import UnknownError
from cropmark_trace.wiring import Trace
from tests.trace.ledger.archive import HOUR, START
from tests.trace.ledger.world import CORN, HARVEST, HARVESTED, INPUT, PACKED, PLANTING, World, record_all


def test_a_season_is_published_and_no_check_fails(world: World, farmed: Trace) -> None:
    batch = record_all(farmed)
    published = farmed.batches.publish("demo", batch)
    results = {check.name: check.result for check in published.verdict.checks}
    assert {name for name, result in results.items() if result == "pass"} >= {
        "schema", "signatures", "keys", "chain", "log",
    }  # fmt: skip
    assert results["anchor"] == results["time-window"] == results["evidence"] == results["witnesses"] == "warn"
    data = Path(published.path).read_bytes()
    assert sha256(data).hexdigest() == published.sha256
    assert len(data) < 64 * 1024
    assert json.loads(data)["batch"] == batch
    assert world.chain.blocks == [(farmed.ledger.head().size, farmed.ledger.head().root)]
