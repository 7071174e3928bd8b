"""The contract's rules, as an EVM under Cancun rules runs them."""

from collections.abc import Iterator

import pytest

from cropmark_contracts.abi import ANCHORED_TOPIC
from cropmark_contracts.chain_reader import CallFailed
from tests.contracts.deployed import (
    HEIR,
    OWNER,
    PUBLISHER,
    STRANGER,
    Bench,
    LogMaker,
    account,
    calldata,
    deploy,
    members,
)

ROOT = bytes(range(32))
OTHER = bytes(range(1, 33))
NOBODY = bytes(20)
GROWS = "size does not grow"


def test_a_publisher_anchors_and_everyone_can_read_it(bench: Bench, fresh_log: LogMaker) -> None:
    log_id = fresh_log()
    receipt = bench.send(PUBLISHER, "anchor", log_id, 7, ROOT)
    block = bench.chain.block(receipt.block)
    assert block is not None
    assert bench.ask("root_of", log_id, 7) == ROOT
    assert bench.ask("latest", log_id) == (7, ROOT, block.time, block.number)
    assert bench.ask("count", log_id) == 1


def test_each_anchor_leaves_one_event_that_names_the_block_of_the_one_before(bench: Bench, fresh_log: LogMaker) -> None:
    log_id = fresh_log()
    first = bench.send(PUBLISHER, "anchor", log_id, 1, ROOT)
    second = bench.send(PUBLISHER, "anchor", log_id, 5, OTHER)
    (event,), (later,) = first.logs, second.logs
    assert event.topics == later.topics == (ANCHORED_TOPIC, log_id)
    assert event.data == (1).to_bytes(32, "big") + ROOT + bytes(32)
    assert later.data == (5).to_bytes(32, "big") + OTHER + first.block.to_bytes(32, "big")


def test_what_was_never_anchored_reads_as_zero(bench: Bench, fresh_log: LogMaker) -> None:
    log_id = fresh_log()
    assert bench.ask("latest", log_id) == (0, bytes(32), 0, 0)
    bench.send(PUBLISHER, "anchor", log_id, 7, ROOT)
    assert bench.ask("root_of", log_id, 6) == bench.ask("root_of", log_id, 0) == bytes(32)


@pytest.mark.parametrize("size", [7, 6, 1, 0])
def test_a_size_that_does_not_grow_is_refused_with_any_root(bench: Bench, fresh_log: LogMaker, size: int) -> None:
    log_id = fresh_log()
    bench.send(PUBLISHER, "anchor", log_id, 7, ROOT)
    for root in (ROOT, OTHER):
        with pytest.raises(CallFailed, match=GROWS):
            bench.send(PUBLISHER, "anchor", log_id, size, root)
    assert bench.ask("root_of", log_id, 7) == ROOT
    assert bench.ask("count", log_id) == 1


def test_size_zero_and_a_zero_root_are_refused_in_an_empty_log(bench: Bench, fresh_log: LogMaker) -> None:
    log_id = fresh_log()
    with pytest.raises(CallFailed, match=GROWS):
        bench.send(PUBLISHER, "anchor", log_id, 0, ROOT)
    with pytest.raises(CallFailed, match="root is zero"):
        bench.send(PUBLISHER, "anchor", log_id, 1, bytes(32))


def test_the_greatest_size_is_taken_and_ends_the_log(bench: Bench, fresh_log: LogMaker) -> None:
    log_id = fresh_log()
    bench.send(PUBLISHER, "anchor", log_id, 2**64 - 1, ROOT)
    assert bench.ask("latest", log_id)[:2] == (2**64 - 1, ROOT)
    assert bench.ask("count", log_id) == 1
    with pytest.raises(CallFailed, match=GROWS):
        bench.send(PUBLISHER, "anchor", log_id, 2**64 - 1, OTHER)


def test_only_a_publisher_of_that_very_log_anchors(bench: Bench, fresh_log: LogMaker) -> None:
    log_id = fresh_log()
    for key in (STRANGER, OWNER):
        with pytest.raises(CallFailed, match="not a publisher of this log"):
            bench.send(key, "anchor", log_id, 1, ROOT)
    with pytest.raises(CallFailed, match="not a publisher of this log"):
        bench.send(PUBLISHER, "anchor", b"\x0b" * 32, 1, ROOT)


def test_logs_in_one_deployment_do_not_touch_each_other(bench: Bench, fresh_log: LogMaker) -> None:
    one, other = fresh_log(), fresh_log()
    bench.send(PUBLISHER, "anchor", one, 9, ROOT)
    bench.send(PUBLISHER, "anchor", other, 3, OTHER)
    assert bench.ask("root_of", one, 3) == bytes(32)
    assert bench.ask("latest", one)[:2] == (9, ROOT)
    assert bench.ask("latest", other)[:2] == (3, OTHER)


