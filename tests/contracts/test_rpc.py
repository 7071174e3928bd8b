"""Read-only JSON-RPC over the embedded chain: what verifiers ask, and what nobody may."""

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
import rlp  # type: ignore[import-untyped] # ships no types
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from cropmark_contracts import abi
from cropmark_contracts.artifact import artifact
from cropmark_contracts.embedded import EmbeddedRegistry, open_embedded
from cropmark_contracts.registry import Anchored
from cropmark_contracts.rpc import BLOCK_RANGE, GAS_CAP, LONGEST_REQUEST, MOST_LOGS, ReadOnlyRpc

LOG = b"\x01" * 32
ROOTS = {size: bytes([size]) * 32 for size in (1, 2, 3)}
JSON = Any


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRegistry]:
    made = open_embedded(tmp_path_factory.mktemp("rpc") / "chain.sqlite", log_ids=[LOG])
    for size, root in ROOTS.items():
        made.anchor(LOG, size, root)
    yield made
    made.close()


@pytest.fixture(scope="module")
def rpc(registry: EmbeddedRegistry) -> ReadOnlyRpc:
    return ReadOnlyRpc(registry.chain)


def ask(rpc: ReadOnlyRpc, method: str, *params: object) -> JSON:
    request = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    answer = json.loads(rpc.handle(json.dumps(request).encode()))
    assert (answer["jsonrpc"], answer["id"]) == ("2.0", 7)
    return answer


def result(rpc: ReadOnlyRpc, method: str, *params: object) -> JSON:
    answer = ask(rpc, method, *params)
    assert "error" not in answer, answer
    return answer["result"]


def error(rpc: ReadOnlyRpc, method: str, *params: object) -> tuple[int, str]:
    answer = ask(rpc, method, *params)
    assert "result" not in answer
    return answer["error"]["code"], answer["error"]["message"]


def newest(registry: EmbeddedRegistry) -> Anchored:
    latest = registry.latest(LOG)
    assert latest is not None
    return latest


def root_of(registry: EmbeddedRegistry, size: int) -> dict[str, str]:
    return {"to": registry.contract, "data": "0x" + abi.root_of_call(LOG, size).hex()}


# What verifiers ask.


def test_a_verifier_learns_the_chain_the_root_and_the_block(rpc: ReadOnlyRpc, registry: EmbeddedRegistry) -> None:
    anchor = newest(registry)
    assert int(result(rpc, "eth_chainId"), 16) == anchor.chain_id
    assert abi.root_of_answer(bytes.fromhex(result(rpc, "eth_call", root_of(registry, 3), "latest")[2:])) == ROOTS[3]
    block = result(rpc, "eth_getBlockByNumber", *(hex(anchor.block), False))
    assert block["hash"] == "0x" + anchor.block_hash.hex()
    assert int(block["timestamp"], 16) == anchor.time
    assert block["transactions"] == ["0x" + anchor.transaction.hex()]
    (event,) = result(
        rpc, "eth_getLogs",
        {"fromBlock": hex(anchor.block), "toBlock": hex(anchor.block), "address": registry.contract,
         "topics": ["0x" + abi.ANCHORED_TOPIC.hex(), "0x" + LOG.hex()]},
    )  # fmt: skip
    assert event["transactionHash"] == "0x" + anchor.transaction.hex()
    assert event["blockHash"] == "0x" + anchor.block_hash.hex()
    assert bytes.fromhex(event["data"][2:])[:64] == (3).to_bytes(32, "big") + ROOTS[3]


def test_a_size_without_anchor_is_zero_and_an_address_without_contract_is_empty(
    rpc: ReadOnlyRpc, registry: EmbeddedRegistry
) -> None:
    assert result(rpc, "eth_call", root_of(registry, 9), "latest") == "0x" + bytes(32).hex()
    assert result(rpc, "eth_call", {**root_of(registry, 3), "to": "0x" + "12" * 20}, "latest") == "0x"


