"""Which forms were sent, so that sending one twice is the same as once; implements ``harvest.SentForms``."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, String, Table, delete, insert, select

from cropmark_dashboards.database import METADATA, Database
from cropmark_dashboards.harvest import SentForm

_form: Final = Table(
    "sent_form",
    METADATA,
    Column("farm", String(32), primary_key=True),
    Column("key", String(32), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("batch", String(20), nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("done", Boolean, nullable=False),
)


class SqlSentForms:
    """Keeps keys of forms in ``database``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, farm: str, key: str) -> SentForm | None:
        """Return what is known of a form."""
        with self._database.reading() as connection:
            row = connection.execute(select(_form).where(_form.c.farm == farm, _form.c.key == key)).one_or_none()
        return None if row is None else SentForm(row.farm, row.key, row.digest, row.batch, row.made, row.done)

    def put(self, form: SentForm) -> None:
        """Remember a form, in place of what was known of it."""
        with self._database.writing() as connection:
            connection.execute(delete(_form).where(_form.c.farm == form.farm, _form.c.key == form.key))
            connection.execute(
                insert(_form).values(
                    farm=form.farm, key=form.key, digest=form.digest, batch=form.batch, made=form.made, done=form.done
                )
            )

    def claimed(self, farm: str, batch: str) -> bool:
        """Tell whether a form that was sent belongs to this batch."""
        with self._database.reading() as connection:
            query = select(_form.c.key).where(_form.c.farm == farm, _form.c.batch == batch)
            return connection.execute(query).first() is not None

    def sweep(self, before: int) -> None:
        """Forget forms that were made before a time."""
        with self._database.writing() as connection:
            connection.execute(delete(_form).where(_form.c.made < before))
