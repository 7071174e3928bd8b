"""Play the demo season: do each deed on its day, wait until every reading is stored, publish the batch.

Drives the running installation through its API as a person's browser would, so that it may be killed and started again
at any point: what was already recorded is found there and not done twice.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cropmark import demo_farm
from cropmark.calls import ApiUnreachableError, Calls
from cropmark_ingest.clock import Clock

POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Counts:
    """What was sent, as the devices count it, and what ingest has."""

    sent: int = 0
    stored: int = 0
    segments: int = 0
    season_done: bool = False


@dataclass(frozen=True, slots=True)
class Played:
    """The season's outcome: the batch, and what publishing it answered."""

    batch: str
    published: dict[str, Any]
    counts: Counts


class DemoStoppedError(RuntimeError):
    """The run was ended before the season was."""


class Season:
    """One demo season. ``season_from`` is its first instant; ``sent`` tells what the devices say of themselves."""

    def __init__(
        self, api: Calls, *, clock: Clock, season_from: int, days: int, stopped: Callable[[float], bool],
        sent: Callable[[], tuple[int, bool]],
    ) -> None:  # fmt: skip
        self._api = api
        self._clock = clock
        self._from = season_from
        self._days = days
        self._stopped = stopped
        self._sent = sent
        self._farm = f"/api/v1/farms/{demo_farm.FARM}"

    def _patiently(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - JSON
        """Repeat a call while the core is away (it may be starting again)."""
        while True:
            try:
                return call()
            except ApiUnreachableError:
                self._pause()

    def _pause(self) -> None:
        if self._stopped(POLL_SECONDS):
            raise DemoStoppedError("the run was ended before the season was")

    def counts(self) -> Counts:
        """Ask both ends what they have."""
        sent, done = self._sent()
        status = self._patiently(lambda: self._api.get(f"{self._farm}/telemetry/status"))
        return Counts(sent, status["readings_stored"], status["segments"], done)

    def batch(self) -> dict[str, Any]:
        """Return the season's batch, opening it if there is none."""
        rows = self._patiently(lambda: self._api.get(f"{self._farm}/batches"))["batches"]
        mine = [row for row in rows if row["field"] == demo_farm.HARVESTED_FIELD]
        if mine:
            return dict(mine[-1])
        product = {"en": demo_farm.PRODUCT.en, "zh": demo_farm.PRODUCT.zh}
        body = {"field": demo_farm.HARVESTED_FIELD, "product": product}
        return dict(self._patiently(lambda: self._api.post(f"{self._farm}/batches", body)))

    def published(self) -> Played | None:
        """Return the outcome of an earlier run, or None if the season is still to be played."""
        rows = self._patiently(lambda: self._api.get(f"{self._farm}/batches"))["batches"]
        mine = [row for row in rows if row["field"] == demo_farm.HARVESTED_FIELD and row["bundle"] is not None]
        if not mine:
            return None
        batch = mine[-1]["batch"]
        detail = self._patiently(lambda: self._api.get(f"{self._farm}/batches/{batch}"))
        return Played(batch, detail["verdict"], self.counts())

    def play(self, progress: Callable[[Counts], None], did: Callable[[str], None]) -> Played:
        """Play what is left of the season; ``progress`` sees the counts, ``did`` each deed as it is done."""
        batch = self.batch()["batch"]
        path = f"{self._farm}/batches/{batch}"
        recorded = len(self._patiently(lambda: self._api.get(path))["records"])
        for position, deed in list(enumerate(demo_farm.deeds(self._days)))[recorded:]:
            moment = self._from + round(deed.day * demo_farm.DAY_MS)
            while self._clock() < moment or (deed.day >= self._days and not self._settled(progress)):
                progress(self.counts())
                self._pause()
            body = {"step": deed.step, "facts": deed.facts, "occurredAt": moment, "position": position}
            self._patiently(functools.partial(self._api.post, f"{path}/records", body))
            did(deed.step)
        published = self._patiently(lambda: self._api.post(f"{path}/publish", {}))
        return Played(batch, published, self.counts())

    def _settled(self, progress: Callable[[Counts], None]) -> bool:
        counts = self.counts()
        progress(counts)
        return counts.season_done and counts.stored >= counts.sent
