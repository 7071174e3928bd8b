"""Make, sign and log one record of a batch.

Declares the port to the farm's facts, :class:`FarmBook`. A record is drafted on the batch's newest record, signed with
the keys that the operator keeps, and admitted by the ledger or refused. A harvest cites its field's season. Repeating a
call whose answer was lost is safe when it names the record's ``position`` in its batch.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

from cropmark_ingest.clock import Clock
from cropmark_ingest.registry import Farm, Field
from cropmark_trace import credential, jcs, record, record_profile, rereading, shape, summary
from cropmark_trace.admission import RefusedError
from cropmark_trace.anchoring import Anchoring
from cropmark_trace.bundle_form import MAX_RECORDS
from cropmark_trace.credential import RecordError
from cropmark_trace.epcis import STEPS, Step
from cropmark_trace.evidence import Evidence
from cropmark_trace.gathering import Gathering
from cropmark_trace.jcs import JcsError, JsonValue
from cropmark_trace.ledger import Ledger
from cropmark_trace.parties import Nonce, Parties
from cropmark_trace.record import Draft, Place, Record
from cropmark_trace.storage import Batch, Store, StoredRecord

AHEAD_MS: Final = 86_400_000
"""How far ahead of the clock a deed may be dated: a day, for time zones and clocks that differ."""
_MINUTE: Final = 60_000


class UnknownError(LookupError):
    """A farm, field or batch that does not exist; the text says which."""


class FarmBook(Protocol):
    """The farm registry, to read."""

    def farm(self, farm: str) -> Farm | None:
        """Return a farm."""
        ...

    def field(self, farm: str, field: str) -> Field | None:
        """Return a field."""
        ...


@dataclass(frozen=True, slots=True)
class Added:
    """A logged record: its id in hex, and its index in the log."""

    record: str
    index: int


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did: step, facts (docs/formats.md §6), when (UTC milliseconds), and which party signs.

    ``party`` may be left out where only one can; ``position`` says which record of the batch this is, from 0.
    """

    step: str
    facts: Mapping[str, JsonValue]
    occurred_at: int
    party: str | None = None
    position: int | None = None


def place_of(farm: Farm, field: Field) -> Place:
    """Return where a field is, for the public: the middle of its outline. Raise :class:`RefusedError` without one."""
    points = list(_points(field.geometry.get("coordinates")))
    if not points:
        raise RefusedError(f"field {field.field} has no outline, so no place can be told. Draw the field first.")
    east, north = [point[0] for point in points], [point[1] for point in points]
    return Place(field.name, farm.country, (min(north) + max(north)) / 2, (min(east) + max(east)) / 2)


def _points(value: object) -> Sequence[tuple[float, float]]:
    match value:
        case [int() | float() as east, int() | float() as north, *_]:
            return [(float(east), float(north))]
        case list() | tuple():
            return [point for item in value for point in _points(item)]
        case _:
            return []


class Recording:
    """Adds records; one at a time for each farm, so that each stands on the one before it."""

    def __init__(  # noqa: PLR0913 - what a record is made of
        self,
        *,
        store: Store,
        ledger: Ledger,
        parties: Parties,
        gathering: Gathering,
        anchoring: Anchoring,
        book: FarmBook,
        clock: Clock,
        nonce: Nonce,
        id_base: str,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._parties = parties
        self._gathering = gathering
        self._anchoring = anchoring
        self._book = book
        self._clock = clock
        self._nonce = nonce
        self._id_base = id_base
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def add(self, batch: Batch, deed: Deed) -> Added:
        """Record ``deed``; raise :class:`RefusedError`, :class:`UnknownError`, ``AlteredError`` for a bad archive."""
        with self._locks[batch.farm]:
            before = self._store.records(batch.batch)
            if deed.position is not None and deed.position < len(before):
                return _repeated(before[deed.position], deed)
            self._check(before, deed)
            return self._add(batch, before, deed)

    def _check(self, before: Sequence[StoredRecord], deed: Deed) -> None:
        if deed.step not in STEPS:
            raise RefusedError(f"{deed.step[:40]!r} is not a step. Use one of: {', '.join(STEPS)}.")
        if deed.position is not None and deed.position > len(before):
            raise RefusedError(f"the batch has {len(before)} records, this cannot be number {deed.position}.")
        if len(before) >= MAX_RECORDS:
            raise RefusedError(f"a batch has at most {MAX_RECORDS} records. Open another batch.")
        if deed.step == "harvest" and any(item.step == "harvest" for item in before):
            raise RefusedError("this batch has its harvest already. Open another batch for another harvest.")
        if not 0 <= deed.occurred_at <= self._clock() + AHEAD_MS:
            raise RefusedError("what has not happened yet cannot be recorded. Check the date.")

    def _add(self, batch: Batch, before: Sequence[StoredRecord], deed: Deed) -> Added:
        farm, field = self._book.farm(batch.farm), self._book.field(batch.farm, batch.field)
        if farm is None or field is None:
            raise UnknownError(f"farm {batch.farm} has no field {batch.field}. Register it first.")
        step = cast("Step", deed.step)
        signer, key = self._parties.signer(batch.farm, record_profile.LEAST[step], deed.party)
        try:
            draft = Draft(
                step=step,
                farm=batch.farm,
                field=batch.field,
                batch=batch.batch,
                place=place_of(farm, field),
                facts=deed.facts,
                signers=[signer],
                previous=[before[-1].id] if before else [],
                written_at=self._clock(),
                event_time=deed.occurred_at,
                utc_offset=farm.utc_offset,
                nonce=self._nonce(),
                not_before=self._anchoring.not_before(),
                evidence=self._season(farm, field, before, deed) if step == "harvest" else None,
                demo=farm.demo,
                id_base=self._id_base,
            )
            data = credential.sign(record.build(draft), [key])
        except (RecordError, JcsError, summary.SummaryError) as error:
            raise RefusedError(f"these facts cannot be recorded: {error}. Correct them and try again.") from error
        (index,) = self._ledger.append([data])
        return Added(record.parse(data).id.hex(), index)

    def _season(self, farm: Farm, field: Field, before: Sequence[StoredRecord], deed: Deed) -> Evidence | None:
        """Cite the season from the batch's first deed, or else from the field's planting date, to the harvest."""
        if before:
            start = min(rereading.opened_record(item).event_time for item in before)
        elif field.planted is not None:
            start = shape.time_of(f"{field.planted}T00:00:00Z") - farm.utc_offset * _MINUTE
        else:
            return None
        return self._gathering.cite(
            farm=farm.farm, field=field.field, start=start, stop=deed.occurred_at, utc_offset=farm.utc_offset
        )


def _repeated(stored: StoredRecord, deed: Deed) -> Added:
    """Answer a repeated call as the first time, or refuse if it says something else."""
    said: Record = rereading.opened_record(stored)
    same = (said.step, said.event_time // 1000) == (deed.step, deed.occurred_at // 1000)
    if not same or jcs.canonical(said.facts) != _canonical(deed.facts):
        raise RefusedError(
            f"record number {deed.position} of this batch is there already and says something else. "
            "Look at the batch before adding to it."
        )
    return Added(stored.id.hex(), stored.index)


def _canonical(facts: Mapping[str, JsonValue]) -> bytes:
    try:
        return jcs.canonical(dict(facts))
    except JcsError:
        return b""
