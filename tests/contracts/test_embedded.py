"""The embedded registry: what it promises under the port, whatever happens to its process and its file."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cropmark_contracts.chain_file import ChainFile
from cropmark_contracts.embedded import EmbeddedRegistry, open_embedded
from cropmark_contracts.registry import (
    AnchorConflict,
    AnchorRegistry,
    AnchorRejected,
    ChainUnavailable,
    Head,
)

LOG = b"\x01" * 32
OTHER_LOG = b"\x02" * 32
ROOT = b"\xaa" * 32


def root_for(size: int) -> bytes:
    return hashlib.sha256(b"%d" % size).digest()


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_793_534_400.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def shared_registry(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[EmbeddedRegistry]:
    made = open_embedded(tmp_path_factory.mktemp("registry") / "chain.sqlite", log_ids=[], clock=clock)
    yield made
    made.close()


@pytest.fixture
def log_id(shared_registry: EmbeddedRegistry) -> bytes:
    """Give a log that no other test uses."""
    number = shared_registry.head().block
    made = b"\x0c" * 28 + number.to_bytes(4, "big")
    shared_registry.allow([made])
    return made


def test_it_fits_the_port_and_says_that_the_operator_runs_it(shared_registry: EmbeddedRegistry) -> None:
    port: AnchorRegistry = shared_registry
    assert port.operator_run is True
    assert port.chain_id == 131277322940537
    assert port.contract.startswith("0x")
    assert len(bytes.fromhex(port.contract[2:])) == 20
    assert port.contract == port.contract.lower()


def test_an_anchor_is_told_alike_by_every_question(shared_registry: EmbeddedRegistry, log_id: bytes) -> None:
    made = shared_registry.anchor(log_id, 5, ROOT)
    assert (made.log_id, made.size, made.root) == (log_id, 5, ROOT)
    assert (made.chain_id, made.contract) == (shared_registry.chain_id, shared_registry.contract)
    assert shared_registry.find(log_id, 5) == shared_registry.latest(log_id) == made
    assert shared_registry.root_of(log_id, 5) == ROOT
    assert shared_registry.head() == Head(made.block, made.block_hash, made.time)
    receipt = shared_registry.chain.receipt(made.transaction)
    assert receipt is not None
    assert (receipt.block, receipt.block_hash, receipt.succeeded) == (made.block, made.block_hash, True)


def test_what_was_never_anchored_is_none(shared_registry: EmbeddedRegistry, log_id: bytes) -> None:
    assert shared_registry.latest(log_id) is None
    shared_registry.anchor(log_id, 5, ROOT)
    for size in (0, 4, 6, -1, 2**64 - 1, 2**64):
        assert shared_registry.find(log_id, size) is None
        assert shared_registry.root_of(log_id, size) is None
    assert shared_registry.root_of(b"short", 5) is None


def test_the_same_anchor_again_gives_the_stored_one_and_mines_nothing(
    shared_registry: EmbeddedRegistry, log_id: bytes
) -> None:
    made = shared_registry.anchor(log_id, 5, ROOT)
    shared_registry.anchor(log_id, 6, ROOT)
    head = shared_registry.head()
    assert shared_registry.anchor(log_id, 5, ROOT) == made
    assert shared_registry.head() == head


def test_another_root_for_a_size_is_a_conflict(shared_registry: EmbeddedRegistry, log_id: bytes) -> None:
    shared_registry.anchor(log_id, 5, ROOT)
    with pytest.raises(AnchorConflict, match=ROOT.hex()):
        shared_registry.anchor(log_id, 5, root_for(5))
    assert shared_registry.root_of(log_id, 5) == ROOT


@pytest.mark.parametrize(
    ("size", "root", "reason"),
    [
        (4, ROOT, "already anchored at 5"),
        (0, ROOT, "sizes are 1 to"),
        (-1, ROOT, "sizes are 1 to"),
        (2**64, ROOT, "sizes are 1 to"),
        (6, bytes(32), "not all zero"),
        (6, b"\xaa" * 31, "32 bytes"),
    ],
)
def test_an_impossible_anchor_is_rejected_and_leaves_no_block(
    shared_registry: EmbeddedRegistry, log_id: bytes, size: int, root: bytes, reason: str
) -> None:
    shared_registry.anchor(log_id, 5, ROOT)
    head = shared_registry.head()
    with pytest.raises(AnchorRejected, match=reason):
        shared_registry.anchor(log_id, size, root)
    assert shared_registry.head() == head


def test_a_refusal_by_the_contract_is_rejected_with_its_reason_and_the_chain_goes_on(
    shared_registry: EmbeddedRegistry, log_id: bytes
) -> None:
    head = shared_registry.head()
    with pytest.raises(AnchorRejected, match="not a publisher of this log"):
        shared_registry.anchor(b"\x0f" * 32, 1, ROOT)
    assert shared_registry.head() == head
    assert shared_registry.anchor(log_id, 1, ROOT).block == head.block + 1
    assert shared_registry.damage() == ()


def test_sizes_up_to_the_greatest_are_kept_in_order(shared_registry: EmbeddedRegistry, log_id: bytes) -> None:
    sizes = (1, 255, 256, 2**63 - 1, 2**63, 2**64 - 1)
    for size in sizes:
        shared_registry.anchor(log_id, size, ROOT)
        latest = shared_registry.latest(log_id)
        assert latest is not None
        assert latest.size == size
    assert tuple(anchored.size for anchored in shared_registry.history(log_id)) == sizes


def test_block_time_is_the_clocks_and_never_stands_or_goes_back(
    shared_registry: EmbeddedRegistry, log_id: bytes, clock: Clock
) -> None:
    clock.now += 10_000.7
    first = shared_registry.anchor(log_id, 1, ROOT)
    assert first.time == int(clock.now)
    assert shared_registry.anchor(log_id, 2, ROOT).time == first.time + 1
    clock.now += 3600
    assert shared_registry.anchor(log_id, 3, ROOT).time == int(clock.now)
    clock.now -= 1800
    assert shared_registry.anchor(log_id, 4, ROOT).time == int(clock.now) + 1800 + 1
    clock.now += 1800


def test_threads_that_anchor_and_read_at_once_get_whole_answers(shared_registry: EmbeddedRegistry) -> None:
    logs = [bytes([0xE0 + number]) * 32 for number in range(3)]
    shared_registry.allow(logs)
    wrong: list[object] = []

    def work(log: bytes) -> None:
        try:
            for size in range(1, 6):
                made = shared_registry.anchor(log, size, root_for(size))
                if shared_registry.find(log, size) != made or shared_registry.root_of(log, size) != made.root:
                    wrong.append(made)
        except Exception as error:  # noqa: BLE001 - reported by the assertion below
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert [len(shared_registry.history(log)) for log in logs] == [5, 5, 5]
    assert shared_registry.damage() == ()


def test_a_reopened_chain_has_the_same_contract_blocks_and_anchors(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "chain.sqlite"
    registry = open_embedded(path, log_ids=[LOG])
    made = registry.anchor(LOG, 5, ROOT)
    head = registry.head()
    registry.close()
    again = open_embedded(path, log_ids=[LOG, OTHER_LOG])
    assert again.contract == made.contract
    assert again.find(LOG, 5) == made
    assert again.root_of(LOG, 5) == ROOT
    # The new log was allowed in one block more; for the old one nothing had to be mined.
    assert again.head().block == head.block + 1
    assert again.anchor(OTHER_LOG, 1, ROOT).block == head.block + 2
    again.close()


def test_two_installations_have_contracts_of_their_own(tmp_path: Path) -> None:
    one, other = (open_embedded(tmp_path / name, log_ids=[]) for name in ("one", "other"))
    assert one.contract != other.contract
    one.close()
    other.close()


ANCHOR_FOR_EVER = """
import hashlib
import sys
from pathlib import Path
from cropmark_contracts.embedded import open_embedded
registry = open_embedded(Path(sys.argv[1]), log_ids=[b"\\x01" * 32])
latest = registry.latest(b"\\x01" * 32)
size = latest.size if latest else 0
while True:
    size += 1
    registry.anchor(b"\\x01" * 32, size, hashlib.sha256(b"%d" % size).digest())
    print(size, flush=True)
