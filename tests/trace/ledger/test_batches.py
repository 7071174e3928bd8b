"""A season is recorded, published and verified; what does not fit is refused and changes nothing."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from cropmark_ingest.cose import public_bytes
from cropmark_ingest.registry import Party, Placement, Text
from cropmark_trace import bundle, verify
from cropmark_trace.admission import RefusedError
from cropmark_trace.recording import UnknownError
from cropmark_trace.storage import AlteredError
from cropmark_trace.wiring import Trace
from tests.trace.ledger.archive import HOUR, START, reading
from tests.trace.ledger.world import (
    CORN,
    GATEWAY,
    HARVEST,
    HARVESTED,
    NOW,
    OTHER_GATEWAY,
    PACKED,
    PLANTING,
    World,
    record_all,
)


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
    assert farmed.batches.newest_bundle(batch) == published.sha256
    assert farmed.batches.verdict(batch) == published.verdict.to_json()


def test_the_evidence_is_recomputed_from_the_archived_segments(world: World, farmed: Trace) -> None:
    batch = record_all(farmed)
    published = farmed.batches.publish("demo", batch)
    data = farmed.bundles.read(published.sha256)
    segments = world.archive.segments[public_bytes(GATEWAY)]
    facts = world.chain.ask(verify.question(data)) if verify.question(data) else None  # type: ignore[arg-type]
    verdict = verify.verify(data, policy=farmed.policy(), batch=batch, chain=facts, segments=segments)
    assert verdict.check("evidence").result == "pass", verdict.check("evidence")


def test_the_evidence_tells_coverage_expectation_and_devices(farmed: Trace) -> None:
    batch = record_all(farmed)
    detail = farmed.batches.get(batch)
    assert detail is not None
    cited = detail.records[2][1].evidence
    assert cited is not None
    assert {stay.device for stay in cited.devices} == {"air-1", "soil-1"}
    assert (cited.readings, cited.expected, cited.gaps) == (96, 96, 0)
    assert (cited.start, cited.stop) == (START, HARVEST)


def test_two_gateways_are_both_cited_and_a_reading_counts_once(world: World, farmed: Trace) -> None:
    world.archive.names[public_bytes(OTHER_GATEWAY)] = "gw-2"
    world.archive.fill(OTHER_GATEWAY, ["soil-1"], 48)
    farmed.parties.register_gateway("demo", "gw-2", public_bytes(OTHER_GATEWAY))
    batch = record_all(farmed)
    published = farmed.batches.publish("demo", batch)
    opened = bundle.parse(farmed.bundles.read(published.sha256))
    assert len(opened.segments) == 2
    cited = opened.records[2].record.evidence
    assert cited is not None
    assert cited.readings == 96


def test_a_gateway_that_nobody_enrolled_is_not_cited(world: World, farmed: Trace) -> None:
    world.archive.fill(OTHER_GATEWAY, ["soil-1"], 48)
    batch = record_all(farmed)
    opened = bundle.parse(farmed.bundles.read(farmed.batches.publish("demo", batch).sha256))
    assert [item.tree.key for item in opened.segments] == [public_bytes(GATEWAY)]


def test_a_gateway_that_signs_with_another_name_than_its_own_is_refused(world: World, farmed: Trace) -> None:
    world.archive.fill(OTHER_GATEWAY, ["soil-1"], 6)
    farmed.parties.register_gateway("demo", "gw-2", public_bytes(OTHER_GATEWAY))
    with pytest.raises(RefusedError, match=r"segment 0 of gateway gw-1 .* is signed with the key of gateway gw-2"):
        record_all(farmed)


def test_a_segment_without_readings_does_not_stop_the_bundle(world: World, farmed: Trace) -> None:
    for _ in range(30):
        world.archive.seal(GATEWAY, [])
    batch = record_all(farmed)
    assert farmed.batches.publish("demo", batch).verdict.worst == "warn"


def test_header_trees_are_logged_once_and_again_when_they_grew(world: World, farmed: Trace) -> None:
    record_all(farmed)
    record_all(farmed)
    assert [item.size for item in farmed.store.header_trees()] == [8]
    world.archive.seal(GATEWAY, [reading("air-1", 48)])
    record_all(farmed)
    assert [item.size for item in farmed.store.header_trees()] == [8, 9]
    assert list(farmed.fsck()) == []


def test_a_field_without_sensors_is_recorded_without_evidence(world: World, farmed: Trace) -> None:
    world.archive.places = [Placement("demo", "air-2", "south", START)]
    batch = record_all(farmed)
    published = farmed.batches.publish("demo", batch)
    assert published.verdict.check("evidence").code == "no-evidence"


def test_publishing_again_gives_the_same_file(farmed: Trace) -> None:
    batch = record_all(farmed)
    assert farmed.batches.publish("demo", batch).sha256 == farmed.batches.publish("demo", batch).sha256


def test_without_a_chain_records_and_bundles_go_on_and_the_anchor_comes_later(world: World, farmed: Trace) -> None:
    world.chain.down = True
    batch = record_all(farmed)
    first = farmed.batches.publish("demo", batch)
    assert first.anchor is None
    assert first.verdict.check("anchor").code == "not-anchored"
    world.chain.down = False
    second = farmed.batches.publish("demo", batch)
    assert second.anchor is not None
    assert second.sha256 != first.sha256
    assert farmed.bundles.read(first.sha256)


def test_a_later_record_names_the_newest_anchored_checkpoint(farmed: Trace) -> None:
    first = record_all(farmed)
    published = farmed.batches.publish("demo", first)
    assert published.anchor is not None
    second = record_all(farmed)
    detail = farmed.batches.get(second)
    assert detail is not None
    before = detail.records[0][1].not_before
    assert before is not None
    assert (before.size, before.root, before.block) == (
        published.anchor.size, published.anchor.root, published.anchor.block,
    )  # fmt: skip
    again = farmed.batches.publish("demo", second)
    assert again.verdict.check("time-window").code == "operator-chain"


def test_a_record_never_names_a_block_that_a_reorg_took(world: World, farmed: Trace) -> None:
    farmed.batches.publish("demo", record_all(farmed))
    world.chain.fork = 1
    detail = farmed.batches.get(record_all(farmed))
    assert detail is not None
    assert detail.records[0][1].not_before is None


def test_while_the_chain_is_silent_the_remembered_anchor_counts(world: World, farmed: Trace) -> None:
    published = farmed.batches.publish("demo", record_all(farmed))
    world.chain.down = True
    detail = farmed.batches.get(record_all(farmed))
    assert detail is not None
    before = detail.records[0][1].not_before
    assert before is not None
    assert published.anchor is not None
    assert before.block_hash == published.anchor.block_hash


def test_an_anchor_that_a_reorg_took_is_made_again(world: World, farmed: Trace) -> None:
    batch = record_all(farmed)
    farmed.batches.publish("demo", batch)
    world.chain.fork = 1
    assert [finding.kind for finding in farmed.fsck()] == ["anchor"]
    published = farmed.batches.publish("demo", batch)
    assert published.anchor is not None
    assert published.anchor.block_hash == world.chain.block_hash(published.anchor.block)
    assert published.verdict.check("anchor").code == "operator-chain"


def test_a_chain_that_holds_another_root_stops_the_bundle(world: World, farmed: Trace) -> None:
    batch = record_all(farmed)
    farmed.batches.publish("demo", batch)
    world.chain.blocks[0] = (world.chain.blocks[0][0], bytes(32))
    with pytest.raises(AlteredError, match="the chain holds root 0000"):
        farmed.batches.publish("demo", batch)


def test_farms_do_not_see_each_others_batches(farmed: Trace) -> None:
    farmed.parties.register_party(Party("other", "grower", Text("Other", "别人"), "grower"))
    mine = farmed.batches.open("demo", "north", CORN)
    yours = farmed.batches.open("other", "north", CORN)
    farmed.batches.add("other", yours, "planting", PLANTING, START)
    assert [row.batch.batch for row in farmed.batches.rows("demo")] == [mine]
    assert [row.batch.batch for row in farmed.batches.rows("other")] == [yours]
    for call in (
        lambda: farmed.batches.add("demo", yours, "planting", PLANTING, START),
        lambda: farmed.batches.publish("demo", yours),
    ):
        with pytest.raises(UnknownError, match="farm demo has no batch"):
            call()


def test_a_batch_opens_in_a_registered_field_with_plain_names(farmed: Trace) -> None:
    for farm, field in (("demo", "nowhere"), ("nobody", "north")):
        with pytest.raises(UnknownError, match="Register it first"):
            farmed.batches.open(farm, field, CORN)
    for product in (Text("", "x"), Text("x" * 201, "x"), Text("a\u202eb", "x")):
        with pytest.raises(RefusedError, match="plain characters"):
            farmed.batches.open("demo", "north", product)
    with pytest.raises(RefusedError, match="not a batch code"):
        farmed.batches.open("demo", "north", CORN, "short")
    taken = farmed.batches.open("demo", "north", CORN)
    with pytest.raises(RefusedError, match="exists already"):
        farmed.batches.open("demo", "south", CORN, taken)


def test_a_batch_has_one_harvest(farmed: Trace) -> None:
    batch = record_all(farmed)
    with pytest.raises(RefusedError, match="has its harvest already"):
        farmed.batches.add("demo", batch, "harvest", HARVESTED, HARVEST)


def test_a_batch_that_begins_with_its_harvest_cites_from_the_planting_date(farmed: Trace) -> None:
    batch = farmed.batches.open("demo", "north", CORN)
    farmed.batches.add("demo", batch, "harvest", HARVESTED, HARVEST)
    detail = farmed.batches.get(batch)
    assert detail is not None
    cited = detail.records[0][1].evidence
    assert cited is not None
    assert cited.start == 1_793_509_200_000  # 2026-11-01, midnight at UTC-5
    assert cited.readings == 96


def test_nothing_is_published_before_the_first_record(farmed: Trace) -> None:
    batch = farmed.batches.open("demo", "north", CORN)
    with pytest.raises(RefusedError, match="no records yet"):
        farmed.batches.publish("demo", batch)


@pytest.mark.parametrize("occurred_at", [-1, NOW + 30 * HOUR])
def test_what_has_not_happened_is_not_recorded(farmed: Trace, occurred_at: int) -> None:
    batch = farmed.batches.open("demo", "north", CORN)
    with pytest.raises(RefusedError, match="not happened yet"):
        farmed.batches.add("demo", batch, "packing", PACKED, occurred_at)


def test_batch_ids_are_random_and_of_the_documented_form(farmed: Trace) -> None:
    drawn = {farmed.batches.open("demo", "north", CORN) for _ in range(20)}
    assert len(drawn) == 20
    assert all(len(batch) == 20 and batch.isalnum() and batch.isupper() for batch in drawn)
