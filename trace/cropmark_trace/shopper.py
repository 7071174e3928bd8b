"""The shopper's page: ``/b/{batch}`` and ``/b/{batch}/{serial}``, in two languages, and the files it needs (FastAPI).

The server renders the facts, so they can be read on any phone; the phone then fetches the bundle and judges it itself.
Nothing here says that anything was checked. No cookies, no inline script or style, nothing from elsewhere. Unit serials
are shown and not judged in this version.
"""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from cropmark_ingest import names
from cropmark_trace import bundle, page_assets, season_chart, shopper_view, texts
from cropmark_trace.bundle import BundleError, UnusableBundleError
from cropmark_trace.page_words import Words, chosen, words
from cropmark_trace.shopper_view import View
from cropmark_trace.storage import AlteredError
from cropmark_trace.texts import Language
from cropmark_trace.verdict import CODES

Clock = Callable[[], int]
"""Tells the farm's time in UTC milliseconds."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "worker-src 'self'; child-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FOREVER: Final = "public, max-age=31536000, immutable"
_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("cropmark_trace"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}


@dataclass(frozen=True, slots=True)
class _Scanned:
    """What the code on the box says."""

    batch: str
    serial: str | None


class BundleSource(Protocol):
    """Where issued bundles are."""

    def bundle_of(self, batch: str) -> tuple[str, bytes] | None:
        """Return the SHA-256 (hex) and bytes of a batch's newest bundle, or None; raise ``AlteredError``."""
        ...


@lru_cache(maxsize=128)
def _viewed(data: bytes, code: Language) -> View | None:
    """Return what a bundle's page tells, or None for bytes that cannot be read."""
    try:
        return shopper_view.view(bundle.parse(data), words(code))
    except (BundleError, UnusableBundleError):
        return None


def _since(days: int, said: Words) -> str:
    if days < 0:
        return said("days.future")
    return said(f"days.{days}") if days < 2 else said("days.other", n=days)


class _Asked:
    """What a request says of itself."""

    def __init__(
        self,
        lang: Annotated[str | None, Query(max_length=10)] = None,
        accept_language: Annotated[str, Header(max_length=1000)] = "",
        accept_encoding: Annotated[str, Header(max_length=1000)] = "",
    ) -> None:
        self.words = words(chosen(lang, accept_language))
        self.packs = "gzip" in accept_encoding


def _page(asked: _Asked, template: str, status: int = 200, **values: object) -> Response:
    text = _ENVIRONMENT.get_template(template).render(
        w=asked.words, url=page_assets.url, number=shopper_view.number_text, day=shopper_view.day_text, **values
    )
    headers = _HEADERS | {
        "Cache-Control": "no-cache",
        "Content-Language": asked.words.tag,
        "Vary": "Accept-Language, Accept-Encoding",
    }
    data = text.encode()
    if asked.packs:
        data = gzip.compress(data, 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(data, status, headers, "text/html; charset=utf-8")


def _unknown(asked: _Asked, code: str) -> Response:
    return _page(asked, "unknown.html", 404, code=code)


def _batch_page(asked: _Asked, found: tuple[str, bytes], scanned: _Scanned, now: int, rpc: str | None) -> Response:
    digest, data = found
    view = _viewed(data, asked.words.code)
    since = None
    if view is not None and view.picked_on is not None:
        since = _since(shopper_view.ago(view.picked_on, now, view.offset), asked.words)
    return _page(
        asked,
        "shopper.html",
        v=view,
        since=since,
        scanned=scanned,
        rpc=rpc,
        digest=digest,
        chart=season_chart,
        checks=[(name, texts.catalogue()["checks"][name]["title"][asked.words.code]) for name in CODES],
    )


def router(source: BundleSource, *, clock: Clock, rpc: str | None = "/rpc") -> APIRouter:
    """Return the routes. ``rpc`` is this site's own node of the chain, which the page offers to ask, or None."""
    routes = APIRouter(include_in_schema=False)

    def shown(asked: _Asked, batch: str, serial: str | None) -> Response:
        try:
            names.batch(batch)
            found = source.bundle_of(batch)
        except names.BadNameError:
            found = None
        except AlteredError:
            return _page(asked, "damaged.html", 500, batch=batch)
        return (
            _unknown(asked, batch)
            if found is None
            else _batch_page(asked, found, _Scanned(batch, serial), clock(), rpc)
        )

    @routes.get("/b/{batch}", response_class=Response)
    def batch_page(batch: Annotated[str, Path(max_length=200)], asked: Annotated[_Asked, Depends()]) -> Response:
        return shown(asked, batch, None)

    @routes.get("/b/{batch}/{serial}", response_class=Response)
    def serial_page(
        batch: Annotated[str, Path(max_length=200)],
        serial: Annotated[str, Path(max_length=64)],
        asked: Annotated[_Asked, Depends()],
    ) -> Response:
        return shown(asked, batch, serial)

    @routes.get(page_assets.PREFIX + "/{digest}/{name}", response_class=Response)
    def asset(digest: str, name: str, accept_encoding: Annotated[str, Header(max_length=1000)] = "") -> Response:
        found = page_assets.find(digest, name)
        if found is None:
            return Response("there is no such file; load the page again\n", 404, _HEADERS, "text/plain")
        headers = _HEADERS | {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
        if "gzip" in accept_encoding:
            return Response(found.packed, 200, headers | {"Content-Encoding": "gzip"}, found.media_type)
        return Response(found.data, 200, headers, found.media_type)

    return routes