"""


def test_what_a_killed_process_had_anchored_is_there_and_the_chain_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    acknowledged = 0
    for lines in (1, 7):
        child = subprocess.Popen([sys.executable, "-c", ANCHOR_FOR_EVER, path], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        with child.stdout:
            for _ in range(lines):
                acknowledged = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            # What it still managed to say before it died counts as well.
            acknowledged = max([acknowledged, *map(int, child.stdout.read().split())])
        assert child.wait(30) == -signal.SIGKILL
    registry = open_embedded(path, log_ids=[LOG])
    latest = registry.latest(LOG)
    assert latest is not None
    assert latest.size in {acknowledged, acknowledged + 1}
    assert [registry.root_of(LOG, size) for size in range(1, latest.size + 1)] == [
        root_for(size) for size in range(1, latest.size + 1)
    ]
    assert registry.anchor(LOG, latest.size + 1, ROOT).block == latest.block + 1
    assert registry.damage() == ()
    registry.close()


def _in_a_child_that_dies_at_write(number: int, work: Callable[[], object]) -> bool:
    """Run ``work`` in a forked process that kills itself before the n-th write to the file; True when it did die."""
    child = os.fork()
    if child == 0:
        left = number

        def dying(method: Callable[..., Any]) -> Callable[..., Any]:
            def write(*arguments: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return method(*arguments)

            return write

        try:
            for name in ("put", "set_fact", "add_anchor"):
                setattr(ChainFile, name, dying(getattr(ChainFile, name)))
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def test_a_kill_at_any_write_of_an_anchor_leaves_the_block_before_it(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    registry = open_embedded(path, log_ids=[LOG])
    before = registry.anchor(LOG, 1, root_for(1))
    registry.close()

    def anchor_the_next() -> None:
        open_embedded(path, log_ids=[LOG]).anchor(LOG, 2, root_for(2))

    writes = 1
    while _in_a_child_that_dies_at_write(writes, anchor_the_next):
        registry = open_embedded(path, log_ids=[LOG])
        assert registry.latest(LOG) == before
        assert registry.root_of(LOG, 2) is None
        assert registry.head().block == before.block
        registry.close()
        writes += 1
    # The last child was not killed: it ended without closing, and its anchor is there.
    assert writes > 5
    registry = open_embedded(path, log_ids=[LOG])
    assert registry.root_of(LOG, 2) == root_for(2)
    assert registry.damage() == ()
    registry.close()


def test_a_kill_during_the_first_start_leaves_a_file_that_starts(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"

    def start() -> None:
        open_embedded(path, log_ids=[LOG])

    writes = 1
    while _in_a_child_that_dies_at_write(writes, start):
        # The same file again and again: what one start left behind must not hinder the next.
        writes += 4
    assert writes > 9
    registry = open_embedded(path, log_ids=[LOG])
    assert registry.head().block == 1
    assert registry.anchor(LOG, 1, ROOT).size == 1
    assert registry.damage() == ()
    registry.close()


def test_a_second_process_is_told_who_holds_the_file(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    registry = open_embedded(path, log_ids=[LOG])
    program = (
        "import sys; from pathlib import Path; from cropmark_contracts import chain_file; "
        "chain_file.ChainFile(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "ChainUnavailable: another process has the chain file" in done.stderr
    # The one that has it is not disturbed.
    registry.anchor(LOG, 1, ROOT)
    registry.close()


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    ChainFile(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_chain_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    path.write_bytes(b"these are not the bytes of a database" * 100)
    with pytest.raises(ChainUnavailable, match="not a sound chain file"):
        open_embedded(path, log_ids=[LOG])
    assert path.read_bytes() == b"these are not the bytes of a database" * 100


def test_a_file_of_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    file = ChainFile(path)
    file.set_fact("schema", b"2")
    file.close()
    with pytest.raises(ChainUnavailable, match="has schema 2, this program knows 1"):
        open_embedded(path, log_ids=[LOG])


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ChainUnavailable, match="cannot be opened"):
        open_embedded(tmp_path / "file" / "chain.sqlite", log_ids=[LOG])


def test_a_closed_registry_is_unavailable(tmp_path: Path) -> None:
    registry = open_embedded(tmp_path / "chain.sqlite", log_ids=[LOG])
    registry.close()
    with pytest.raises(ChainUnavailable, match="cannot go on"):
        registry.head()
    with pytest.raises(ChainUnavailable, match="cannot go on"):
        registry.anchor(LOG, 1, ROOT)


def test_a_disk_error_while_anchoring_undoes_the_anchor_and_the_next_try_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = open_embedded(tmp_path / "chain.sqlite", log_ids=[LOG])
    head = registry.head()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(ChainFile, "add_anchor", full)
        with pytest.raises(ChainUnavailable, match="disk is full"):
            registry.anchor(LOG, 1, ROOT)
    assert registry.head() == head
    assert registry.root_of(LOG, 1) is None
    assert registry.anchor(LOG, 1, ROOT).block == head.block + 1
    assert registry.damage() == ()
    registry.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give the bytes of a chain file with two anchors."""
    path = tmp_path_factory.mktemp("sound") / "chain.sqlite"
    registry = open_embedded(path, log_ids=[LOG])
    registry.anchor(LOG, 1, root_for(1))
    registry.anchor(LOG, 2, root_for(2))
    registry.close()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (
            "UPDATE anchor SET root = zeroblob(32) WHERE size > zeroblob(8)",
            "another root than the contract",
        ),
        ("UPDATE anchor SET block_hash = zeroblob(32)", "a block that the chain does not have"),
        ("UPDATE anchor SET time = time - 60", "a block that the chain does not have"),
        ("UPDATE anchor SET txn = zeroblob(32)", "a transaction that its block does not have"),
    ],
)
def test_a_changed_index_is_found(tmp_path: Path, sound: bytes, change: str, finding: str) -> None:
    path = tmp_path / "chain.sqlite"
    path.write_bytes(sound)
    _change(path, change)
    registry = open_embedded(path, log_ids=[])
    assert any(finding in fault for fault in registry.damage())
    registry.close()


