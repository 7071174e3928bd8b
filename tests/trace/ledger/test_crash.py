"""Whatever step of the work fails, whenever the process is killed: all of it happened, or nothing, and it verifies."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from cropmark_ingest.registry import Party, Text
from cropmark_trace.keystore import KeystoreError
from cropmark_trace.storage import StorageError
from cropmark_trace.wiring import Trace
from tests.conftest import REPOSITORY
from tests.trace.ledger.archive import START
from tests.trace.ledger.world import CORN, HARVEST, HARVESTED, PLANTING, World, enrol, season

MANY = 200


class Faults:
    """Counts every SQL statement, commit, flush and rename, and breaks the one with the number ``at``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen = 0
        self.at = 0
        self.broke = False
        fsync, replace, link = os.fsync, Path.replace, os.link

        def failing_fsync(handle: int) -> None:
            self.step()
            fsync(handle)

        def failing_replace(self_: Path, target: Path) -> Path:
            self.step()
            return replace(self_, target)

        def failing_link(source: Path, target: Path) -> None:
            self.step()
            link(source, target)

        monkeypatch.setattr(os, "fsync", failing_fsync)
        monkeypatch.setattr(os, "link", failing_link)
        monkeypatch.setattr(Path, "replace", failing_replace)
        event.listen(Engine, "before_cursor_execute", self._statement, retval=True)
        event.listen(Engine, "commit", self._commit)

    def close(self) -> None:
        event.remove(Engine, "before_cursor_execute", self._statement)
        event.remove(Engine, "commit", self._commit)

    def arm(self, at: int) -> None:
        self.seen, self.at, self.broke = 0, at, False

    def due(self) -> bool:
        self.seen += 1
        self.broke = self.broke or self.seen == self.at
        return self.seen == self.at

    def step(self) -> None:
        if self.due():
            raise OSError(errno.EIO, "Input/output error")

    def _statement(self, _c: object, _k: object, statement: str, values: object, *_: object) -> tuple[str, object]:
        return ("BROKEN BY THE TEST", ()) if self.due() else (statement, values)

    def _commit(self, connection: object) -> None:
        del connection
        self.step()


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    made = Faults(monkeypatch)
    yield made
    made.close()


def harvest(trace: Trace, batch: str) -> None:
    trace.batches.add("demo", batch, "harvest", HARVESTED, HARVEST)


def publish(trace: Trace, batch: str) -> None:
    trace.batches.publish("demo", batch)


def register(trace: Trace, batch: str) -> None:
    trace.parties.register_party(Party("demo", "cousin", Text("Cousin", "表亲"), "grower"))
    del batch


def open_another(trace: Trace, batch: str) -> None:
    trace.batches.open("demo", "south", CORN)
    del batch


@pytest.mark.parametrize(
    ("work", "least_steps"),
    [(harvest, 25), (publish, 25), (register, 15), (open_another, 3)],
    ids=["harvest", "publish", "register", "open"],
)  # fmt: skip
def test_a_failure_at_any_step_leaves_all_or_nothing(
    world: World, faults: Faults, work: Callable[[Trace, str], None], least_steps: int
) -> None:
    trace = world.open()
    season(world, trace)
    batch = trace.batches.open("demo", "north", CORN)
    trace.batches.add("demo", batch, "planting", PLANTING, START)
    steps = 0
    for at in range(1, MANY):
        records = len(trace.store.records(batch))
        faults.arm(at)
        with suppress(StorageError, OSError, KeystoreError):
            work(trace, batch)
        broke = faults.broke
        faults.arm(0)
        trace.close()
        trace = world.open()
        assert list(trace.fsck()) == [], f"after a failure at step {at}"
        assert len(trace.store.records(batch)) - records in {0, 1}
        if not broke:
            break
        steps += 1
        if len(trace.store.records(batch)) > records:  # all of it happened and only the answer was lost
            batch = trace.batches.open("demo", "north", CORN)
            trace.batches.add("demo", batch, "planting", PLANTING, START)
    else:
        pytest.fail(f"the work had more than {MANY} steps")
    assert steps >= least_steps
    trace.close()


def test_a_first_start_that_fails_at_any_step_can_be_repeated(tmp_path: Path, faults: Faults) -> None:
    for at in range(1, MANY):
        world = World(tmp_path / str(at))
        faults.arm(at)
        with suppress(StorageError, OSError, KeystoreError):
            world.open().close()
        broke = faults.broke
        faults.arm(0)
        trace = world.open()
        assert list(trace.fsck()) == [], f"after a failure at step {at}"
        if not broke:
            enrol(trace)
        trace.close()
        if not broke:
            assert at > 20
            return
    pytest.fail(f"the start had more than {MANY} steps")


CHILD = """
import sys
from pathlib import Path
from tests.trace.ledger.world import CORN, HARVESTED, HARVEST, INPUT, PLANTING, World, season
from tests.trace.ledger.archive import START
world = World(Path(sys.argv[1]))
trace = world.open()
season(world, trace)
print("ready", flush=True)
while True:
    batch = trace.batches.open("demo", "north", CORN)
    for step, facts, time in (("planting", PLANTING, START), ("input", INPUT, START), ("harvest", HARVESTED, HARVEST)):
        added = trace.batches.add("demo", batch, step, facts, time)
        print("record", added.record, added.index, flush=True)
    published = trace.batches.publish("demo", batch)
    print("bundle", published.sha256, batch, flush=True)
"""


@pytest.mark.parametrize("answers", [2, 7])
def test_what_was_answered_before_a_kill_is_there_after_it(world: World, answers: int) -> None:
    said: list[list[str]] = []
    for run in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(world.folder)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        ) as child:
            assert child.stdout is not None
            said.extend(child.stdout.readline().split() for _ in range(answers + run))
            child.kill()
            said += [line.split() for line in child.stdout.read().splitlines() if line.count(" ") == 2]
    world.archive = World(world.folder).archive
    trace = world.open()
    season(world, trace)
    assert [finding for finding in trace.fsck() if finding.kind not in {"anchor", "not-checked"}] == []
    for answer in said:
        match answer:
            case ["record", record, index]:
                stored = trace.store.record(bytes.fromhex(record))
                assert stored is not None
                assert stored.index == int(index)
            case ["bundle", digest, batch] if len(batch) == 20:
                assert trace.bundles.read(digest)
                assert trace.batches.newest_bundle(batch) == digest
            case _:
                assert answer == ["ready"]
    trace.close()
