"""The guard of everything that is not public: a session cookie for browsers, ``Authorization: Bearer`` for programs.

Who is not signed in gets HTTP 401 as JSON, a browser is led to the sign-in page. A write by cookie must come from a
page of ours and carry the session's token, in the form as ``csrf`` or in the header ``X-CSRF-Token``; a bearer
token needs neither, since no browser adds it by itself.
"""

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request, Response

from cropmark_dashboards import secret
from cropmark_dashboards.posted import is_form, posted, same_origin
from cropmark_dashboards.signin import SESSION_MS, SignIn
from cropmark_ingest.principal import Guard, Principal

COOKIE: Final = "cropmark_session"
SIGN_IN: Final = "/signin"
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_ASK: Final = "Sign in: ask whoever runs Cropmark for a link, or send an API token as 'Authorization: Bearer ...'."


def make_guard(signin: SignIn) -> Guard:
    """Return the FastAPI dependency that lets ``signin``'s sessions and tokens through."""

    def guard(request: Request, token: Annotated[str, Depends(_form_token)]) -> Principal:
        header = request.headers.get("authorization", "")
        if header:
            scheme, _, bearer = header.partition(" ")
            principal = signin.by_token(bearer.strip()) if scheme.lower() == "bearer" else None
            if principal is None:
                raise HTTPException(401, _refusal("this API token is not valid"), {"WWW-Authenticate": "Bearer"})
            return principal
        session = request.cookies.get(COOKIE, "")
        principal = signin.by_session(session) if session else None
        if principal is None:
            raise _not_signed_in(request)
        if request.method not in _SAFE and not (same_origin(request) and secret.csrf_fits(session, token)):
            error = "this did not come from a page of ours"
            raise HTTPException(403, {"error": error, "next": "Go back, load the page again and retry."})
        request.state.csrf = secret.csrf(session)
        return principal

    return guard


def set_session(response: Response, request: Request, session: str) -> None:
    """Give the browser its session: out of reach of scripts and of other sites' pages."""
    response.set_cookie(
        COOKIE, session, max_age=SESSION_MS // 1_000, path="/", httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip


def clear_session(response: Response, request: Request) -> None:
    """Take the session away from the browser."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https")


def safe_path(path: str) -> str:
    """Return ``path`` if it leads to a farmer's page on this server, else the first of them."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and "//" not in path and ".." not in path
    return (
        path if plain and len(path) <= 300 and (path == "/farm" or path.startswith(("/farm/", "/farm?"))) else "/farm"
    )


async def _form_token(request: Request) -> str:
    """Return the token that a write carries, from the header or else from the form."""
    token = request.headers.get("x-csrf-token", "")
    if token or request.method in _SAFE or not is_form(request) or request.headers.get("authorization"):
        return token
    return (await posted(request)).get("csrf", "")


def _not_signed_in(request: Request) -> HTTPException:
    page = not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")
    if not page:
        return HTTPException(401, _refusal("you are not signed in"), {"WWW-Authenticate": "Bearer"})
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = quote(safe_path(wanted if request.method == "GET" else "/farm"), safe="/")
    return HTTPException(303, _refusal("you are not signed in"), {"Location": f"{SIGN_IN}?next={back}"})


def _refusal(error: str) -> dict[str, str]:
    return {"error": error, "next": _ASK}