def test_a_dismissed_publisher_anchors_no_more_and_its_roots_stay(bench: Bench, fresh_log: LogMaker) -> None:
    log_id = fresh_log()
    bench.send(PUBLISHER, "anchor", log_id, 1, ROOT)
    bench.send(OWNER, "remove_publisher", log_id, account(PUBLISHER))
    assert bench.ask("is_publisher", log_id, account(PUBLISHER)) is False
    with pytest.raises(CallFailed, match="not a publisher of this log"):
        bench.send(PUBLISHER, "anchor", log_id, 2, OTHER)
    assert bench.ask("root_of", log_id, 1) == ROOT


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add_publisher", (ROOT, account(STRANGER))),
        ("remove_publisher", (ROOT, account(PUBLISHER))),
        ("offer_ownership", (account(STRANGER),)),
        ("renounce_ownership", ()),
    ],
)
def test_only_the_owner_appoints_dismisses_and_hands_over(
    bench: Bench, name: str, arguments: tuple[object, ...]
) -> None:
    for key in (STRANGER, PUBLISHER):
        with pytest.raises(CallFailed, match="not the owner"):
            bench.send(key, name, *arguments)


def test_the_zero_address_is_never_a_publisher(bench: Bench) -> None:
    with pytest.raises(CallFailed, match="publisher is zero"):
        bench.send(OWNER, "add_publisher", ROOT, NOBODY)


def test_the_owner_has_no_way_to_change_a_stored_root(bench: Bench, fresh_log: LogMaker) -> None:
    log_id = fresh_log()
    bench.send(PUBLISHER, "anchor", log_id, 4, ROOT)
    # Even an owner that makes itself publisher is bound by the rules of sizes.
    bench.send(OWNER, "add_publisher", log_id, account(OWNER))
    for size in (4, 3):
        with pytest.raises(CallFailed, match=GROWS):
            bench.send(OWNER, "anchor", log_id, size, OTHER)
    assert bench.ask("root_of", log_id, 4) == ROOT
    # And nothing but these functions writes at all.
    writers = {name for name, entry in members("function").items() if entry["stateMutability"] not in {"view", "pure"}}
    assert writers == {
        "anchor", "add_publisher", "remove_publisher", "offer_ownership", "accept_ownership", "renounce_ownership",
    }  # fmt: skip


def test_an_unknown_function_and_dirty_arguments_are_refused(bench: Bench, fresh_log: LogMaker) -> None:
    log_id = fresh_log()
    head = bench.chain.head_number()
    size_beyond_64_bits = calldata("root_of", log_id, 1)[:36] + (2**64).to_bytes(32, "big")
    for data in (b"\xde\xad\xbe\xef", b"", size_beyond_64_bits, calldata("root_of", log_id, 1)[:-1]):
        with pytest.raises(CallFailed):
            bench.chain.call(bench.contract, data, head, 1_000_000)


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Give a contract whose ownership the test may spend."""
    file, made = deploy(tmp_path_factory.mktemp("own") / "chain.sqlite", lambda: 1_793_534_400.0)
    yield made
    file.close()


def test_ownership_moves_only_when_the_heir_accepts(own: Bench) -> None:
    own.send(OWNER, "offer_ownership", account(HEIR))
    assert own.ask("owner") == "0x" + account(OWNER).hex()
    with pytest.raises(CallFailed, match="not offered"):
        own.send(STRANGER, "accept_ownership")
    own.send(HEIR, "accept_ownership")
    assert own.ask("owner") == "0x" + account(HEIR).hex()
    assert own.ask("pending_owner") == "0x" + NOBODY.hex()
    with pytest.raises(CallFailed, match="not the owner"):
        own.send(OWNER, "add_publisher", ROOT, account(PUBLISHER))
    own.send(HEIR, "add_publisher", ROOT, account(PUBLISHER))
    with pytest.raises(CallFailed, match="not offered"):
        own.send(HEIR, "accept_ownership")


def test_a_renounced_contract_keeps_its_publishers_and_gets_no_owner_again(own: Bench) -> None:
    own.send(OWNER, "add_publisher", ROOT, account(PUBLISHER))
    own.send(OWNER, "offer_ownership", account(HEIR))
    own.send(OWNER, "renounce_ownership")
    assert own.ask("owner") == "0x" + NOBODY.hex()
    with pytest.raises(CallFailed, match="not offered"):
        own.send(HEIR, "accept_ownership")
    with pytest.raises(CallFailed, match="not the owner"):
        own.send(OWNER, "add_publisher", ROOT, account(HEIR))
    own.send(PUBLISHER, "anchor", ROOT, 1, OTHER)
    assert own.ask("root_of", ROOT, 1) == OTHER
