"""Take what the broker delivers: queue it without waiting, spool it durably, and only then acknowledge.

The MQTT callback puts into a bounded queue and returns. One thread empties the queue into the spool, many messages a
commit. A full disk stops the acknowledgements and nothing else: the broker keeps what it has, devices keep theirs.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Final, Protocol

import structlog

from cropmark_gateway.spool import Message, SpoolError

MAX_QUEUED: Final = 10_000
MAX_COMMIT: Final = 500
POLL_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 1.0

log = structlog.get_logger()


class Inbox(Protocol):
    """Where messages are kept."""

    def put(self, messages: list[Message]) -> None:
        """Keep messages; durable when it returns. Raises :class:`SpoolError` and has kept none if it cannot."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message and how to tell the broker that it is kept."""

    message: Message
    acknowledge: Callable[[], None]


class Intake:
    """The queue between the broker and the spool."""

    def __init__(self, inbox: Inbox, arrived: threading.Event) -> None:
        """``arrived`` is set whenever there is something new in the spool."""
        self._inbox = inbox
        self._arrived = arrived
        self._queue: Queue[Delivery] = Queue(MAX_QUEUED)
        self.turned_away = 0
        self.trouble: str | None = None

    def offer(self, delivery: Delivery) -> None:
        """Queue a delivery without waiting; when the queue is full it is left to the broker to deliver again."""
        try:
            self._queue.put_nowait(delivery)
        except Full:
            self.turned_away += 1

    def run(self, stop: threading.Event) -> None:
        """Move deliveries into the spool until ``stop`` is set."""
        while not stop.is_set():
            self.step(POLL_SECONDS, stop)

    def step(self, seconds: float, stop: threading.Event) -> int:
        """Wait up to ``seconds`` for deliveries and keep what there is; return how many."""
        try:
            batch = [self._queue.get(timeout=seconds)]
        except Empty:
            return 0
        while len(batch) < MAX_COMMIT:
            try:
                batch.append(self._queue.get_nowait())
            except Empty:
                break
        if not self._keep([delivery.message for delivery in batch], stop):
            return 0
        for delivery in batch:
            delivery.acknowledge()
        self._arrived.set()
        return len(batch)

    def _keep(self, messages: list[Message], stop: threading.Event) -> bool:
        while True:
            try:
                self._inbox.put(messages)
            except SpoolError as error:
                if self.trouble is None:
                    log.error("spool-cannot-write", reason=str(error), at=time.time())  # noqa: TRY400 - the text says it all
                self.trouble = str(error)
                if stop.wait(RETRY_SECONDS):
                    return False
            else:
                if self.trouble is not None:
                    log.info("spool-writes-again")
                self.trouble = None
                return True
