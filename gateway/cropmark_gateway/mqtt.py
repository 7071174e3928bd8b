"""The gateway's two MQTT connections (paho-mqtt): down to the field, up to ingest.

Persistent session, fixed client id, manual acknowledgement: the broker keeps what was not acknowledged and delivers it
again. Both connections come up, and come back, by themselves, so the order of starting does not matter.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from cropmark_gateway.config import Broker
from cropmark_gateway.intake import Delivery
from cropmark_gateway.spool import Message
from cropmark_ingest.clock import Clock
from cropmark_ingest.names import PREFIX, Topic

KEEPALIVE_SECONDS: Final = 30
MAX_PAYLOAD: Final = 256 * 1024
"""A longer payload is cut to this: enough to see what it was, too long to be a pack anyway."""

log = structlog.get_logger()


def _client(name: str, broker: Broker) -> mqtt.Client:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, protocol=mqtt.MQTTv311, manual_ack=True
    )
    if broker.user is not None:
        client.username_pw_set(broker.user, None if broker.password is None else broker.password.get_secret_value())
    client.reconnect_delay_set(min_delay=1, max_delay=30)
    return client


def _start(client: mqtt.Client, broker: Broker) -> None:
    client.connect_async(broker.host, broker.port, KEEPALIVE_SECONDS)
    client.loop_start()


class FieldSide:
    """Hears the devices of one farm, and tells them what is held."""

    def __init__(
        self, farm: str, gateway: str, broker: Broker, *, now: Clock, deliver: Callable[[Delivery], None]
    ) -> None:
        self._farm = farm
        self._now = now
        self._deliver = deliver
        self._broker = broker
        self._client = _client(f"{farm}-{gateway}-field", broker)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect

    def start(self) -> None:
        """Begin to connect."""
        _start(self._client, self._broker)

    def _on_connect(self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:  # noqa: ANN401 - paho's types
        if reason.is_failure:
            log.error("field-broker-refused", reason=str(reason), broker=f"{self._broker.host}:{self._broker.port}")
            return
        log.info("field-broker-connected")
        client.subscribe([(f"{PREFIX}/{self._farm}/+/up", 1), (f"{PREFIX}/{self._farm}/+/status", 1)])

    def _on_disconnect(self, _client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:  # noqa: ANN401 - paho's types
        log.warning("field-broker-lost", reason=str(reason))

    def _on_message(self, client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:  # noqa: ANN401 - paho's types
        kept = Message(message.topic, bytes(message.payload[:MAX_PAYLOAD]), self._now())
        number, qos = message.mid, message.qos

        def acknowledge() -> None:
            client.ack(number, qos)

        self._deliver(Delivery(kept, acknowledge))

    def tell(self, device: str, session: str, counters: tuple[tuple[int, int], ...]) -> None:
        """Tell a device which of its counters are held. Lost on the way, it is told again when the pack comes again."""
        payload = json.dumps({"session": session, "counters": counters}, separators=(",", ":"))
        self._client.publish(str(Topic(self._farm, device, "ack")), payload, qos=0)

    def stop(self) -> None:
        """Disconnect; what is not acknowledged stays with the broker."""
        self._client.disconnect()
        self._client.loop_stop()


class UpSide:
    """Sends segments to ingest and hears its receipts."""

    def __init__(self, farm: str, gateway: str, broker: Broker, *, receipt: Callable[[bytes], None]) -> None:
        self._broker = broker
        self._segments = str(Topic(farm, gateway, "segment"))
        self._receipts = str(Topic(farm, gateway, "receipt"))
        self._receipt = receipt
        self._client = _client(f"{farm}-{gateway}-up", broker)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Begin to connect."""
        _start(self._client, self._broker)

    def _on_connect(self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:  # noqa: ANN401 - paho's types
        if reason.is_failure:
            log.error("upstream-broker-refused", reason=str(reason), broker=f"{self._broker.host}:{self._broker.port}")
            return
        log.info("upstream-broker-connected")
        client.subscribe(self._receipts, 1)

    def _on_message(self, client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:  # noqa: ANN401 - paho's types
        self._receipt(bytes(message.payload))
        client.ack(message.mid, message.qos)

    def connected(self) -> bool:
        """Tell whether the broker is there."""
        return self._client.is_connected()

    def send(self, payload: bytes) -> None:
        """Publish a segment, QoS 1."""
        self._client.publish(self._segments, payload, qos=1)

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
