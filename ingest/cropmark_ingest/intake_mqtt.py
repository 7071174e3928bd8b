"""Ingest's MQTT connection (paho-mqtt): segments in, receipts out.

Persistent session and manual acknowledgement: a message is acknowledged once its segment lies in the archive or in
quarantine. While neither can be written nothing is acknowledged, no receipt goes out, and the gateways keep all.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any, Final

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from cropmark_ingest.names import PREFIX
from cropmark_ingest.receive import Answer
from cropmark_ingest.segment import MAX_BODY_BYTES, MAX_HEADER_BYTES
from cropmark_ingest.storage import StorageError

KEEPALIVE_SECONDS: Final = 30
MAX_QUEUED: Final = 256
MAX_QUEUED_BYTES: Final = 64 * 1024 * 1024
MAX_AT_ONCE: Final = 32
MAX_BYTES_AT_ONCE: Final = 8 * 1024 * 1024
POLL_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 1.0
LOG_EVERY: Final = 100
MAX_PAYLOAD: Final = MAX_HEADER_BYTES + MAX_BODY_BYTES + 1024

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker listens, and who we are to it."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class _Delivery:
    topic: str
    payload: bytes
    number: int
    qos: int


class _Room:
    """Counts messages and bytes between the connection's thread and the one that works through them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages = 0
        self._bytes = 0

    def take(self, size: int) -> bool:
        """Take room for one message and tell whether there was any."""
        with self._lock:
            if self._messages >= MAX_QUEUED or (self._bytes and self._bytes + size > MAX_QUEUED_BYTES):
                return False
            self._messages += 1
            self._bytes += size
            return True

    def give(self, size: int) -> None:
        """Give a message's room back."""
        with self._lock:
            self._messages -= 1
            self._bytes -= size


def _topic(message: mqtt.MQTTMessage) -> str:
    try:
        return message.topic
    except UnicodeDecodeError:
        return "not-utf-8"


class MqttIntake:
    """Hands segments to ``receive`` in batches and publishes its answers."""

    def __init__(
        self, broker: Broker, *, client_id: str, receive: Callable[[Sequence[tuple[str, bytes]]], list[Answer]],
        archived: Callable[[], None],
    ) -> None:  # fmt: skip
        self._broker = broker
        self._receive = receive
        self._archived = archived
        self._queue: Queue[_Delivery] = Queue()
        self._room = _Room()
        self.turned_away = 0
        self.trouble: str | None = None
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        self._client = client

    @property
    def connected(self) -> bool:
        """Tell whether the broker is there."""
        return self._client.is_connected()

    def start(self) -> None:
        """Begin to connect."""
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_SECONDS)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect; what is not acknowledged comes again."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:  # noqa: ANN401 - paho's types
        if reason.is_failure:
            log.error("broker-refused", reason=str(reason), broker=f"{self._broker.host}:{self._broker.port}")
            return
        log.info("broker-connected")
        client.subscribe(f"{PREFIX}/+/+/segment", 1)

    def _on_message(self, client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:  # noqa: ANN401 - paho's types
        delivery = _Delivery(_topic(message), bytes(message.payload[:MAX_PAYLOAD]), message.mid, message.qos)
        if self._room.take(len(delivery.payload)):
            self._queue.put_nowait(delivery)
            return
        # Without a receipt its gateway keeps it and sends it again. Left unacknowledged it would take a place in the
        # broker's window until the next reconnect, and enough of them would stop everything.
        self.turned_away += 1
        if self.turned_away % LOG_EVERY == 1:
            log.warning("queue-full", topic=delivery.topic[:80], turned_away=self.turned_away)
        client.ack(delivery.number, delivery.qos)

    def run(self, stop: threading.Event) -> None:
        """Work through what arrives until ``stop`` is set."""
        while not stop.is_set():
            batch = self._batch()
            if batch and self._keep(batch, stop):
                self._archived()

    def _batch(self) -> list[_Delivery]:
        try:
            batch = [self._queue.get(timeout=POLL_SECONDS)]
            size = len(batch[0].payload)
        except Empty:
            return []
        while len(batch) < MAX_AT_ONCE and size < MAX_BYTES_AT_ONCE:
            try:
                batch.append(self._queue.get_nowait())
            except Empty:
                break
            size += len(batch[-1].payload)
        return batch

    def _keep(self, batch: Sequence[_Delivery], stop: threading.Event) -> bool:
        while True:
            try:
                answers = self._receive([(item.topic, item.payload) for item in batch])
            except Exception as error:  # whatever it is, this thread must live on to try again
                if not isinstance(error, StorageError):
                    log.exception("intake-failed")
                elif self.trouble is None:
                    log.error("no-receipts", reason=str(error))  # noqa: TRY400 - the text says it all
                self.trouble = str(error) or type(error).__name__
                if stop.wait(RETRY_SECONDS):
                    return False
                continue
            self.trouble = None
            for answer in answers:
                self._client.publish(answer.topic, answer.receipt, qos=1)
            for item in batch:
                self._client.ack(item.number, item.qos)
                self._room.give(len(item.payload))
            return True
