"""The pages of signing in: how to get a link, the button behind a link, signing out.

Opening a link only shows a button: a messenger that fetches it for a preview does not use it up. The button's
POST does.
"""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from cropmark_dashboards.attempts import TooManyAttemptsError
from cropmark_dashboards.guard import COOKIE, SIGN_IN, clear_session, safe_path, set_session
from cropmark_dashboards.posted import client, posted, same_origin
from cropmark_dashboards.rendering import HEADERS, Frame, page
from cropmark_dashboards.signin import BadLinkError, SignIn
from cropmark_ingest.principal import Guard, Principal


def link_path(link: str) -> str:
    """Return the path of a one-time link, to be put behind the server's address."""
    return f"{SIGN_IN}/{link}"


def router(signin: SignIn, guard: Guard) -> APIRouter:
    """Return the routes under ``/signin`` and ``/signout``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(SIGN_IN, response_class=Response)
    def ask(request: Request) -> Response:
        back = safe_path(request.query_params.get("next", "/farm"))
        return _private(page(request, "signin.html", Frame(), {"back": back}))

    @routes.get(SIGN_IN + "/{link}", response_class=Response)
    def button(request: Request, link: str) -> Response:
        try:
            signin.attempts.check(client(request))
        except TooManyAttemptsError as error:
            return _too_many(request, error)
        principal = signin.link_opens(link)
        if principal is None:
            signin.attempts.failed(client(request))
            return _private(page(request, "signin_used.html", Frame(), {}, 410))
        return _private(page(request, "signin_link.html", Frame(), {"link": link, "principal": principal}))

    @routes.post(SIGN_IN, response_class=Response)
    def enter(request: Request, form: Annotated[Mapping[str, str], Depends(posted)]) -> Response:
        if not same_origin(request):
            raise HTTPException(403, {"error": "this did not come from a page of ours", "next": "Open the link again."})
        try:
            session = signin.follow_link(form.get("link", ""), client(request))
        except TooManyAttemptsError as error:
            return _too_many(request, error)
        except BadLinkError:
            return _private(page(request, "signin_used.html", Frame(), {}, 410))
        old = request.cookies.get(COOKIE)
        if old:
            signin.sign_out(old)
        response = RedirectResponse("/farm", 303, headers=dict(HEADERS))
        set_session(response, request, session.secret)
        return response

    @routes.post("/signout", response_class=Response)
    def leave(request: Request, _principal: Annotated[Principal, Depends(guard)]) -> Response:
        signin.sign_out(request.cookies.get(COOKIE, ""))
        response = RedirectResponse(f"{SIGN_IN}?out=1", 303, headers=dict(HEADERS))
        clear_session(response, request)
        return response

    return routes


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _too_many(request: Request, error: TooManyAttemptsError) -> Response:
    response = page(request, "error.html", Frame(), {"kind": "429"}, 429)
    response.headers["Retry-After"] = str(error.seconds)
    return _private(response)
