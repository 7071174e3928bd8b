"""Style, script and chart library of the farmer's pages, from memory, with the content's digest in the address.

An address never changes its content, so a phone loads each file once. Compressed once, at start.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/farm-assets"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its bytes, the same compressed, its media type and its address."""

    data: bytes
    packed: bytes
    media_type: str
    url: str


@cache
def assets() -> dict[str, Asset]:
    """Return all files by name."""
    found = {}
    for file in sorted(FOLDER.iterdir()):
        if file.suffix in _TYPES:
            data = file.read_bytes()
            url = f"{PREFIX}/{sha256(data).hexdigest()[:16]}/{file.name}"
            found[file.name] = Asset(data, gzip.compress(data, 9, mtime=0), _TYPES[file.suffix], url)
    return found


def url(name: str) -> str:
    """Return the address of a file."""
    return assets()[name].url


def router() -> APIRouter:
    """Return the route that serves the files; they are public and hold nothing of any farm."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(PREFIX + "/{digest}/{name}", response_class=Response)
    def asset(digest: str, name: str, accept_encoding: Annotated[str, Header(max_length=200)] = "") -> Response:
        found = assets().get(name)
        if found is None or found.url != f"{PREFIX}/{digest}/{name}":
            return JSONResponse({"error": "there is no such file", "next": "Load the page again."}, 404)
        headers = {"Cache-Control": FOREVER, "X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding"}
        if "gzip" in accept_encoding:
            return Response(found.packed, media_type=found.media_type, headers=headers | {"Content-Encoding": "gzip"})
        return Response(found.data, media_type=found.media_type, headers=headers)

    return routes