def test_calls_see_the_state_of_the_block_they_name(rpc: ReadOnlyRpc, registry: EmbeddedRegistry) -> None:
    anchor = newest(registry)
    before, after = (
        result(rpc, "eth_call", root_of(registry, 3), hex(number)) for number in (anchor.block - 1, anchor.block)
    )
    assert (before, after) == ("0x" + bytes(32).hex(), "0x" + ROOTS[3].hex())
    assert result(rpc, "eth_getCode", registry.contract, "earliest") == "0x"
    assert result(rpc, "eth_getCode", registry.contract, "latest") == "0x" + artifact().runtime.hex()


def test_tags_name_the_newest_block_and_a_block_that_is_not_there_is_null(
    rpc: ReadOnlyRpc, registry: EmbeddedRegistry
) -> None:
    anchor = newest(registry)
    assert result(rpc, "eth_blockNumber") == hex(anchor.block)
    by_hash = result(rpc, "eth_getBlockByHash", "0x" + anchor.block_hash.hex())
    for tag in ("latest", "safe", "finalized", hex(anchor.block)):
        assert result(rpc, "eth_getBlockByNumber", tag) == by_hash
    assert result(rpc, "eth_getBlockByNumber", "earliest")["number"] == "0x0"
    assert result(rpc, "eth_getBlockByNumber", hex(anchor.block + 1)) is None
    assert result(rpc, "eth_getBlockByHash", "0x" + "00" * 32) is None
    assert result(rpc, "eth_getTransactionReceipt", "0x" + "00" * 32) is None
    code, _ = error(rpc, "eth_call", root_of(registry, 3), hex(anchor.block + 1))
    assert code == -32001


def test_a_block_hash_can_be_computed_from_the_answer(rpc: ReadOnlyRpc) -> None:
    # In the order of the header; those with a star are numbers.
    names = (
        "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty* number* gasLimit* "
        "gasUsed* timestamp* extraData mixHash nonce baseFeePerGas* withdrawalsRoot blobGasUsed* excessBlobGas* "
        "parentBeaconBlockRoot"
    )
    for tag in ("earliest", "latest"):
        block = result(rpc, "eth_getBlockByNumber", tag)
        fields = [
            int(block[name[:-1]], 16) if name.endswith("*") else bytes.fromhex(block[name][2:])
            for name in names.split(" ")
        ]
        assert "0x" + keccak(rlp.encode(fields)).hex() == block["hash"]


def test_receipts_tell_each_transaction_of_a_block_apart(rpc: ReadOnlyRpc, registry: EmbeddedRegistry) -> None:
    deploying, appointing = (
        result(rpc, "eth_getTransactionReceipt", transaction)
        for transaction in result(rpc, "eth_getBlockByNumber", "0x1")["transactions"]
    )
    assert (deploying["contractAddress"], deploying["to"]) == (registry.contract, None)
    assert (appointing["contractAddress"], appointing["to"]) == (None, registry.contract)
    assert int(appointing["cumulativeGasUsed"], 16) == int(deploying["gasUsed"], 16) + int(appointing["gasUsed"], 16)
    assert [entry["logIndex"] for receipt in (deploying, appointing) for entry in receipt["logs"]] == ["0x0", "0x1"]
    assert deploying["status"] == appointing["status"] == "0x1"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"fromBlock": "earliest"}, 5),
        ({"fromBlock": "0x0", "toBlock": "0x1"}, 2),
        ({"fromBlock": "0x2", "toBlock": "0xffff"}, 3),
        ({}, 1),
        ({"fromBlock": "0xffff"}, 0),
        ({"fromBlock": "earliest", "topics": ["0x" + abi.ANCHORED_TOPIC.hex()]}, 3),
        ({"fromBlock": "earliest", "topics": [["0x" + abi.ANCHORED_TOPIC.hex(), "0x" + "00" * 32]]}, 3),
        ({"fromBlock": "earliest", "topics": [None, "0x" + LOG.hex()]}, 4),
        ({"fromBlock": "earliest", "topics": [None, "0x" + "77" * 32]}, 0),
        ({"fromBlock": "earliest", "topics": [None, None, None, "0x" + LOG.hex()]}, 0),
        ({"fromBlock": "earliest", "address": "0x" + "77" * 20}, 0),
        ({"fromBlock": "earliest", "address": ["0x" + "77" * 20, "0x" + "88" * 20]}, 0),
    ],
)
def test_events_are_chosen_by_block_address_and_topic(rpc: ReadOnlyRpc, wanted: dict[str, object], found: int) -> None:
    assert len(result(rpc, "eth_getLogs", wanted)) == found


