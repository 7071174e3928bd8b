"""Reading a sent form: small, urlencoded, read once; and telling whether the browser sent it from our own page."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException, Request

MAX_BYTES: Final = 32 * 1024
MAX_FIELDS: Final = 40
FORM: Final = "application/x-www-form-urlencoded"


def is_form(request: Request) -> bool:
    """Tell whether the body says that it is a form."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower() == FORM


async def posted(request: Request) -> Mapping[str, str]:
    """Return the form's inputs, the first of each name; a FastAPI dependency. Raises HTTP 413 or 422."""
    if hasattr(request.state, "posted"):
        kept: Mapping[str, str] = request.state.posted
        return kept
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_BYTES:
        raise HTTPException(413, {"error": f"a form is at most {MAX_BYTES} bytes", "next": "Shorten what you typed."})
    if not is_form(request):
        raise HTTPException(422, {"error": f"expected {FORM}", "next": "Send the page's own form."})
    try:
        pairs = parse_qsl(
            (await request.body()).decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise HTTPException(422, {"error": "this form cannot be read", "next": "Send the page's own form."}) from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    request.state.posted = fields
    return fields


def same_origin(request: Request) -> bool:
    """Tell whether a browser sent this from a page of ours.

    ``Sec-Fetch-Site`` where the browser tells it (secure origins), ``Origin`` in any case; one of them must be there.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None:
        return site == "same-origin"
    parts = urlsplit(origin)
    return parts.scheme == request.url.scheme and parts.netloc.lower() == request.headers.get("host", "").lower()


def client(request: Request) -> str:
    """Return the caller's address, as far as the connection tells it."""
    return "unknown" if request.client is None else request.client.host
