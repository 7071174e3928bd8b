"""JSON calls with which the command line of a running installation makes links and API tokens.

Only an API token for all farms may: a session in a browser cannot make itself more rights.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from cropmark_dashboards.signin import LINK_MS, SignIn
from cropmark_dashboards.signin_pages import link_path
from cropmark_ingest import names
from cropmark_ingest.principal import Guard, Principal

MAX_FARMS: Final = 1_000


class NewLink(BaseModel):
    """For whom: a name for people, and the farms he may see; null is every farm."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    farms: list[str] | None = Field(default=None, max_length=MAX_FARMS)


class NewToken(NewLink):
    """For which program, besides: a note for people."""

    note: str = Field(default="", max_length=80)


def router(signin: SignIn, guard: Guard) -> APIRouter:
    """Return the routes under ``/api/v1/signin``."""
    routes = APIRouter(prefix="/api/v1/signin", tags=["sign-in"])

    def operator(request: Request, principal: Annotated[Principal, Depends(guard)]) -> Principal:
        if principal.farms is not None or not request.headers.get("authorization"):
            error = "only an API token for all farms may do this"
            raise HTTPException(403, {"error": error, "next": "Use the command line on the server."})
        return principal

    @routes.post("/links", status_code=201)
    def make_link(body: NewLink, _: Annotated[Principal, Depends(operator)]) -> dict[str, object]:
        link = signin.make_link(_wanted(body))
        return {"path": link_path(link), "minutes": LINK_MS // 60_000}

    @routes.post("/tokens", status_code=201)
    def make_token(body: NewToken, _: Annotated[Principal, Depends(operator)]) -> dict[str, object]:
        return {"token": signin.make_token(_wanted(body), body.note)}

    @routes.get("/tokens")
    def tokens(_: Annotated[Principal, Depends(operator)]) -> dict[str, object]:
        return {
            "tokens": [
                {
                    "id": item.digest.hex(),
                    "name": item.principal.name,
                    "farms": None if item.principal.farms is None else sorted(item.principal.farms),
                    "note": item.note,
                    "made": item.made,
                }
                for item in signin.tokens()
            ]
        }

    @routes.delete("/tokens/{token_id}", status_code=204)
    def withdraw(token_id: str, _: Annotated[Principal, Depends(operator)]) -> None:
        try:
            signin.withdraw_token(bytes.fromhex(token_id))
        except ValueError as error:
            raise HTTPException(422, {"error": "not a token's id", "next": "GET /api/v1/signin/tokens."}) from error

    return routes


def _wanted(body: NewLink) -> Principal:
    try:
        return Principal(body.name, None if body.farms is None else frozenset(names.name(farm) for farm in body.farms))
    except names.BadNameError as error:
        raise HTTPException(422, {"error": str(error), "next": "Name farms as the registry does."}) from error