def test_events_of_one_block_can_be_had_by_its_hash(rpc: ReadOnlyRpc, registry: EmbeddedRegistry) -> None:
    (event,) = result(rpc, "eth_getLogs", {"blockHash": "0x" + newest(registry).block_hash.hex()})
    assert event["blockNumber"] == hex(newest(registry).block)
    code, _ = error(rpc, "eth_getLogs", {"blockHash": "0x" + "00" * 32})
    assert code == -32001


class Wire(JSONBaseProvider):
    """web3's end of the wire, plugged straight into ours."""

    def __init__(self, rpc: ReadOnlyRpc) -> None:
        super().__init__()
        self._rpc = rpc

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        answer = self._rpc.handle(self.encode_rpc_request(method, params))
        return self.decode_rpc_response(answer)


def test_web3_reads_the_contract_its_events_and_blocks(rpc: ReadOnlyRpc, registry: EmbeddedRegistry) -> None:
    anchor = newest(registry)
    web3 = Web3(Wire(rpc))
    contract = web3.eth.contract(Web3.to_checksum_address(registry.contract), abi=cast("Any", artifact().abi))
    assert web3.eth.chain_id == anchor.chain_id
    assert contract.functions.root_of(LOG, 3).call() == ROOTS[3]
    assert contract.functions.latest(LOG).call() == [3, ROOTS[3], anchor.time, anchor.block]
    events = contract.events.Anchored().get_logs(from_block=0, argument_filters={"log_id": LOG})
    assert [(event["args"]["size"], event["args"]["root"]) for event in events] == list(ROOTS.items())
    block = web3.eth.get_block(anchor.block)
    assert (bytes(block["hash"]), block["timestamp"]) == (anchor.block_hash, anchor.time)
    receipt = web3.eth.get_transaction_receipt(cast("Any", "0x" + anchor.transaction.hex()))
    assert (receipt["status"], receipt["blockNumber"]) == (1, anchor.block)


# What nobody may ask.


@pytest.mark.parametrize(
    "method",
    [
        "eth_sendRawTransaction", "eth_sendTransaction", "eth_sign", "eth_accounts", "eth_estimateGas", "eth_newFilter",
        "eth_subscribe", "eth_getStorageAt", "eth_getProof", "evm_mine", "debug_traceCall", "personal_unlockAccount",
        "web3_sha3", "net_version", "", "eth_chainid", "__class__",
    ],
)  # fmt: skip
def test_every_other_method_is_unknown(rpc: ReadOnlyRpc, method: str) -> None:
    code, message = error(rpc, method)
    assert code == -32601
    assert "only reads" in message


def test_nothing_that_is_asked_changes_the_chain(rpc: ReadOnlyRpc, registry: EmbeddedRegistry) -> None:
    head = registry.head()
    data = "0x" + abi.anchor_call(LOG, 9, ROOTS[1]).hex()
    publisher = result(rpc, "eth_getTransactionReceipt", "0x" + newest(registry).transaction.hex())["from"]
    answer = ask(rpc, "eth_call", {"to": registry.contract, "data": data, "from": publisher}, "latest")
    assert answer["error"]["code"] == 3
    assert "not a publisher" in answer["error"]["message"]
    assert answer["error"]["data"].startswith("0x08c379a0")
    assert registry.head() == head
    assert registry.root_of(LOG, 9) is None


