"""Errors as people and programs can use them: a page in the reader's language, ``{"error", "next"}`` for the rest."""

from collections.abc import Mapping
from typing import Final

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from cropmark_dashboards.rendering import Frame, page

_PAGES: Final = ("/farm", "/signin")
_KNOWN: Final = frozenset((403, 404, 405, 413, 422, 429, 503))

log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Answer every error of ``app``: as a page under ``/farm`` and ``/signin``, else as JSON."""

    @app.exception_handler(StarletteHTTPException)
    def refused(request: Request, error: StarletteHTTPException) -> Response:
        detail: object = error.detail
        said: Mapping[str, object] = detail if isinstance(detail, Mapping) else {"error": detail, "next": ""}
        return _answer(request, error.status_code, said, error.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        return _answer(request, 422, {"error": f"the request does not fit: {wrong[:500]}", "next": "See /api/v1."})

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        log.error("a request failed", path=request.url.path, kind=type(error).__name__, reason=str(error))
        said = {"error": "something went wrong on the server", "next": "Try again; the server's log has the reason."}
        return _answer(request, 500, said)


def not_found() -> HTTPException:
    """Return the refusal for what is not there, and for what somebody may not know to be there."""
    return HTTPException(404, {"error": "there is no such page", "next": "Start again at /farm."})


def _answer(
    request: Request, status: int, said: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    wanted = request.url.path.startswith(_PAGES) and "text/html" in request.headers.get("accept", "")
    if not wanted or status < 400:
        return JSONResponse(dict(said), status, headers={"X-Content-Type-Options": "nosniff", **(headers or {})})
    kind = str(status) if status in _KNOWN else "500"
    response = page(request, "error.html", Frame(), {"kind": kind}, status)
    response.headers.update({**(headers or {}), "Cache-Control": "no-store"})
    return response
