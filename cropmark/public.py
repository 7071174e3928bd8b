"""On the local network only what is public is served; the farmer's pages and everything that writes stay at home."""

from collections.abc import Collection
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PUBLIC: Final = ("/b/", "/bundles/", "/checkpoint", "/tile/", "/policy.json", "/rpc", "/shopper-assets/", "/healthz")


class PublicOnly:
    """Wraps the site: a connection that came in on another than a ``local`` address sees :data:`PUBLIC` only."""

    def __init__(self, app: ASGIApp, *, local: Collection[str]) -> None:
        self._app = app
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 404."""
        if scope["type"] == "http" and not self._allowed(scope):
            await PlainTextResponse("This is not served on the local network.\n", 404)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        server = scope.get("server") or ("", 0)
        return server[0] in self._local or str(scope["path"]).startswith(PUBLIC)
