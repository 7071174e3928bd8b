"""The batches of ``cropmark_trace`` as the farmer's pages need them: a shelf to read from, books to write into."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from cropmark_dashboards.harvest import BooksError
from cropmark_dashboards.shown import BatchShown, Check
from cropmark_ingest.registry import Text
from cropmark_trace.admission import RefusedError
from cropmark_trace.anchoring import AnchorError
from cropmark_trace.batches import Batches, Row
from cropmark_trace.keystore import KeystoreError
from cropmark_trace.publishing import NotIssuedError
from cropmark_trace.recording import UnknownError
from cropmark_trace.storage import AlteredError, StorageError

_HARVEST: Final = "harvest"


class TraceBatches:
    """``batches`` behind ``farm_view.Shelf`` and ``harvest.Books``; ``url_of`` gives a batch's address for shoppers."""

    def __init__(self, batches: Batches, url_of: Callable[[str], str]) -> None:
        self._batches = batches
        self._url_of = url_of

    def batches(self, farm: str, skip: int, most: int) -> tuple[Sequence[BatchShown], bool]:
        """Return up to ``most`` of a farm's batches after ``skip``, newest first, and whether there are more."""
        rows = self._batches.rows(farm)
        return [self._shown(row) for row in rows[skip : skip + most]], len(rows) > skip + most

    def batch(self, farm: str, batch: str) -> BatchShown | None:
        """Return one batch of a farm, or None."""
        row = self._row(farm, batch)
        return None if row is None else self._shown(row)

    def open_batch(self, farm: str, field: str) -> str | None:
        """Return the field's newest batch that has no harvest yet, or None."""
        return next(
            (
                row.batch.batch
                for row in self._batches.rows(farm)
                if row.batch.field == field and _HARVEST not in row.steps
            ),
            None,
        )

    def open(self, farm: str, field: str, product: Text) -> str:
        """Open a batch; durable when it returns its code."""
        with _refusals():
            return self._batches.open(farm, field, product)

    def steps(self, farm: str, batch: str) -> Sequence[str]:
        """Return the steps that the batch has records of, in order."""
        row = self._row(farm, batch)
        return () if row is None else row.steps

    def harvested(self, farm: str, batch: str) -> int | None:
        """Return the batch's harvest in thousandths of a kilogram, or None before it."""
        with _refusals():
            row = self._row(farm, batch)
            return None if row is None else self._harvested(row)

    def record(self, farm: str, batch: str, step: str, facts: Mapping[str, object], occurred_at: int) -> None:
        """Sign and log one record. Durable when it returns."""
        with _refusals():
            self._batches.add(farm, batch, step, _json(facts), occurred_at)

    def publish(self, farm: str, batch: str) -> None:
        """Anchor the log and issue the batch's bundle."""
        with _refusals():
            self._batches.publish(farm, batch)

    def _row(self, farm: str, batch: str) -> Row | None:
        return next((row for row in self._batches.rows(farm) if row.batch.batch == batch), None)

    def _harvested(self, row: Row) -> int | None:
        """Read the weight out of the harvest's record; an altered one raises."""
        if _HARVEST not in row.steps:
            return None
        detail = self._batches.get(row.batch.batch)
        facts = next((said.facts for _, said in detail.records if said.step == _HARVEST), None) if detail else None
        weight = facts.get("weightKilograms") if facts else None
        return round(weight * 1_000) if isinstance(weight, int | float) else None

    def _shown(self, row: Row) -> BatchShown:
        try:
            harvested = self._harvested(row)
        except AlteredError:
            harvested = None
        bundle = row.bundle
        return BatchShown(
            row.batch.batch,
            row.batch.field,
            row.batch.product,
            row.batch.opened,
            row.steps,
            harvested,
            None if bundle is None else bundle.issued,
            None if bundle is None else self._url_of(row.batch.batch),
            () if bundle is None else checks(bundle.verdict),
        )


def checks(verdict: str) -> tuple[Check, ...]:
    """Return the checks of a verdict's JSON."""
    return tuple(Check(item["name"], item["result"]) for item in json.loads(verdict)["checks"])


def _json(facts: Mapping[str, object]) -> dict[str, Any]:
    return dict(facts)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (
        RefusedError, UnknownError, AnchorError, NotIssuedError, AlteredError, StorageError, KeystoreError,
    ) as error:  # fmt: skip
        raise BooksError(str(error)) from error
