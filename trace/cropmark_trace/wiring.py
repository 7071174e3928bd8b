"""Put the parts of trace together on one folder: the place where adapters meet use cases.

What is told from outside (telemetry, farm registry, chain, clocks, randomness) comes in as the ports declare it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cropmark_ingest.clock import Clock
from cropmark_trace import epcis, jcs
from cropmark_trace.anchoring import Anchoring, Anchors
from cropmark_trace.batches import Batches, random_batch
from cropmark_trace.bundle_files import BundleFiles
from cropmark_trace.database import Database, sqlite_engine
from cropmark_trace.fsck import Fsck
from cropmark_trace.gathering import Gathering
from cropmark_trace.keystore import FileKeys
from cropmark_trace.ledger import Ledger
from cropmark_trace.parties import Nonce, Parties, open_log, random_nonce
from cropmark_trace.policy import Policy
from cropmark_trace.publishing import Ask, Publishing
from cropmark_trace.recording import FarmBook, Recording
from cropmark_trace.records_sql import SqlStore
from cropmark_trace.replay import Finding, Replay
from cropmark_trace.season import SeasonSource
from cropmark_trace.served_log import ServedLog

DATABASE = "records.sqlite"


@dataclass(frozen=True, slots=True)
class Outside:
    """What trace needs from others. ``clock`` tells real UTC milliseconds: signatures and the chain keep real time.

    ``anchors`` None: no chain. ``ask`` asks the chain what a verifier wants to know; without it the issuer's verdict
    leaves ``anchor`` open. ``id_base`` is the address under which records name farms and lots.
    """

    source: SeasonSource
    book: FarmBook
    clock: Clock
    anchors: Anchors | None = None
    ask: Ask | None = None
    id_base: str = epcis.ID_BASE
    nonce: Nonce = random_nonce
    draw_batch: Callable[[], str] = random_batch


@dataclass(frozen=True, slots=True)
class Trace:
    """The parts of one installation's trace. Call :meth:`close` at the end."""

    database: Database
    store: SqlStore
    ledger: Ledger
    parties: Parties
    anchoring: Anchoring
    batches: Batches
    log: ServedLog
    bundles: BundleFiles
    outside: Outside

    def fsck(self) -> Iterator[Finding]:
        """Check everything that is stored; see :class:`Fsck`."""
        replay = Replay(
            self.store, origin=self.ledger.origin, vkey=self.ledger.vkey, registrar=self.ledger.registrar
        )  # fmt: skip
        yield from Fsck(
            self.store, replay, source=self.outside.source, anchors=self.outside.anchors, bundles=self.bundles
        ).findings()

    def policy(self) -> Policy:
        """Return what verifiers of this installation's bundles pin."""
        return self.parties.policy(self.anchoring.pinned())

    def policy_json(self) -> bytes:
        """Return the bytes of ``/policy.json``."""
        return jcs.canonical(self.policy().to_json())

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def open_trace(folder: Path, *, origin: str, outside: Outside, passphrase: str | None = None) -> Trace:
    """Open or begin the log and records in ``folder``.

    Raise ``WrongLogError`` if keys and log do not belong together, ``KeystoreError`` and ``StorageError`` as they say.
    """
    database = Database(sqlite_engine(folder / DATABASE))
    store = SqlStore(database)
    keys = FileKeys(folder / "keys", passphrase)
    opened = open_log(store, keys, origin=origin)
    parties = Parties(opened, store, keys, clock=outside.clock, nonce=outside.nonce)
    gathering = Gathering(outside.source, opened.ledger, store)
    anchoring = Anchoring(store, outside.anchors)
    bundles = BundleFiles(folder / "bundles")
    recording = Recording(
        store=store,
        ledger=opened.ledger,
        parties=parties,
        gathering=gathering,
        anchoring=anchoring,
        book=outside.book,
        clock=outside.clock,
        nonce=outside.nonce,
        id_base=outside.id_base,
    )
    publishing = Publishing(
        store=store,
        ledger=opened.ledger,
        gathering=gathering,
        anchoring=anchoring,
        bundles=bundles,
        policy=lambda: parties.policy(anchoring.pinned()),
        clock=outside.clock,
        ask=outside.ask,
    )
    batches = Batches(
        store=store,
        book=outside.book,
        recording=recording,
        publishing=publishing,
        clock=outside.clock,
        draw=outside.draw_batch,
    )
    return Trace(database, store, opened.ledger, parties, anchoring, batches, ServedLog(store), bundles, outside)
