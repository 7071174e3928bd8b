"""The core process: ingest, records, log, chain and web, wired together.

``python -m cropmark.core --data DIR --broker-port N --port N [--lan ADDRESS] [--demo]``. Serves the farmer's and the
shopper's pages on 127.0.0.1; on the address of the local network only what is public.
"""

import argparse
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import structlog
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware

from cropmark import settings
from cropmark.chain import EmbeddedAnchors
from cropmark.children import RECEIPT_KEY
from cropmark.datadir import DataDir
from cropmark.demo_setup import set_up
from cropmark.farm_book import RegistryBook
from cropmark.fsck import check
from cropmark.issued import IssuedBundles
from cropmark.public import PublicOnly
from cropmark.telemetry_source import ArchivedSeasons
from cropmark_dashboards import pages
from cropmark_dashboards.database import Database as WebDatabase
from cropmark_dashboards.database import sqlite_engine as web_engine
from cropmark_dashboards.farm_view import FarmReader
from cropmark_dashboards.harvest import RecordHarvest
from cropmark_dashboards.sent_forms_sql import SqlSentForms
from cropmark_dashboards.signin import SignIn
from cropmark_dashboards.signin_sql import SqlSignInStore
from cropmark_dashboards.trace_batches import TraceBatches
from cropmark_ingest import api as ingest_api
from cropmark_ingest import cose
from cropmark_ingest.clock import Clock, ScaledClock, real_ms
from cropmark_ingest.intake_mqtt import Broker
from cropmark_ingest.principal import Principal
from cropmark_ingest.service import Ingest
from cropmark_trace import api as trace_api
from cropmark_trace import log_routes, shopper
from cropmark_trace.anchoring import AnchorError
from cropmark_trace.keystore import FileKeys
from cropmark_trace.wiring import Outside, Trace, open_trace

MAX_RPC_BYTES: Final = 64 * 1024
ORIGIN: Final = "cropmark.invalid/log"
DEMO_ORIGIN: Final = "cropmark.invalid/demo-log"
"""A demo's log has its own origin, so that no verifier that trusts a real one takes it for that."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Options:
    """What the supervisor says."""

    data: DataDir
    broker_port: int
    port: int
    lan: str | None
    demo: bool

    @property
    def shopper_url(self) -> str:
        """Return the address that goes into QR codes."""
        return f"http://{self.lan or '127.0.0.1'}:{self.port}"


class Core:
    """Everything that runs in the core process."""

    def __init__(self, options: Options) -> None:
        data = options.data
        chosen = settings.load(data.root)
        self.farm_clock: Clock = real_ms
        if data.clock.exists():
            self.farm_clock = ScaledClock.from_json(data.clock.read_text()).now
        receipt = FileKeys(data.keys).get(RECEIPT_KEY)
        if receipt is None:
            raise SystemExit(f"{data.keys} has no receipt key: start with `cropmark up`, which makes it")
        self.ingest = Ingest(
            data.ingest,
            broker=Broker("127.0.0.1", options.broker_port),
            receipt_key=receipt,
            now=self.farm_clock,
        )
        files = self.ingest.files
        origin = DEMO_ORIGIN if options.demo else ORIGIN
        self.anchors = EmbeddedAnchors(data.chain, origin)
        self.trace: Trace = open_trace(
            data.trace,
            origin=origin,
            outside=Outside(
                source=ArchivedSeasons(files.archive, files.registry),
                book=RegistryBook(files.registry),
                clock=real_ms,
                anchors=self.anchors,
                ask=self.anchors.facts,
                id_base=chosen.id_base,
            ),
        )
        if options.demo:
            set_up(data, files.registry, self.trace.parties, cose.public_bytes(receipt))
        self.web = WebDatabase(web_engine(data.web))
        self.signin = SignIn(SqlSignInStore(self.web))
        self.signin.keep_token(data.api_token(), Principal("operator", None), "this computer's command line")
        books = TraceBatches(self.trace.batches, lambda batch: f"{options.shopper_url}/b/{batch}")
        self.view = FarmReader(files.registry, files.store, files.notices, books, self.farm_clock)
        self.harvest = RecordHarvest(books, SqlSentForms(self.web), self.farm_clock)

    def start(self) -> None:
        """Begin to receive telemetry and to open the chain."""
        self.ingest.start()
        self.anchors.open()

    def stop(self) -> None:
        """Stop receiving and close everything."""
        self.ingest.stop()
        self._close_rest()

    def close(self) -> None:
        """Close what was opened and never started."""
        self.ingest.files.close()
        self._close_rest()

    def _close_rest(self) -> None:
        self.anchors.close()
        self.trace.close()
        self.web.close()


def make_app(core: Core) -> FastAPI:
    """Return the whole site."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(core.start)
        yield
        await run_in_threadpool(core.stop)

    # The framework's own documentation pages load scripts from elsewhere; the API's description stays.
    app = FastAPI(
        title="Cropmark", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json", lifespan=lifespan
    )
    guard = pages.install(app, core.view, core.harvest, core.signin)
    app.include_router(ingest_api.router(core.ingest, guard))
    app.include_router(trace_api.router(core.trace.batches, guard))
    issued = IssuedBundles(core.trace.batches, core.trace.bundles)
    app.include_router(shopper.router(issued, clock=core.farm_clock))
    app.include_router(log_routes.router(core.trace.log, core.trace.bundles, core.trace.policy_json))

    @app.get("/healthz", include_in_schema=False)
    def healthy() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False)
    def ready() -> dict[str, str]:
        # Answered only once every database is open; the chain and the broker may still be on their way.
        return {"status": "ready"}

    @app.post("/rpc", include_in_schema=False)
    async def rpc(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MAX_RPC_BYTES:
                return Response("too large", 413)
        try:
            answer = await run_in_threadpool(core.anchors.rpc, body)
        except AnchorError as error:
            return Response(str(error), 503)
        return Response(answer, media_type="application/json")

    @app.post("/api/v1/fsck", tags=["operator"])
    def fsck(caller: Annotated[Principal, Depends(guard)]) -> dict[str, Any]:
        if caller.farms is not None:
            raise HTTPException(403, {"error": "only who runs this installation may check it", "next": "Ask him to."})
        return {"findings": [item.to_json() for item in check(core.ingest.files, core.trace, core.anchors)]}

    app.add_middleware(GZipMiddleware, minimum_size=500, compresslevel=6)
    return app


def main() -> None:
    """Serve until stopped."""
    # Plain argparse: this process is started by the supervisor, and starts the faster for it.
    parser = argparse.ArgumentParser(prog="python -m cropmark.core")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--broker-port", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--lan")
    parser.add_argument("--demo", action="store_true")
    said = parser.parse_args()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    options = Options(DataDir(said.data), said.broker_port, said.port, said.lan, said.demo)
    core = Core(options)
    addresses = ["127.0.0.1", *([options.lan] if options.lan else [])]
    sockets = [_listen(address, options.port) for address in addresses]
    app = PublicOnly(make_app(core), local={"127.0.0.1"})
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
    )
    server = uvicorn.Server(config)
    signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    server.run(sockets=sockets)


def _listen(address: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.set_inheritable(True)
    return listener


if __name__ == "__main__":
    main()