def test_a_changed_root_in_the_chains_state_is_found(tmp_path: Path, sound: bytes) -> None:
    path = tmp_path / "chain.sqlite"
    path.write_bytes(sound)
    db = sqlite3.connect(path)
    with db:
        rows = db.execute("SELECT key, value FROM entry WHERE length(key) = 32").fetchall()
        # The storage node that ends in the root; the transaction and the receipt that carry it go on after it.
        ((key, value),) = [(key, value) for key, value in rows if value.endswith(root_for(2)) and len(value) < 80]
        db.execute("UPDATE entry SET value = ? WHERE key = ?", (value[:-32] + ROOT, key))
    db.close()
    registry = open_embedded(path, log_ids=[])
    assert any(f"the entry {key.hex()}" in fault for fault in registry.damage())
    registry.close()


def test_a_block_that_is_missing_or_swapped_is_found(tmp_path: Path, sound: bytes) -> None:
    second = "CAST(key AS TEXT) = 'block-number-to-hash:2'"
    first = "(SELECT value FROM entry WHERE CAST(key AS TEXT) = 'block-number-to-hash:1')"
    for number, change in enumerate(
        (f"DELETE FROM entry WHERE {second}", f"UPDATE entry SET value = {first} WHERE {second}")
    ):
        path = tmp_path / f"chain-{number}.sqlite"
        path.write_bytes(sound)
        _change(path, change)
        registry = open_embedded(path, log_ids=[])
        assert any("block 2 is missing" in fault or "block 2 does not follow" in fault for fault in registry.damage())
        registry.close()


def _change(path: Path, statement: str) -> None:
    db = sqlite3.connect(path)
    with db:
        assert db.execute(statement).rowcount > 0
    db.close()


def test_an_existing_file_opens_in_under_three_seconds_of_work(tmp_path: Path, sound: bytes) -> None:
    path = tmp_path / "chain.sqlite"
    path.write_bytes(sound)
    program = (
        "import sys, time; from pathlib import Path; from cropmark_contracts.embedded import open_embedded; "
        "r = open_embedded(Path(sys.argv[1]), log_ids=[bytes([1]) * 32]); r.head(); print(time.process_time())"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    # Processor time, because the machine may be busy with other tests; the wall clock is printed for the reader.
    print(f"{time.monotonic() - started:.2f} s by the wall clock")  # noqa: T201
    assert float(done.stdout) < 3
