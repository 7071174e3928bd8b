"""Ingest's MQTT connection (paho-mqtt): segments in, receipts out.

Persistent session and manual acknowledgement: a message is acknowledged once its segment lies in the archive or in
quarantine. While neither can be written nothing is acknowledged, no receipt goes out, and the gateways keep all.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Any, Final

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from cropmark_ingest.archive import ArchiveError
from cropmark_ingest.database import DatabaseError
from cropmark_ingest.names import PREFIX
from cropmark_ingest.notices import QuarantineFullError
from cropmark_ingest.receive import Answer
from cropmark_ingest.segment import MAX_BODY_BYTES, MAX_HEADER_BYTES

KEEPALIVE_SECONDS: Final = 30
MAX_QUEUED: Final = 256
MAX_AT_ONCE: Final = 32
POLL_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 1.0
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


class MqttIntake:
    """Hands segments to ``receive`` in batches and publishes its answers."""

    def __init__(
        self, broker: Broker, *, client_id: str, receive: Callable[[Sequence[tuple[str, bytes]]], list[Answer]],
        archived: Callable[[], None],
    ) -> None:  # fmt: skip
        self._broker = broker
        self._receive = receive
        self._archived = archived
        self._queue: Queue[_Delivery] = Queue(MAX_QUEUED)
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

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:  # noqa: ANN401 - paho's types
        delivery = _Delivery(message.topic, bytes(message.payload[:MAX_PAYLOAD]), message.mid, message.qos)
        try:
            self._queue.put_nowait(delivery)
        except Full:
            # Not acknowledged, so not lost: its gateway sends it again when no receipt comes.
            log.warning("queue-full", topic=message.topic)

    def run(self, stop: threading.Event) -> None:
        """Work through what arrives until ``stop`` is set."""
        while not stop.is_set():
            batch = self._batch()
            if batch and self._keep(batch, stop):
                self._archived()

    def _batch(self) -> list[_Delivery]:
        try:
            batch = [self._queue.get(timeout=POLL_SECONDS)]
        except Empty:
            return []
        while len(batch) < MAX_AT_ONCE:
            try:
                batch.append(self._queue.get_nowait())
            except Empty:
                break
        return batch

    def _keep(self, batch: Sequence[_Delivery], stop: threading.Event) -> bool:
        while True:
            try:
                answers = self._receive([(item.topic, item.payload) for item in batch])
            except (ArchiveError, QuarantineFullError, DatabaseError) as error:
                if self.trouble is None:
                    log.error("no-receipts", reason=str(error))  # noqa: TRY400 - the text says it all
                self.trouble = str(error)
                if stop.wait(RETRY_SECONDS):
                    return False
                continue
            self.trouble = None
            for answer in answers:
                self._client.publish(answer.topic, answer.receipt, qos=1)
            for item in batch:
                self._client.ack(item.number, item.qos)
            return True
