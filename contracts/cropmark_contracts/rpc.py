"""Read-only Ethereum JSON-RPC 2.0 over a chain reader: request bytes in, answer bytes out, no HTTP.

Eight methods are known; none of them writes. Every size, count, range and gas is bounded, because strangers ask. A call
runs only where a contract stands: the addresses of EVM precompiles, some of which are slow, answer empty like any other
address without code. Pending state, EIP-1898 block objects, full transactions in blocks and notifications are refused.
"""

import json
from collections.abc import Callable, Mapping

from cropmark_contracts.chain_reader import CallFailed, ChainReader, LogFilter
from cropmark_contracts.registry import ChainUnavailable
from cropmark_contracts.rpc_values import (
    INVALID_PARAMS,
    RpcError,
    block_json,
    data,
    log_json,
    quantity,
    read_choice,
    read_data,
    read_object,
    read_quantity,
    receipt_json,
)

LONGEST_REQUEST = 64 * 1024
LARGEST_BATCH = 10
LONGEST_CALLDATA = 4096
GAS_CAP = 1_000_000
BLOCK_RANGE = 1000
MOST_LOGS = 500
MOST_CHOICES = 10
LONGEST_ID = 128

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INTERNAL_ERROR = -32603
NOT_FOUND = -32001
LIMIT_EXCEEDED = -32005
REVERTED = 3

_CALL_KEYS = frozenset({"to", "from", "data", "input", "gas", "value"})
_FILTER_KEYS = frozenset({"fromBlock", "toBlock", "blockHash", "address", "topics"})


class ReadOnlyRpc:
    """Answers requests from one chain. May be used from any thread; the chain makes callers wait for each other."""

    def __init__(self, chain: ChainReader) -> None:
        self._chain = chain
        self._methods: dict[str, Callable[[list[object]], object]] = {
            "eth_chainId": self._chain_id,
            "eth_blockNumber": self._block_number,
            "eth_call": self._call,
            "eth_getCode": self._get_code,
            "eth_getLogs": self._get_logs,
            "eth_getBlockByNumber": self._get_block_by_number,
            "eth_getBlockByHash": self._get_block_by_hash,
            "eth_getTransactionReceipt": self._get_transaction_receipt,
        }

    def handle(self, body: bytes) -> bytes:
        """Answer a JSON request, or a batch of at most ten. Never raises: whatever is wrong is in the answer."""
        answer: object
        try:
            request = _parse(body)
        except RpcError as error:
            answer = _failure(None, error)
        else:
            answer = [self._answer(item) for item in request] if isinstance(request, list) else self._answer(request)
        return json.dumps(answer, separators=(",", ":")).encode()

    def _answer(self, request: object) -> dict[str, object]:
        identifier: object = None
        try:
            envelope = _envelope(request)
            identifier = _identifier(envelope)
            return {"jsonrpc": "2.0", "id": identifier, "result": self._result(envelope)}
        except RpcError as error:
            return _failure(identifier, error)
        except CallFailed as error:
            return _failure(identifier, RpcError(REVERTED, f"execution reverted: {error}", error.output))
        except ChainUnavailable:
            # The cause names files of this computer: it belongs into the operator's log, not to a stranger.
            return _failure(identifier, RpcError(INTERNAL_ERROR, "the chain cannot be read now; try again later"))

    def _result(self, envelope: Mapping[str, object]) -> object:
        method, params = envelope.get("method"), envelope.get("params", [])
        if not isinstance(method, str):
            raise RpcError(INVALID_REQUEST, "method must be a string")
        if not isinstance(params, list):
            raise RpcError(INVALID_PARAMS, "params must be an array")
        known = self._methods.get(method)
        if known is None:
            raise RpcError(METHOD_NOT_FOUND, f"this endpoint only reads; it knows {', '.join(self._methods)}")
        return known(params)

    def _chain_id(self, params: list[object]) -> object:
        _count(params, 0)
        return quantity(self._chain.chain_id)

    def _block_number(self, params: list[object]) -> object:
        _count(params, 0)
        return quantity(self._chain.head_number())

    def _call(self, params: list[object]) -> object:
        _count(params, 1, 2)
        call = read_object(params[0], "the call", _CALL_KEYS)
        to = read_data(call.get("to"), "to", length=20)
        calldata = _calldata(call)
        gas = min(read_quantity(call["gas"], "gas"), GAS_CAP) if "gas" in call else GAS_CAP
        if "from" in call:
            read_data(call["from"], "from", length=20)
        if "value" in call and read_quantity(call["value"], "value") != 0:
            raise RpcError(INVALID_PARAMS, "value must be 0x0: calls carry no money here")
        number = self._existing(params[1] if len(params) > 1 else "latest")
        if not self._chain.code(to, number):
            return "0x"
        return data(self._chain.call(to, calldata, number, gas))

    def _get_code(self, params: list[object]) -> object:
        _count(params, 1, 2)
        address = read_data(params[0], "address", length=20)
        return data(self._chain.code(address, self._existing(params[1] if len(params) > 1 else "latest")))

    def _get_block_by_number(self, params: list[object]) -> object:
        _count(params, 1, 2)
        _only_hashes(params)
        block = self._chain.block(self._number(params[0]))
        return None if block is None else block_json(block)

    def _get_block_by_hash(self, params: list[object]) -> object:
        _count(params, 1, 2)
        _only_hashes(params)
        block = self._chain.block_of_hash(read_data(params[0], "block hash", length=32))
        return None if block is None else block_json(block)

    def _get_transaction_receipt(self, params: list[object]) -> object:
        _count(params, 1)
        receipt = self._chain.receipt(read_data(params[0], "transaction hash", length=32))
        return None if receipt is None else receipt_json(receipt)

    def _get_logs(self, params: list[object]) -> object:
        _count(params, 1)
        given = read_object(params[0], "the filter", _FILTER_KEYS)
        topics = given.get("topics", [])
        if not isinstance(topics, list) or len(topics) > 4:
            raise RpcError(INVALID_PARAMS, "topics must be an array of at most 4")
        first, last = self._range(given)
        wanted = LogFilter(
            first=first,
            last=last,
            addresses=read_choice(given.get("address"), "address", length=20, limit=MOST_CHOICES),
            topics=tuple(read_choice(topic, "topic", length=32, limit=MOST_CHOICES) for topic in topics),
        )
        found = self._chain.logs(wanted, MOST_LOGS + 1)
        if len(found) > MOST_LOGS:
            raise RpcError(LIMIT_EXCEEDED, f"more than {MOST_LOGS} events match; ask for fewer blocks")
        return [log_json(entry) for entry in found]

    def _range(self, given: Mapping[str, object]) -> tuple[int, int]:
        if "blockHash" in given:
            if "fromBlock" in given or "toBlock" in given:
                raise RpcError(INVALID_PARAMS, "blockHash excludes fromBlock and toBlock")
            block = self._chain.block_of_hash(read_data(given["blockHash"], "blockHash", length=32))
            if block is None:
                raise RpcError(NOT_FOUND, "there is no such block")
            return block.number, block.number
        first = self._number(given.get("fromBlock", "latest"))
        last = min(self._number(given.get("toBlock", "latest")), self._chain.head_number())
        if last - first >= BLOCK_RANGE:
            raise RpcError(LIMIT_EXCEEDED, f"a filter may span at most {BLOCK_RANGE} blocks; ask in parts")
        return first, last

    def _number(self, block: object) -> int:
        if block == "earliest":
            return 0
        # One process mines and nothing is ever undone: the newest block is final.
        if isinstance(block, str) and block in {"latest", "safe", "finalized"}:
            return self._chain.head_number()
        return read_quantity(block, "block number (or latest, safe, finalized, earliest)")

    def _existing(self, block: object) -> int:
        number = self._number(block)
        if number > self._chain.head_number():
            raise RpcError(NOT_FOUND, "there is no such block")
        return number


