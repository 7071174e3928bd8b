"""Public HTTP routes of the log: checkpoint, tiles, entry bundles, issued bundles and the policy (FastAPI).

Nothing here writes. What never changes is marked immutable and carries its digest as ETag; the checkpoint may be kept
for a few seconds only (C2SP tlog-tiles). Plain functions: FastAPI runs them in its pool of threads.
"""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Response

from cropmark_trace.bundle_files import BundleFiles
from cropmark_trace.refusals import RefusingRoute, refusal
from cropmark_trace.served_log import ServedLog
from cropmark_trace.storage import AlteredError
from cropmark_trace.tiles import NoSuchTileError

FOREVER: Final = "public, max-age=31536000, immutable"
BRIEFLY: Final = "public, max-age=2"
_NO_SNIFF: Final = {"X-Content-Type-Options": "nosniff"}
_OCTETS: Final = "application/octet-stream"


def router(log: ServedLog, bundles: BundleFiles, policy: Callable[[], bytes]) -> APIRouter:
    """Return the routes; ``policy`` gives the JSON of ``/policy.json``."""
    routes = APIRouter(tags=["log"], route_class=RefusingRoute)

    @routes.get("/checkpoint", response_class=Response)
    def checkpoint() -> Response:
        try:
            note = log.checkpoint()
        except LookupError as error:
            return refusal(404, str(error), "Try again in a moment.")
        headers = _NO_SNIFF | {"Cache-Control": BRIEFLY}
        return Response(note, media_type="text/plain; charset=utf-8", headers=headers)

    @routes.get("/tile/{level}/{path:path}", response_class=Response)
    def tile(
        level: Annotated[str, Path(max_length=8)],
        path: Annotated[str, Path(max_length=64)],
    ) -> Response:
        try:
            data = log.entries(path) if level == "entries" else log.tile(level, path)
        except NoSuchTileError as error:
            return refusal(404, str(error), "Read /checkpoint and ask for the tiles of its size.")
        return Response(data, media_type=_OCTETS, headers=_NO_SNIFF | {"Cache-Control": FOREVER})

    @routes.get("/bundles/{digest}.json", response_class=Response)
    def bundle(
        digest: Annotated[str, Path(max_length=64)],
        if_none_match: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Response:
        etag = f'"{digest}"'
        headers = _NO_SNIFF | {"Cache-Control": FOREVER, "ETag": etag}
        try:
            data = bundles.read(digest)
        except LookupError:
            return refusal(404, "there is no such bundle", "Scan the code again, or ask whoever sold the box.")
        except AlteredError:
            return refusal(500, "the stored bundle is damaged", "Whoever runs this server: cropmark fsck.")
        if if_none_match is not None and etag in if_none_match:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type="application/json", headers=headers)

    @routes.get("/policy.json", response_class=Response)
    def pinned() -> Response:
        return Response(
            policy(), media_type="application/json", headers=_NO_SNIFF | {"Cache-Control": "public, max-age=60"}
        )

    return routes
