"""Secrets that a browser or program shows to be let in: 256 random bits, of which only a digest is ever stored.

The digest is SHA-256 with the kind of secret in front, so that a link cannot pass for a session, nor a session for a
token. No slow password hash: nobody can search 256 bits.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Final, Literal

from cropmark_ingest.principal import Principal

SECRET_BYTES: Final = 32
MAX_TEXT: Final = 128

Kind = Literal["link", "session", "token"]
Random = Callable[[int], bytes]
"""Returns so many bytes that nobody can foresee; :func:`secrets.token_bytes`."""


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """What is kept of a secret. Times are UTC milliseconds of the real clock; ``expires`` None is never.

    ``note`` says, for people, what an API token is for.
    """

    kind: Kind
    digest: bytes
    principal: Principal
    made: int
    expires: int | None
    note: str = ""

    def valid(self, now: int) -> bool:
        """Tell whether it still opens the door at ``now``."""
        return self.expires is None or now < self.expires


def draw(random: Random) -> str:
    """Return a new secret as 43 characters of URL-safe base64."""
    return base64.urlsafe_b64encode(random(SECRET_BYTES)).rstrip(b"=").decode()


def digest(kind: Kind, secret: str) -> bytes:
    """Return the 32 bytes that are stored for ``secret``."""
    return sha256(f"cropmark/{kind}/v1\n{secret}".encode()).digest()


def looks_right(secret: str) -> bool:
    """Tell whether ``secret`` could be one, before anything is asked of a database."""
    if not SECRET_BYTES <= len(secret) <= MAX_TEXT or not secret.isascii():
        return False
    try:
        return len(base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))) >= SECRET_BYTES
    except (binascii.Error, ValueError):
        return False


def csrf(session: str) -> str:
    """Return the token that a session's forms carry; it follows from the session's secret and tells nothing of it."""
    return sha256(f"cropmark/csrf/v1\n{session}".encode()).hexdigest()


def csrf_fits(session: str, token: str) -> bool:
    """Tell, in constant time, whether ``token`` is the one for this session."""
    return compare_digest(csrf(session).encode(), token.encode())
