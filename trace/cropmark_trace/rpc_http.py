"""Ask an Ethereum JSON-RPC node, by plain HTTP, what a verifier wants to know about an anchor (docs/formats.md §10).

Standard library only, so that ``cropmark verify`` starts fast and needs no chain software. The four calls only read.
Answers are bounded in size and time and checked in form; whether they are true is the node's word.
"""

import http.client
import json
import re
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from cropmark_trace.chain_facts import Block, ChainFacts, ChainQuestion, Event
from cropmark_trace.jcs import depth

ROOT_OF: Final = "3de8b12b"
"""First four bytes of keccak-256 of ``root_of(bytes32,uint64)``."""
ANCHORED: Final = "0x10d64b358a2a34d1aefd3923dfecde63ee095436d398bd873df1fd341db42724"
"""keccak-256 of ``Anchored(bytes32,uint64,bytes32,uint64)``: log id (indexed), size, root, block of the one before."""
MAX_ANSWER: Final = 2 * 1024 * 1024
MAX_DEPTH: Final = 16
MAX_BLOCKS: Final = 101
TIMEOUT: Final = 10.0
_HASH: Final = re.compile(r"0x[0-9a-f]{64}")
_QUANTITY: Final = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]{0,15})")
_EVENT_DATA: Final = re.compile(r"0x([0-9a-f]{64})([0-9a-f]{64})([0-9a-f]{64})")


class RpcError(RuntimeError):
    """The node could not be asked, or did not answer as a node does; the text names it and the next step."""


class _NoRedirect(HTTPRedirectHandler):
    """Follows nothing: the person said whom to ask."""

    def redirect_request(self, *_: object) -> None:
        """Refuse."""


def _body(response: http.client.HTTPResponse, end: float) -> bytes:
    """Return an answer's bytes, cut after the allowed size; raise :class:`TimeoutError` for one that only trickles."""
    data = bytearray()
    while len(data) <= MAX_ANSWER and (piece := response.read1(65_536)):
        data += piece
        if monotonic() > end:
            raise TimeoutError("the answer took too long")
    return bytes(data)


@dataclass(frozen=True, slots=True)
class Rpc:
    """A node at ``url`` (http or https), asked with ``timeout`` seconds for each call."""

    url: str
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise RpcError(f"{self.url[:80]!r} is not an http or https address of a JSON-RPC node")

    @property
    def source(self) -> str:
        """Return the address as people are shown it: without user, password, path and query, which may be secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def ask(self, question: ChainQuestion) -> ChainFacts:
        """Return the node's answers; raise :class:`RpcError`.

        Only the chain's id is asked if the node is of another chain than the question.
        """
        chain = self._number(self._call("eth_chainId", []), "eth_chainId")
        if chain != question.chain:
            return ChainFacts(self.source, chain, None, {}, ())
        blocks = {number: self._block(number) for number in question.blocks[:MAX_BLOCKS]}
        return ChainFacts(
            self.source,
            chain,
            self._root(question),
            {number: block for number, block in blocks.items() if block is not None},
            self._events(question),
        )

    def _root(self, question: ChainQuestion) -> str | None:
        data = f"0x{ROOT_OF}{question.log_id.removeprefix('0x')}{question.size:064x}"
        answer = self._call("eth_call", [{"to": question.contract, "data": data}, "latest"])
        if answer == "0x":
            return None  # there is no contract at this address
        root = self._hash(answer, "eth_call")
        return None if int(root, 16) == 0 else root

    def _block(self, number: int) -> Block | None:
        answer = self._call("eth_getBlockByNumber", [hex(number), False])
        if answer is None:
            return None
        if not isinstance(answer, dict):
            raise self._odd("eth_getBlockByNumber")
        return Block(
            self._hash(answer.get("hash"), "eth_getBlockByNumber"),
            self._number(answer.get("timestamp"), "eth_getBlockByNumber"),
        )

    def _events(self, question: ChainQuestion) -> list[Event]:
        block = hex(question.block)
        wanted = {
            "fromBlock": block, "toBlock": block, "address": question.contract, "topics": [ANCHORED, question.log_id],
        }  # fmt: skip
        answer = self._call("eth_getLogs", [wanted])
        if not isinstance(answer, list):
            raise self._odd("eth_getLogs")
        events = []
        for entry in answer[:64]:
            if not isinstance(entry, dict):
                raise self._odd("eth_getLogs")
            data = _EVENT_DATA.fullmatch(str(entry.get("data")).lower())
            topics = entry.get("topics")
            ours = str(entry.get("address")).lower() == question.contract and topics == [ANCHORED, question.log_id]
            if data is not None and ours and int(data[1], 16) == question.size:
                events.append(
                    Event(
                        f"0x{data[2]}",
                        self._hash(entry.get("transactionHash"), "eth_getLogs"),
                        self._hash(entry.get("blockHash"), "eth_getLogs"),
                    )
                )
        return events

    def _hash(self, value: Any, method: str) -> str:  # noqa: ANN401 - a stranger's JSON
        if not isinstance(value, str) or _HASH.fullmatch(value.lower()) is None:
            raise self._odd(method)
        return value.lower()

    def _number(self, value: Any, method: str) -> int:  # noqa: ANN401 - a stranger's JSON
        if not isinstance(value, str) or _QUANTITY.fullmatch(value.lower()) is None:
            raise self._odd(method)
        return int(value, 16)

    def _odd(self, method: str) -> RpcError:
        return RpcError(f"{self.source} did not answer {method} as an Ethereum node does. Name another --rpc.")

    def _call(self, method: str, params: list[Any]) -> Any:  # noqa: ANN401 - a stranger's JSON
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = Request(self.url, body, {"Content-Type": "application/json"})  # noqa: S310 - the scheme was checked
        try:
            with build_opener(_NoRedirect).open(request, timeout=self.timeout) as response:
                data = _body(response, monotonic() + self.timeout)
            # Checked before parsing: how deep the parser may go is a setting of the process, and others raise it.
            answer = json.loads(data) if len(data) <= MAX_ANSWER and depth(data) <= MAX_DEPTH else None
        except (URLError, http.client.HTTPException, OSError, ValueError) as error:
            raise RpcError(
                f"{self.source} could not be asked ({error}). Check the address, or leave --rpc away."
            ) from error
        if not isinstance(answer, dict) or "result" not in answer:
            told = answer.get("error") if isinstance(answer, dict) else None
            reason = str(told.get("message"))[:200] if isinstance(told, dict) else "no result"
            raise RpcError(f"{self.source} refused {method}: {reason}. Name another --rpc, or leave it away.")
        return answer["result"]
