"""Digests of links, sessions and tokens in a SQL database; implements :class:`cropmark_dashboards.signin.SignInStore`.

No secret itself is ever in this table: whoever reads the file cannot sign in with it.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy import BigInteger, Column, LargeBinary, Row, String, Table, Text, delete, insert, select, update

from cropmark_dashboards.database import METADATA, Database
from cropmark_dashboards.secret import Kind, StoredSecret
from cropmark_ingest.principal import Principal

_secret: Final = Table(
    "secret",
    METADATA,
    Column("kind", String(8), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("farms", Text),  # JSON array of names; NULL is every farm
    Column("made", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("note", String(80), nullable=False),
)


class SqlSignInStore:
    """Keeps digests in ``database``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, item: StoredSecret) -> None:
        """Keep a secret; one with the same kind and digest is replaced."""
        with self._database.writing() as connection:
            connection.execute(_delete(item.kind, item.digest))
            connection.execute(insert(_secret).values(**_columns(item)))

    def get(self, kind: Kind, digest: bytes) -> StoredSecret | None:
        """Return what is kept under this digest, expired or not."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(_secret).where(_secret.c.kind == kind, _secret.c.digest == digest)
            ).one_or_none()
        return None if row is None else _stored(row)

    def exchange(self, link: bytes, session: StoredSecret) -> bool:
        """In one transaction delete the link and keep the session; change nothing and return False if it is gone."""
        with self._database.writing() as connection:
            if connection.execute(_delete("link", link)).rowcount != 1:
                return False
            connection.execute(insert(_secret).values(**_columns(session)))
        return True

    def prolong(self, kind: Kind, digest: bytes, expires: int) -> None:
        """Set a new end; nothing happens if the secret is gone."""
        with self._database.writing() as connection:
            connection.execute(
                update(_secret).where(_secret.c.kind == kind, _secret.c.digest == digest).values(expires=expires)
            )

    def drop(self, kind: Kind, digest: bytes) -> None:
        """Forget a secret."""
        with self._database.writing() as connection:
            connection.execute(_delete(kind, digest))

    def tokens(self) -> Sequence[StoredSecret]:
        """Return all API tokens, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_secret).where(_secret.c.kind == "token").order_by(_secret.c.made))
            return [_stored(row) for row in rows]

    def sweep(self, now: int) -> None:
        """Forget everything that has expired at ``now``."""
        with self._database.writing() as connection:
            connection.execute(delete(_secret).where(_secret.c.expires <= now))


def _delete(kind: Kind, digest: bytes) -> Any:  # noqa: ANN401 - SQLAlchemy's delete statement
    return delete(_secret).where(_secret.c.kind == kind, _secret.c.digest == digest)


def _columns(item: StoredSecret) -> dict[str, Any]:
    farms = item.principal.farms
    return {
        "kind": item.kind,
        "digest": item.digest,
        "name": item.principal.name[:120],
        "farms": None if farms is None else json.dumps(sorted(farms)),
        "made": item.made,
        "expires": item.expires,
        "note": item.note,
    }


def _stored(row: Row[Any]) -> StoredSecret:
    farms = None if row.farms is None else frozenset(json.loads(row.farms))
    return StoredSecret(cast("Kind", row.kind), row.digest, Principal(row.name, farms), row.made, row.expires, row.note)
