"""Call a running installation's API with the standard library only: what commands on the same machine use."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from cropmark.calls import ApiError, ApiUnreachableError

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024


class Api:
    """JSON in, JSON out, under one base address."""

    def __init__(self, url: str, token: str, *, seconds: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._seconds = seconds

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """GET ``path``; raise :class:`ApiError` for a refusal and :class:`ApiUnreachableError` for silence."""
        return self._call("GET", path, None)

    def post(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
        """POST ``body`` to ``path``; the same errors."""
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:  # noqa: ANN401 - JSON
        request = urllib.request.Request(  # noqa: S310 - the address is our own server's
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self._seconds) as answer:  # noqa: S310 - the same
                return json.loads(answer.read(MAX_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            raise ApiError(error.code, _reason(error)) from error
        except (OSError, ValueError) as error:
            raise ApiUnreachableError(f"{self._url} does not answer: {error}") from error


def _reason(error: urllib.error.HTTPError) -> str:
    raw = error.read(64 * 1024).decode(errors="replace")
    try:
        said = json.loads(raw)
    except ValueError:
        return f"{error.code} {error.reason}"
    match said:
        case {"error": str() as cause, "next": str() as step}:
            return f"{cause} {step}"
        case _:
            return f"{error.code}: {raw[:500]}"
