"""Recording a harvest from the form: open a batch if needed, add the records that are missing, publish. Once.

A form carries a key. Sent twice, or again after a crash in the middle, it continues where it stood: the batch that the
key belongs to is remembered before anything is signed into it, and a step that the batch already has is not repeated.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from cropmark_dashboards import season, weight
from cropmark_dashboards.harvest_form import Harvest
from cropmark_ingest.clock import Clock
from cropmark_ingest.registry import Farm, Text

NOON_MS: Final = 12 * 3_600_000
KEPT_MS: Final = 90 * 86_400_000
"""How long a form's key is remembered: nobody sends a page again that is three months old."""


class BooksError(RuntimeError):
    """The ledger refused or could not do it; the text names the cause and the next step."""


class OtherHarvestError(ValueError):
    """A form that was sent before came again with other content; the first stands in ``batch``."""

    def __init__(self, batch: str) -> None:
        super().__init__(f"this form was already recorded as batch {batch}; open a new form for another harvest")
        self.batch = batch


class Books(Protocol):
    """The write side of the batches, for a farm's own people. Every method raises :class:`BooksError`."""

    def open_batch(self, farm: str, field: str) -> str | None:
        """Return the field's newest batch that has no harvest yet, or None."""
        ...

    def open(self, farm: str, field: str, product: Text) -> str:
        """Open a batch; durable when it returns its code."""
        ...

    def steps(self, farm: str, batch: str) -> Sequence[str]:
        """Return the steps that the batch has records of, in order."""
        ...

    def harvested(self, farm: str, batch: str) -> int | None:
        """Return the batch's harvest in thousandths of a kilogram, or None before it."""
        ...

    def record(self, farm: str, batch: str, step: str, facts: Mapping[str, object], occurred_at: int) -> None:
        """Sign and log one record; ``facts`` as docs/formats.md §6 gives them. Durable when it returns."""
        ...

    def publish(self, farm: str, batch: str) -> None:
        """Anchor the log and issue the batch's bundle."""
        ...


@dataclass(frozen=True, slots=True)
class SentForm:
    """What became of the form with ``key``: its content's digest, its batch, whether its records are all there."""

    farm: str
    key: str
    digest: str
    batch: str
    made: int
    done: bool = False


class SentForms(Protocol):
    """Where keys of forms are remembered; durable when a method returns."""

    def get(self, farm: str, key: str) -> SentForm | None:
        """Return what is known of a form."""
        ...

    def put(self, form: SentForm) -> None:
        """Remember a form, in place of what was known of it."""
        ...

    def claimed(self, farm: str, batch: str) -> bool:
        """Tell whether a form that was sent belongs to this batch."""
        ...

    def sweep(self, before: int) -> None:
        """Forget forms that were made before a time."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """The outcome: the batch, and why it is not published if it is not."""

    batch: str
    unpublished: str | None = None


class RecordHarvest:
    """Records harvests. ``clock`` is the farm's; one harvest of a farm at a time."""

    def __init__(self, books: Books, forms: SentForms, clock: Clock) -> None:
        self._books = books
        self._forms = forms
        self._clock = clock
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def open_batch(self, farm: str, field: str) -> str | None:
        """Return the batch into which a harvest of ``field`` would go, or None for a new one."""
        return self._books.open_batch(farm, field)

    def record(self, farm: Farm, key: str, harvest: Harvest) -> Recorded:
        """Record and publish; again with the same ``key`` changes nothing and tells the same.

        Raises :class:`OtherHarvestError`, and :class:`BooksError` when a record could not be made: sending the same
        form again then continues. A batch that is recorded and cannot be published yet is no error.
        """
        with self._lock(farm.farm):
            form = self._claim(farm.farm, key, harvest)
            if not form.done:
                self._complete(farm, form, harvest)
            return self._publish(farm.farm, form.batch)

    def publish(self, farm: str, batch: str) -> Recorded:
        """Publish a batch that was recorded before."""
        with self._lock(farm):
            return self._publish(farm, batch)

    def _lock(self, farm: str) -> threading.Lock:
        with self._guard:
            return self._locks[farm]

    def _claim(self, farm: str, key: str, harvest: Harvest) -> SentForm:
        known = self._forms.get(farm, key)
        digest = harvest.digest()
        if known is None:
            now = self._clock()
            self._forms.sweep(now - KEPT_MS)
            batch = self._books.open_batch(farm, harvest.field)
            if batch is None or self._forms.claimed(farm, batch):
                batch = self._books.open(farm, harvest.field, harvest.product)
            known = SentForm(farm, key, digest, batch, now)
            self._forms.put(known)
        elif known.digest != digest:
            if self._books.harvested(farm, known.batch) is not None:
                raise OtherHarvestError(known.batch)
            known = replace(known, digest=digest)
            self._forms.put(known)
        return known

    def _complete(self, farm: Farm, form: SentForm, harvest: Harvest) -> None:
        done = self._books.steps(farm.farm, form.batch)
        when = self._moment(farm, harvest)
        product = {"en": harvest.product.en, "zh": harvest.product.zh}
        harvested = self._books.harvested(farm.farm, form.batch)
        if harvested is not None and harvested != harvest.weight:
            raise OtherHarvestError(form.batch)  # somebody recorded it by another way in the meantime
        if harvested is None:
            facts = {"product": product, "weightKilograms": weight.json_number(harvest.weight)}
            self._books.record(farm.farm, form.batch, "harvest", facts, when)
        if harvest.packing is not None and "packing" not in done:
            packed = {
                "product": product,
                "units": harvest.packing.units,
                "unitWeightKilograms": weight.json_number(harvest.packing.unit_weight),
            }
            self._books.record(farm.farm, form.batch, "packing", packed, when)
        self._forms.put(replace(form, done=True))

    def _moment(self, farm: Farm, harvest: Harvest) -> int:
        """Return now for a harvest of today, else noon of its day: the form asks for no hour."""
        now = self._clock()
        if harvest.day == season.local_day(now, farm.utc_offset):
            return now
        return season.midnight(harvest.day, farm.utc_offset) + NOON_MS

    def _publish(self, farm: str, batch: str) -> Recorded:
        try:
            self._books.publish(farm, batch)
        except BooksError as error:
            return Recorded(batch, str(error))
        return Recorded(batch)
