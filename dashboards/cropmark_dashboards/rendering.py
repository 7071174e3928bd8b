"""Turning a page's facts into the answer: language, frame, security headers. No page is sent but through here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse

from cropmark_dashboards import assets, catalogue, templating
from cropmark_dashboards.catalogue import Words
from cropmark_dashboards.moment import Phrase
from cropmark_ingest.principal import Principal
from cropmark_ingest.registry import Farm

LANGUAGE_COOKIE: Final = "lang"
YEAR_SECONDS: Final = 31_536_000
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not 'no-referrer': browsers then send 'Origin: null' with our own forms, which the guard has to refuse.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie, Accept-Language",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page: whose farm, which entry of the navigation, who is signed in."""

    farm: Farm | None = None
    here: str = ""
    principal: Principal | None = None
    several: bool = False


def language(request: Request) -> str:
    """Return the page's language: ``?lang=``, else the cookie, else what the browser prefers, else English."""
    known = catalogue.languages()
    for wish in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wish in known:
            return str(wish)
    preferences = []
    for part in request.headers.get("accept-language", "")[:500].split(","):
        tag, _, weight = part.strip().partition(";q=")
        code = tag.split("-")[0].lower()
        if code in known:
            try:
                preferences.append((-float(weight or "1"), code))
            except ValueError:
                continue
    return min(preferences, default=(0.0, catalogue.DEFAULT), key=lambda item: item[0])[1]


def page(
    request: Request, template: str, frame: Frame, values: Mapping[str, object], status: int = 200
) -> HTMLResponse:
    """Return the page ``template`` in the reader's language; a language asked for by address is remembered."""
    code = language(request)
    words = catalogue.words(code)

    def phrase(part: Phrase) -> str:
        month = part.values.get("month")
        return words(part.key, **(part.values if month is None else part.values | {"month": words(f"month.{month}")}))

    html = templating.render(template, {
        "t": words, "text": words.text, "n": words.counted, "phrase": phrase, "asset": assets.url,
        "lang": code, "html_lang": words("html-lang"), "languages": _switches(request, words),
        "frame": frame, "csrf": getattr(request.state, "csrf", ""), **values,
    })  # fmt: skip
    response = HTMLResponse(html, status, headers=dict(HEADERS))
    if request.query_params.get("lang") == code:
        response.set_cookie(
            LANGUAGE_COOKIE, code, max_age=YEAR_SECONDS, path="/", samesite="lax", httponly=True,
            secure=request.url.scheme == "https",
        )  # fmt: skip
    return response


def _switches(request: Request, words: Words) -> list[tuple[str, str, str]]:
    """Return code, own name and address of every other language; the address shows this page again."""
    result = []
    for code in catalogue.languages():
        if code != words.code:
            query = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
            address = f"{request.url.path}?{urlencode([*query, ('lang', code)])}"
            result.append((code, catalogue.words(code)("language"), address))
    return result
