"""Signing in: one-time links, sessions and API tokens, and the port to where their digests are kept.

There are no passwords. Whoever runs the installation makes a link on its command line and hands it over; it is good
once, for 15 minutes of real time (never the replayed farm's time). A browser then holds a session, a program a token.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cropmark_dashboards import secret
from cropmark_dashboards.attempts import Attempts
from cropmark_dashboards.secret import Kind, Random, StoredSecret
from cropmark_ingest.clock import Clock, real_ms
from cropmark_ingest.principal import Principal

LINK_MS: Final = 15 * 60_000
SESSION_MS: Final = 30 * 86_400_000
SLIDE_MS: Final = 86_400_000
"""A session is prolonged at most this often: a write a day and not one a page."""


class BadLinkError(ValueError):
    """A link that was used, is too old, or never was one. Which of them is not told."""


class SignInStore(Protocol):
    """Where digests are kept. A method that returns has made its change durable."""

    def put(self, item: StoredSecret) -> None:
        """Keep a secret; one with the same kind and digest is replaced."""
        ...

    def get(self, kind: Kind, digest: bytes) -> StoredSecret | None:
        """Return what is kept under this digest, expired or not."""
        ...

    def exchange(self, link: bytes, session: StoredSecret) -> bool:
        """In one transaction delete the link and keep the session; change nothing and return False if it is gone."""
        ...

    def prolong(self, kind: Kind, digest: bytes, expires: int) -> None:
        """Set a new end; nothing happens if the secret is gone."""
        ...

    def drop(self, kind: Kind, digest: bytes) -> None:
        """Forget a secret."""
        ...

    def tokens(self) -> Sequence[StoredSecret]:
        """Return all API tokens, the oldest first."""
        ...

    def sweep(self, now: int) -> None:
        """Forget everything that has expired at ``now``."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """A fresh session: ``secret`` goes into the browser's cookie and nowhere else."""

    secret: str
    principal: Principal


class SignIn:
    """Lets people and programs in. ``clock`` is real time; ``random`` gives unforeseeable bytes."""

    def __init__(self, store: SignInStore, clock: Clock = real_ms, random: Random = secrets.token_bytes) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self.attempts = Attempts(clock)

    def make_link(self, principal: Principal) -> str:
        """Return the secret of a new one-time link for ``principal``."""
        now = self._clock()
        self._store.sweep(now)
        text = secret.draw(self._random)
        self._store.put(StoredSecret("link", secret.digest("link", text), principal, now, now + LINK_MS))
        return text

    def link_opens(self, link: str) -> Principal | None:
        """Tell for whom ``link`` would open a session, without using it up."""
        return self._valid("link", link)

    def follow_link(self, link: str, client: str) -> Session:
        """Use ``link`` up and open a session.

        Raises :class:`BadLinkError`, and :class:`TooManyAttemptsError` when ``client`` (its address) failed too often.
        """
        self.attempts.check(client)
        principal = self._valid("link", link)
        text = secret.draw(self._random)
        if principal is not None:
            now = self._clock()
            session = StoredSecret("session", secret.digest("session", text), principal, now, now + SESSION_MS)
            if self._store.exchange(secret.digest("link", link), session):
                return Session(text, principal)
        self.attempts.failed(client)
        raise BadLinkError("this link was used before, or is older than 15 minutes: ask for a new one")

    def by_session(self, session: str) -> Principal | None:
        """Return whose session this is, and keep it alive; None if it is none, ended or expired."""
        principal = self._valid("session", session)
        if principal is not None:
            now = self._clock()
            kept = self._store.get("session", secret.digest("session", session))
            if kept is not None and kept.expires is not None and kept.expires - now < SESSION_MS - SLIDE_MS:
                self._store.prolong("session", kept.digest, now + SESSION_MS)
        return principal

    def sign_out(self, session: str) -> None:
        """End a session on the server; the cookie alone would leave it open to whoever copied it."""
        self._store.drop("session", secret.digest("session", session))

    def make_token(self, principal: Principal, note: str) -> str:
        """Return a new API token for ``principal``; ``note`` says what it is for. It ends when it is withdrawn."""
        text = secret.draw(self._random)
        self.keep_token(text, principal, note)
        return text

    def keep_token(self, token: str, principal: Principal, note: str) -> None:
        """Accept ``token``, made elsewhere from at least 256 random bits in base64; again is the same as once."""
        if not secret.looks_right(token):
            raise ValueError("an API token is at least 256 random bits in URL-safe base64 (secrets.token_urlsafe(32))")
        self._store.put(StoredSecret("token", secret.digest("token", token), principal, self._clock(), None, note[:80]))

    def by_token(self, token: str) -> Principal | None:
        """Return whose API token this is, or None."""
        return self._valid("token", token)

    def tokens(self) -> Sequence[StoredSecret]:
        """Return what is known of the API tokens, the oldest first."""
        return self._store.tokens()

    def withdraw_token(self, digest: bytes) -> None:
        """Make the API token with this digest worthless."""
        self._store.drop("token", digest)

    def _valid(self, kind: Kind, text: str) -> Principal | None:
        if not secret.looks_right(text):
            return None
        kept = self._store.get(kind, secret.digest(kind, text))
        return kept.principal if kept is not None and kept.valid(self._clock()) else None
