"""An honest JSON-RPC node on a free port, which holds the good bundle's anchor; tests replace single answers."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.trace.changed import GOOD_FACTS
from tests.trace.world import ANCHOR, CHAIN, CONTRACT, LOG_ID

Answer = Callable[[str, list[Any]], Any]
ROOT = str(GOOD_FACTS.root)


def honest(method: str, params: list[Any]) -> Any:
    """Answer as a node does that holds the good bundle's anchor."""
    match method, params:
        case "eth_chainId", []:
            return hex(CHAIN)
        case "eth_call", [{"to": to, "data": data}, "latest"]:
            assert to == CONTRACT
            assert data == f"0x3de8b12b{LOG_ID[2:]}{20:064x}"
            return ROOT
        case "eth_getBlockByNumber", [number, False]:
            block = GOOD_FACTS.blocks.get(int(number, 16))
            return None if block is None else {"hash": block.hash, "timestamp": hex(block.time), "transactions": []}
        case "eth_getLogs", [{"fromBlock": first, "toBlock": last, "address": address, "topics": topics}]:
            assert first == last == hex(ANCHOR.block)
            return [event(address, topics, 20, ROOT), event(address, topics, 19, "0x" + "11" * 32)]
        case _:
            raise AssertionError(f"{method} {params} is not a call that the verifier makes")


def event(address: str, topics: list[str], size: int, root: str) -> dict[str, Any]:
    return {
        "address": address.upper().replace("0X", "0x"),
        "topics": topics,
        "data": f"0x{size:064x}{root[2:]}{0:064x}",
        "transactionHash": ANCHOR.transaction,
        "blockHash": ANCHOR.block_hash,
    }


def answered(answer: Answer) -> Callable[[bytes], bytes]:
    """Return ``answer`` as JSON-RPC: request bytes in, answer bytes out."""

    def handle(body: bytes) -> bytes:
        call = json.loads(body)
        result = answer(call["method"], call["params"])
        return json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}).encode()

    return handle


@contextmanager
def serving(handle: Callable[[bytes], bytes], status: int = 200) -> Iterator[str]:
    """Serve over HTTP on a free port what ``handle`` answers to a request's body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = handle(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/secret?key=1"
        finally:
            server.shutdown()
            thread.join()
