"""Batches of produce: open one, add signed records to it, publish a bundle that anyone can check.

The one entry for whoever records: the HTTP API, the farmer's pages, the command line. What a record is made of is
``recording``'s, what a bundle is made of ``publishing``'s.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cropmark_ingest import names
from cropmark_ingest.clock import Clock
from cropmark_ingest.registry import Text
from cropmark_trace import rereading
from cropmark_trace.admission import RefusedError
from cropmark_trace.jcs import JsonValue, is_text
from cropmark_trace.publishing import Published, Publishing
from cropmark_trace.record import Record
from cropmark_trace.recording import Added, Deed, FarmBook, Recording, UnknownError
from cropmark_trace.shape import MAX_TEXT
from cropmark_trace.storage import Batch, BundleFact, Store

_BATCH_BYTES: Final = 13


def random_batch() -> str:
    """Draw a batch id: 20 characters of base32, 100 random bits."""
    return base64.b32encode(secrets.token_bytes(_BATCH_BYTES)).decode()[:20]


@dataclass(frozen=True, slots=True)
class Row:
    """A batch in a list: the steps that were recorded, in order, and its newest bundle."""

    batch: Batch
    steps: tuple[str, ...]
    bundle: BundleFact | None


@dataclass(frozen=True, slots=True)
class Detail:
    """A batch with its records and the log index of each."""

    row: Row
    records: tuple[tuple[int, Record], ...]


class Batches:
    """The batches in ``store``; ``draw`` makes batch ids."""

    def __init__(
        self,
        *,
        store: Store,
        book: FarmBook,
        recording: Recording,
        publishing: Publishing,
        clock: Clock,
        draw: Callable[[], str] = random_batch,
    ) -> None:
        self._store = store
        self._book = book
        self._recording = recording
        self._publishing = publishing
        self._clock = clock
        self._draw = draw

    def open(self, farm: str, field: str, product: Text, batch: str | None = None) -> str:
        """Open a batch and return its id; a caller may name the id that it drew, to repeat the call safely.

        Raise :class:`UnknownError` for a field that is not registered, :class:`RefusedError` for a bad text or id.
        """
        if self._book.farm(farm) is None or self._book.field(farm, field) is None:
            raise UnknownError(f"farm {farm[:40]} has no field {field[:40]}. Register it first.")
        if not all(1 <= len(text) <= MAX_TEXT and is_text(text) for text in (product.en, product.zh)):
            raise RefusedError(f"the product is named in English and Chinese, 1 to {MAX_TEXT} plain characters each.")
        if batch is not None:
            try:
                names.batch(batch)
            except names.BadNameError as error:
                raise RefusedError(f"{error}. Draw 20 random characters, or leave it out.") from error
            known = self._store.batch(batch)
            if known is not None and (known.farm, known.field, known.product) == (farm, field, product):
                return batch
            if known is not None:
                raise RefusedError(f"batch {batch} exists already. Draw another id, or leave it out.")
        made = Batch(batch or self._draw(), farm, field, product, self._clock())
        self._store.open_batch(made)
        return made.batch

    def add(
        self,
        farm: str,
        batch: str,
        step: str,
        facts: Mapping[str, JsonValue],
        occurred_at_ms: int,
        *,
        party: str | None = None,
        position: int | None = None,
    ) -> Added:
        """Sign and log a record; ``facts`` as in docs/formats.md §6. Errors as :meth:`Recording.add`."""
        return self._recording.add(self._batch(farm, batch), Deed(step, facts, occurred_at_ms, party, position))

    def publish(self, farm: str, batch: str) -> Published:
        """Issue the batch's bundle. Errors as :meth:`Publishing.publish`."""
        return self._publishing.publish(self._batch(farm, batch))

    def rows(self, farm: str) -> list[Row]:
        """Return the farm's batches, the newest first."""
        return [self._row(batch) for batch in self._store.batches(farm)]

    def get(self, batch: str) -> Detail | None:
        """Return a batch with its records, or None; raise ``AlteredError`` if a record's bytes were changed."""
        found = self._store.batch(batch)
        if found is None:
            return None
        stored = self._store.records(batch)
        return Detail(self._row(found), tuple((item.index, rereading.opened_record(item)) for item in stored))

    def verdict(self, batch: str) -> Mapping[str, JsonValue] | None:
        """Return the issuer's verdict on the batch's newest bundle, as JSON, or None before the first."""
        return self._publishing.verdict(batch)

    def newest_bundle(self, batch: str) -> str | None:
        """Return the SHA-256 (hex) of the batch's newest bundle, or None."""
        fact = self._store.newest_bundle(batch)
        return fact.sha256 if fact else None

    def _batch(self, farm: str, batch: str) -> Batch:
        found = self._store.batch(batch)
        if found is None or found.farm != farm:
            raise UnknownError(f"farm {farm[:40]} has no batch {batch[:40]}.")
        return found

    def _row(self, batch: Batch) -> Row:
        steps = tuple(str(item.step) for item in self._store.records(batch.batch))
        return Row(batch, steps, self._store.newest_bundle(batch.batch))
