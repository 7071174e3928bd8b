"""How a refusal looks over HTTP: JSON with ``error``, the cause, and ``next``, what to do (FastAPI).

One route class turns what the use cases refuse, and what FastAPI itself refuses, into that form, so that no route
catches errors. An error that is not named here stays the server's fault and is logged by it.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from cropmark_ingest.names import BadNameError
from cropmark_trace.admission import RefusedError
from cropmark_trace.keystore import KeystoreError
from cropmark_trace.publishing import NotIssuedError
from cropmark_trace.recording import UnknownError
from cropmark_trace.storage import AlteredError, StorageError
from cropmark_trace.tree import MissingNodeError

MAX_BODY_BYTES: Final = 16 * 1024
_DAMAGED: Final = "Whoever runs this server: cropmark fsck names everything that was altered. Restore a backup."
_STATUS: Final[Mapping[type[Exception], tuple[int, str]]] = {
    UnknownError: (404, "Look at the list of batches and fields."),
    BadNameError: (404, "Check the address."),
    RefusedError: (409, "Correct the call and send it again."),
    NotIssuedError: (409, "Nothing was issued. Whoever runs this server: cropmark fsck."),
    AlteredError: (409, _DAMAGED),
    MissingNodeError: (409, _DAMAGED),
    KeystoreError: (503, "Nothing was signed. Whoever runs this server: mend the key file and try again."),
    StorageError: (503, "Nothing was recorded. Try again; whoever runs this server: check the disk."),
}


def refusal(status: int, error: str, step: str) -> JSONResponse:
    """Return an error as JSON: what is wrong, and what to do next."""
    return JSONResponse({"error": error, "next": step}, status)


def _invalid(error: RequestValidationError) -> JSONResponse:
    problems = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()[:5]
    )
    return refusal(422, problems[:1_000], "Correct these members and send it again; /openapi.json has their form.")


def _capped(request: Request) -> Receive:
    """Return the request's stream, cut with HTTP 413 where the body grows too long."""
    seen = 0

    async def receive() -> Message:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            raise HTTPException(413, {"error": f"more than {MAX_BODY_BYTES} bytes", "next": "Send a smaller record."})
        return message

    return receive


class RefusingRoute(APIRoute):
    """A route whose refusals are JSON with ``error`` and ``next``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with refusals turned into answers."""
        handler = super().get_route_handler()

        async def refusing(request: Request) -> Response:
            try:
                return await handler(Request(request.scope, _capped(request)))
            except RequestValidationError as error:
                return _invalid(error)
            except HTTPException as error:
                detail: object = error.detail  # annotated as text, but any JSON may be given
                if not isinstance(detail, dict):
                    raise
                return JSONResponse(detail, error.status_code, error.headers)
            except tuple(_STATUS) as error:
                kind = next(kind for kind in type(error).__mro__ if kind in _STATUS)
                status, step = _STATUS[kind]
                return refusal(status, str(error), step)

        return refusing
