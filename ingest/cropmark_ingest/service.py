"""Wire ingest together for the process that runs it: archive, registry, store, intake, projector."""

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cropmark_ingest.archive_files import FileArchive
from cropmark_ingest.clock import Clock
from cropmark_ingest.database import Database, sqlite_engine
from cropmark_ingest.intake_mqtt import Broker, MqttIntake
from cropmark_ingest.lock import FolderLock
from cropmark_ingest.notices_sql import SqlNotices, SqlQuarantine
from cropmark_ingest.project import Projector
from cropmark_ingest.receive import Receiver
from cropmark_ingest.registry_sql import Registry
from cropmark_ingest.store_duckdb import DuckDBStore

STOP_SECONDS = 5.0


class Files:
    """Everything that lies in ingest's folder, opened. One process at a time."""

    def __init__(self, folder: Path, now: Clock) -> None:
        with ExitStack() as stack:
            stack.enter_context(FolderLock(folder))
            self.database = Database(sqlite_engine(folder / "ingest.sqlite"))
            stack.callback(self.database.close)
            self.registry = Registry(self.database)
            self.archive = FileArchive(folder / "archive", self.database)
            self.notices = SqlNotices(self.database, now)
            self.quarantine = SqlQuarantine(self.database, now)
            self.store = DuckDBStore(folder / "telemetry.duckdb")
            stack.callback(self.store.close)
            self._opened = stack.pop_all()

    def close(self) -> None:
        """Close store and database, and give the folder free."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Ingest:
    """Ingest at work on its folder."""

    def __init__(self, folder: Path, *, broker: Broker, receipt_key: Ed25519PrivateKey, now: Clock) -> None:
        self.files = Files(folder, now)
        self._stop = threading.Event()
        self._known: set[tuple[str, str]] = set()
        self._projector = Projector(self.files.archive, self.files.store, self.files.notices, known=self._is_known)
        self._receiver = Receiver(
            self.files.archive,
            enrolled=self.files.registry.gateway,
            notices=self.files.notices,
            quarantine=self.files.quarantine,
            key=receipt_key,
            now=now,
        )
        self._intake = MqttIntake(
            broker, client_id="cropmark-ingest", receive=self._receiver.receive, archived=self._projector.wake.set
        )
        self._threads = [
            threading.Thread(target=self._intake.run, args=(self._stop,), name="ingest-intake"),
            threading.Thread(target=self._projector.run, args=(self._stop,), name="ingest-projector"),
        ]

    def _is_known(self, farm: str, device: str) -> bool:
        if (farm, device) not in self._known:
            self._known.update((item.farm, item.device) for item in self.files.registry.devices(farm))
        return (farm, device) in self._known

    def start(self) -> None:
        """Begin to receive and project."""
        for thread in self._threads:
            thread.start()
        self._intake.start()

    def stop(self) -> None:
        """Finish what is under way and close everything."""
        self._intake.stop()
        self._stop.set()
        self._projector.wake.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS)
        self.files.close()

    def status(self, farm: str | None = None) -> dict[str, Any]:
        """Return how much was received and stored, and what stands in the way, if anything does."""
        segments, archived = self.files.archive.counts(farm)
        return {
            "segments": segments,
            "readings_archived": archived,
            "readings_stored": self.files.store.count(farm),
            "segments_behind": self.files.archive.last_number() - self.files.store.watermark(),
            "quarantined": self.files.quarantine.count(),
            "notices": self.files.notices.count(farm),
            "broker_connected": self._intake.connected,
            "trouble": [
                text
                for text in (self._intake.trouble, self._receiver.trouble, self._projector.trouble)
                if text is not None
            ],
        }
