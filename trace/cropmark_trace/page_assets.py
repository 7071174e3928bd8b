"""Scripts and style of the shopper's page, from memory, with the content's digest in the address.

An address never changes its content, so a phone loads each file once. Compressed once, at start.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

PREFIX: Final = "/shopper-assets"
_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


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
    for file in files("cropmark_trace").joinpath("static").iterdir():
        suffix = file.name.rpartition(".")[2]
        if suffix in _TYPES:
            data = file.read_bytes()
            address = f"{PREFIX}/{sha256(data).hexdigest()[:16]}/{file.name}"
            found[file.name] = Asset(data, gzip.compress(data, 9, mtime=0), _TYPES[suffix], address)
    return found


def url(name: str) -> str:
    """Return the address of a file."""
    return assets()[name].url


def find(digest: str, name: str) -> Asset | None:
    """Return the file at an address, or None."""
    found = assets().get(name)
    return found if found is not None and found.url == f"{PREFIX}/{digest}/{name}" else None
