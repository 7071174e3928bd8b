"""A small site around the shopper's page: its routes, the bundle, the policy and an RPC that answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.middleware.gzip import GZipMiddleware

from cropmark.network import free_port
from cropmark_trace import shopper
from cropmark_trace.chain_facts import ChainFacts
from cropmark_trace.jcs import canonical
from cropmark_trace.policy import Policy
from cropmark_trace.storage import AlteredError
from tests.conftest import wait_until
from tests.trace.world import BATCH, DAY, STOP

NOW = STOP + 4 * DAY


@dataclass
class Site:
    """What the site shows. ``served`` are other bytes than the page was made from; ``damaged`` spoils the storage."""

    port: int
    data: bytes | None = None
    served: bytes | None = None
    policy: Policy | None = None
    chain: ChainFacts | None = None
    damaged: bool = False
    reachable: bool = True
    asked: list[str] = field(default_factory=list)

    def show(
        self, data: bytes | None, *, policy: Policy | None = None, chain: ChainFacts | None = None,
        served: bytes | None = None, damaged: bool = False, reachable: bool = True,
    ) -> None:  # fmt: skip
        """Show this from now on."""
        self.data, self.policy, self.chain = data, policy, chain
        self.served, self.damaged, self.reachable = served, damaged, reachable
        self.asked.clear()

    def address(self, lang: str = "en", host: str = "127.0.0.1", batch: str = BATCH) -> str:
        return f"http://{host}:{self.port}/b/{batch}?lang={lang}"

    def bundle_of(self, batch: str) -> tuple[str, bytes] | None:
        if self.damaged:
            raise AlteredError("the bundle file was changed")
        if self.data is None or batch != BATCH:
            return None
        return sha256(self.data).hexdigest(), self.data


def _answer(facts: ChainFacts, size: int, method: str, params: list[Any]) -> Any:
    match method:
        case "eth_chainId":
            return hex(facts.chain)
        case "eth_call":
            return facts.root or "0x" + "0" * 64
        case "eth_getBlockByNumber":
            block = facts.blocks.get(int(params[0], 16))
            return None if block is None else {"hash": block.hash, "timestamp": hex(block.time)}
        case "eth_getLogs":
            return [
                {
                    "address": params[0]["address"],
                    "topics": params[0]["topics"],
                    "data": f"0x{size:064x}{event.root[2:]}{0:064x}",
                    "transactionHash": event.transaction,
                    "blockHash": event.block_hash,
                }
                for event in facts.events
            ]
        case _:
            raise AssertionError(method)


def app(site: Site) -> FastAPI:
    """Return the site as an application."""
    made = FastAPI()
    made.include_router(shopper.router(site, clock=lambda: NOW))

    @made.middleware("http")
    async def note(request: Request, call_next: Any) -> Any:
        site.asked.append(request.url.path)
        return await call_next(request)

    @made.get("/bundles/{digest}.json")
    def bundle(digest: str) -> Response:
        data = site.served if site.served is not None else site.data
        if data is None or not site.reachable:
            return Response(f"no {digest}", 503)
        return Response(data, media_type="application/json")

    @made.get("/policy.json")
    def policy() -> Response:
        if site.policy is None:
            return Response("none", 404)
        return Response(canonical(site.policy.to_json()), media_type="application/json")

    @made.post("/rpc")
    async def rpc(request: Request) -> Response:
        said = json.loads(await request.body())
        if site.chain is None:
            return Response("no node", 503)
        result = _answer(site.chain, _size(site.served or site.data), said["method"], said["params"])
        answer = {"jsonrpc": "2.0", "id": said["id"], "result": result}
        return Response(json.dumps(answer), media_type="application/json")

    made.add_middleware(GZipMiddleware, minimum_size=500)
    return made


def _size(data: bytes | None) -> int:
    """Return the size that the bundle's checkpoint says."""
    return int(str(json.loads(data or b"{}")["checkpoint"]).split("\n")[1])


@contextmanager
def running() -> Iterator[Site]:
    """Serve the site on a free port."""
    site = Site(free_port())
    server = uvicorn.Server(uvicorn.Config(app(site), port=site.port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the page's site")
    try:
        yield site
    finally:
        server.should_exit = True
        thread.join(20)