def _parse(body: bytes) -> object:
    if len(body) > LONGEST_REQUEST:
        raise RpcError(INVALID_REQUEST, f"a request has at most {LONGEST_REQUEST} bytes")
    try:
        parsed: object = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, "the request is not JSON in UTF-8") from error
    if isinstance(parsed, list) and not 0 < len(parsed) <= LARGEST_BATCH:
        raise RpcError(INVALID_REQUEST, f"a batch holds 1 to {LARGEST_BATCH} requests, not {len(parsed)}")
    return parsed


def _envelope(request: object) -> Mapping[str, object]:
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'a request is an object with "jsonrpc": "2.0"')
    return request


def _identifier(request: Mapping[str, object]) -> object:
    identifier = request.get("id")
    if isinstance(identifier, str) and len(identifier) <= LONGEST_ID:
        return identifier
    if isinstance(identifier, int) and not isinstance(identifier, bool) and abs(identifier) < 2**53:
        return identifier
    raise RpcError(INVALID_REQUEST, f"id must be an integer within 2^53 or a string of at most {LONGEST_ID} characters")


def _calldata(call: Mapping[str, object]) -> bytes:
    given = [read_data(call[key], key, limit=LONGEST_CALLDATA) for key in ("data", "input") if key in call]
    if len(given) > 1 and given[0] != given[1]:
        raise RpcError(INVALID_PARAMS, "data and input differ; give one of them")
    return given[0] if given else b""


def _count(params: list[object], least: int, most: int | None = None) -> None:
    most = least if most is None else most
    if not least <= len(params) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise RpcError(INVALID_PARAMS, f"expected {wanted} params, not {len(params)}")


def _only_hashes(params: list[object]) -> None:
    if len(params) > 1 and params[1] is not False:
        raise RpcError(INVALID_PARAMS, "the second param must be false: blocks come with hashes of transactions only")


def _failure(identifier: object, error: RpcError) -> dict[str, object]:
    details: dict[str, object] = {"code": error.code, "message": error.message}
    if error.data is not None:
        details["data"] = data(error.data)
    return {"jsonrpc": "2.0", "id": identifier, "error": details}