@pytest.mark.parametrize(
    ("method", "params", "part"),
    [
        ("eth_chainId", [1], "expected 0 params"),
        ("eth_call", [], "expected 1 to 2 params"),
        ("eth_call", ["0x"], "must be an object"),
        ("eth_call", [{"data": "0x"}], "to must be 0x"),
        ("eth_call", [{"to": None}], "to must be 0x"),
        ("eth_call", [{"to": "0x" + "11" * 19}], "to must have 20 bytes"),
        ("eth_call", [{"to": "0x" + "11" * 20, "data": "0x1"}], "data must be 0x"),
        ("eth_call", [{"to": "0x" + "11" * 20, "data": "0xgg"}], "data must be 0x"),
        ("eth_call", [{"to": "0x" + "11" * 20, "data": "0x00", "input": "0x01"}], "differ"),
        ("eth_call", [{"to": "0x" + "11" * 20, "data": "0x" + "00" * 4097}], "at most 4096 bytes"),
        ("eth_call", [{"to": "0x" + "11" * 20, "value": "0x1"}], "value must be 0x0"),
        ("eth_call", [{"to": "0x" + "11" * 20, "gas": "0x01"}], "gas must be a quantity"),
        ("eth_call", [{"to": "0x" + "11" * 20, "gas": 5}], "gas must be a quantity"),
        ("eth_call", [{"to": "0x" + "11" * 20, "from": "0x"}], "from must have 20 bytes"),
        ("eth_call", [{"to": "0x" + "11" * 20, "accessList": []}], "may not have 'accessList'"),
        ("eth_call", [{"to": "0x" + "11" * 20}, "pending"], "block number"),
        ("eth_call", [{"to": "0x" + "11" * 20}, {"blockNumber": "0x1"}], "block number"),
        ("eth_call", [{"to": "0x" + "11" * 20}, 1], "block number"),
        ("eth_call", [{"to": "0x" + "11" * 20}, "latest", {}], "expected 1 to 2 params"),
        ("eth_getBlockByNumber", ["0x1", True], "must be false"),
        ("eth_getBlockByNumber", ["0x" + "f" * 17, False], "block number"),
        ("eth_getBlockByNumber", ["-0x1", False], "block number"),
        ("eth_getBlockByNumber", [["latest"], False], "block number"),
        ("eth_getBlockByHash", ["0x12", False], "32 bytes"),
        ("eth_getTransactionReceipt", ["0x12"], "32 bytes"),
        ("eth_getLogs", [{"topics": "0x12"}], "topics must be an array"),
        ("eth_getLogs", [{"topics": [None] * 5}], "at most 4"),
        ("eth_getLogs", [{"topics": [["0x" + "00" * 32] * 11]}], "1 to 10 values"),
        ("eth_getLogs", [{"address": []}], "1 to 10 values"),
        ("eth_getLogs", [{"blockHash": "0x" + "00" * 32, "toBlock": "0x1"}], "excludes"),
        ("eth_getLogs", [{"limit": "0x1"}], "may not have 'limit'"),
    ],
)
def test_a_malformed_parameter_is_named(rpc: ReadOnlyRpc, method: str, params: list[object], part: str) -> None:
    code, message = error(rpc, method, *params)
    assert code == -32602
    assert part in message


@pytest.mark.parametrize("address", range(1, 11))
def test_precompiles_are_never_run(rpc: ReadOnlyRpc, address: int) -> None:
    # A pairing check by a stranger would keep this process busy for seconds.
    call = {"to": "0x" + address.to_bytes(20, "big").hex(), "data": "0x" + "00" * 192 * 16}
    assert result(rpc, "eth_call", call, "latest") == "0x"


