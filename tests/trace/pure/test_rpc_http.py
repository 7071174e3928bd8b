"""A node is asked four read-only questions, and whatever it answers is bounded and checked in form."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from eth_utils.crypto import keccak

from cropmark_contracts.embedded import open_embedded
from cropmark_contracts.rpc import ReadOnlyRpc
from cropmark_trace import bundle, check_log, rpc_http
from cropmark_trace.bundle import Anchor
from cropmark_trace.chain_facts import Block, ChainQuestion
from cropmark_trace.policy import PinnedChain
from cropmark_trace.rpc_http import Rpc, RpcError
from cropmark_trace.verify import question, verify
from tests.trace.changed import GOOD_BUNDLE, GOOD_BYTES, GOOD_FACTS
from tests.trace.node import ROOT, answered, event, honest, serving
from tests.trace.world import ANCHOR, BEFORE, LOG_ID, PUBLIC

ASKED = cast("ChainQuestion", question(GOOD_BYTES))


def test_an_honest_nodes_answers_make_the_anchor_pass() -> None:
    with serving(answered(honest)) as url:
        facts = Rpc(url).ask(ASKED)
    assert replace(facts, source=GOOD_FACTS.source, events=list(facts.events)) == GOOD_FACTS
    verdict = verify(GOOD_BYTES, policy=PUBLIC, chain=facts)
    assert [verdict.check(name).result for name in ("anchor", "time-window")] == ["pass", "pass"]


def test_the_real_contract_is_asked_over_its_real_rpc(tmp_path: Path) -> None:
    said = check_log.opened(GOOD_BUNDLE)
    assert said is not None
    registry = open_embedded(tmp_path / "chain.db", log_ids=[bytes.fromhex(LOG_ID[2:])])
    try:
        held = registry.anchor(bytes.fromhex(LOG_ID[2:]), said.size, said.root)
        anchor = Anchor(
            held.chain_id, held.contract, LOG_ID, held.block, f"0x{held.block_hash.hex()}",
            f"0x{held.transaction.hex()}", held.time,
        )  # fmt: skip
        data = bundle.build(replace(GOOD_BUNDLE, anchor=anchor))
        asked = cast("ChainQuestion", question(data))
        with serving(ReadOnlyRpc(registry.chain).handle) as url:
            facts = Rpc(url, timeout=60).ask(asked)
            elsewhere = Rpc(url, timeout=60).ask(replace(asked, size=said.size + 1))
            nowhere = Rpc(url, timeout=60).ask(replace(asked, contract="0x" + "ab" * 20))
    finally:
        registry.close()
    policy = replace(PUBLIC, chains=(PinnedChain(held.chain_id, held.contract, LOG_ID, operator=True),))
    assert verify(data, policy=policy, chain=facts).check("anchor").code == "operator-chain"
    assert verify(data, policy=policy, chain=elsewhere).check("anchor").code == "root-missing"
    assert verify(data, policy=policy, chain=nowhere).check("anchor").code == "root-missing"


def test_people_are_shown_whom_was_asked_and_no_secret() -> None:
    assert Rpc("https://user:password@node.example:8545/v3/key?token=1").source == "https://node.example:8545"


def test_the_selector_and_the_topic_are_those_of_the_contracts_signatures() -> None:
    assert keccak(text="root_of(bytes32,uint64)")[:4].hex() == rpc_http.ROOT_OF
    assert "0x" + keccak(text="Anchored(bytes32,uint64,bytes32,uint64)").hex() == rpc_http.ANCHORED


def answered_but(method: str, value: Any) -> Callable[[bytes], bytes]:
    """Return an honest node that answers one method with ``value``."""
    return answered(lambda asked, params: value if asked == method else honest(asked, params))


@pytest.mark.parametrize("answer", ["0x", "0x" + "00" * 32])
def test_a_contract_without_the_root_or_no_contract_is_told_apart_from_no_answer(answer: str) -> None:
    with serving(answered_but("eth_call", answer)) as url:
        assert Rpc(url).ask(ASKED).root is None


def test_a_block_that_the_node_does_not_have_is_left_out() -> None:
    with serving(answered_but("eth_getBlockByNumber", None)) as url:
        assert Rpc(url).ask(ASKED).blocks == {}


def test_a_node_of_another_chain_is_asked_nothing_more() -> None:
    def only_id(method: str, _: list[Any]) -> Any:
        assert method == "eth_chainId"
        return "0x1"

    with serving(answered(only_id)) as url:
        assert Rpc(url).ask(ASKED).chain == 1


def test_events_of_another_contract_are_passed_over() -> None:
    strange = event("0x" + "ab" * 20, [rpc_http.ANCHORED, LOG_ID], 20, ROOT)
    with serving(answered_but("eth_getLogs", [strange])) as url:
        assert Rpc(url).ask(ASKED).events == []


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("eth_chainId", 5),
        ("eth_chainId", "0x"),
        ("eth_chainId", "0x" + "f" * 40),
        ("eth_call", "0x1234"),
        ("eth_call", None),
        ("eth_getBlockByNumber", []),
        ("eth_getBlockByNumber", {"hash": "0x1", "timestamp": "0x1"}),
        ("eth_getBlockByNumber", {"hash": ANCHOR.block_hash, "timestamp": 7}),
        ("eth_getLogs", {}),
        ("eth_getLogs", ["event"]),
    ],
)
def test_odd_answers_are_errors_that_name_the_method(method: str, value: Any) -> None:
    with serving(answered_but(method, value)) as url, pytest.raises(RpcError, match=method):
        Rpc(url).ask(ASKED)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"not json", 200),
        (b"[]", 200),
        (b'{"error":{"code":-32601,"message":"no such method"}}', 200),
        (b'{"error":5}', 200),
        (b"[" * 100_000, 200),
        (b'{"result":"' + b"x" * rpc_http.MAX_ANSWER + b'"}', 200),
        (b"", 302),
        (b"gone", 500),
    ],
)
def test_what_is_no_answer_is_an_error_with_a_next_step(raw: bytes, status: int) -> None:
    with serving(lambda _: raw, status) as url, pytest.raises(RpcError, match="--rpc"):
        Rpc(url).ask(ASKED)


def test_a_node_that_is_not_there_is_an_error_with_a_next_step() -> None:
    with serving(answered(honest)) as url:
        pass
    with pytest.raises(RpcError, match="could not be asked"):
        Rpc(url, timeout=2).ask(ASKED)


def test_an_answer_that_trickles_is_given_up() -> None:
    class Slow:
        def read1(self, _: int) -> bytes:
            return b"x"

    with pytest.raises(TimeoutError):
        rpc_http._body(Slow(), 0.0)  # type: ignore[arg-type]  # a response that never ends


@pytest.mark.parametrize("url", ["", "node.example", "file:///etc/passwd", "ftp://node.example", "http://"])
def test_only_http_and_https_are_asked(url: str) -> None:
    with pytest.raises(RpcError, match="http or https"):
        Rpc(url)


def test_the_earlier_blocks_that_records_name_are_asked_for() -> None:
    with serving(answered(honest)) as url:
        assert Rpc(url).ask(ASKED).blocks[BEFORE.block] == Block(
            BEFORE.block_hash, GOOD_FACTS.blocks[BEFORE.block].time
        )