def test_gas_is_capped_and_too_little_of_it_is_said(rpc: ReadOnlyRpc, registry: EmbeddedRegistry) -> None:
    call = root_of(registry, 3)
    assert result(rpc, "eth_call", {**call, "gas": hex(2**63)}, "latest") == "0x" + ROOTS[3].hex()
    for gas in ("0x0", hex(21_000), hex(23_000)):
        code, _ = error(rpc, "eth_call", {**call, "gas": gas}, "latest")
        assert code == 3
    asked: list[int] = []

    class Spy:
        chain_id, head_number, code = 1, staticmethod(lambda: 0), staticmethod(lambda *_: b"code")

        def call(self, _to: bytes, _data: bytes, _number: int, gas: int) -> bytes:
            asked.append(gas)
            return b""

    for wish in ({}, {"gas": hex(2**63)}, {"gas": "0x5"}):
        result(ReadOnlyRpc(cast("Any", Spy())), "eth_call", {**call, **wish})
    assert asked == [GAS_CAP, GAS_CAP, 5]


def test_the_span_and_the_number_of_events_are_bounded() -> None:
    class Long:
        chain_id = 1

        def head_number(self) -> int:
            return 10**6

        def logs(self, _wanted: object, limit: int) -> list[object]:
            return [None] * limit

    rpc = ReadOnlyRpc(cast("Any", Long()))
    code, message = error(rpc, "eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(BLOCK_RANGE)})
    assert (code, f"at most {BLOCK_RANGE} blocks" in message) == (-32005, True)
    code, message = error(rpc, "eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(BLOCK_RANGE - 1)})
    assert (code, f"more than {MOST_LOGS} events" in message) == (-32005, True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff", -32700),
        (b"[" * 60_000, -32700),
        (b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"eth_chainId"}', -32700),
        (b" " * (LONGEST_REQUEST + 1), -32600),
        (b"[]", -32600),
        (b"null", -32600),
        (b'"eth_chainId"', -32600),
        (b'{"id":1,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":"' + b"x" * 129 + b'","method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":["eth_chainId"]}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}', -32602),
    ],
)
def test_a_malformed_request_gets_an_error_object(rpc: ReadOnlyRpc, body: bytes, code: int) -> None:
    answer = json.loads(rpc.handle(body))
    assert answer["jsonrpc"] == "2.0"
    assert answer["error"]["code"] == code


def test_a_batch_is_answered_in_order_and_one_bad_request_spoils_no_other(rpc: ReadOnlyRpc) -> None:
    good = {"jsonrpc": "2.0", "id": "a", "method": "eth_chainId"}
    bad = {"jsonrpc": "2.0", "id": "b", "method": "eth_sendRawTransaction"}
    answers = json.loads(rpc.handle(json.dumps([good, bad, 5, good]).encode()))
    assert [answer["id"] for answer in answers] == ["a", "b", None, "a"]
    assert ["result" in answer for answer in answers] == [True, False, False, True]
    assert len(json.loads(rpc.handle(json.dumps([good] * 10).encode()))) == 10
    assert json.loads(rpc.handle(json.dumps([good] * 11).encode()))["error"]["code"] == -32600


def test_a_chain_that_is_not_available_is_said_without_telling_where_it_lies(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("secret-folder") / "chain.sqlite"
    closed = open_embedded(path, log_ids=[])
    closed.close()
    code, message = error(ReadOnlyRpc(closed.chain), "eth_blockNumber")
    assert code == -32603
    assert "secret-folder" not in message


SPELLED = st.sampled_from(["latest", "0x1", "0x" + "11" * 20])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | SPELLED,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["to", "data", "topics", "address", "fromBlock"]) | st.text(), inner, max_size=3
        )
    ),
    max_leaves=8,
)
METHODS = st.sampled_from(
    [
        "eth_call",
        "eth_getLogs",
        "eth_getCode",
        "eth_getBlockByNumber",
        "eth_getBlockByHash",
        "eth_getTransactionReceipt",
    ]
)


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(rpc: ReadOnlyRpc, body: bytes) -> None:
    answer = json.loads(rpc.handle(body))
    assert all("error" in one for one in (answer if isinstance(answer, list) else [answer]))


@given(METHODS, st.lists(VALUES, max_size=3))
def test_any_parameters_get_a_result_or_an_error_never_both(
    rpc: ReadOnlyRpc, method: str, params: list[object]
) -> None:
    answer = ask(rpc, method, *params)
    assert ("result" in answer) != ("error" in answer)
