"""One device's MQTT connection (paho-mqtt): publish packs, keep a retained status, hear acknowledgements.

paho's own thread reads the socket; whatever it hears goes into a queue that the simulator's loop empties, so no
device state is touched from two threads.
"""

import json
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

KEEPALIVE_SECONDS: Final = 30
MAX_ACK_BYTES: Final = 64 * 1024
MAX_ACK_RANGES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that a link heard: the connection came up or went, or ranges of counters are held."""

    device: str
    kind: str
    session: str = ""
    counters: tuple[tuple[int, int], ...] = ()


def parse_ack(payload: bytes) -> tuple[str, tuple[tuple[int, int], ...]] | None:
    """Read an acknowledgement; None for bytes that are none."""
    if len(payload) > MAX_ACK_BYTES:
        return None
    try:
        match json.loads(payload):
            case {"session": str() as session, "counters": list() as ranges} if len(ranges) <= MAX_ACK_RANGES:
                pairs = tuple((int(first), int(last)) for first, last in ranges)
            case _:
                return None
    except (ValueError, TypeError):
        return None
    return session, pairs


class Link:
    """A connection that comes back by itself. ``heard`` receives what happens on it."""

    def __init__(
        self, farm: str, device: str, session: str, address: tuple[str, int], heard: SimpleQueue[Heard]
    ) -> None:
        self._topic = f"cropmark/v1/{farm}/{device}"
        self._device = device
        self._session = session
        self._heard = heard
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{farm}-{device}", protocol=mqtt.MQTTv311)
        client.will_set(f"{self._topic}/status", self._status("offline"), qos=1, retain=True)
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.max_queued_messages_set(0)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client
        host, port = address
        client.connect_async(host, port, KEEPALIVE_SECONDS)
        client.loop_start()

    def _status(self, state: str) -> str:
        return json.dumps({"state": state, "session": self._session}, separators=(",", ":"))

    def _on_connect(self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:  # noqa: ANN401 - paho's types
        if reason.is_failure:
            return
        client.subscribe(f"{self._topic}/ack", qos=1)
        client.publish(f"{self._topic}/status", self._status("online"), qos=1, retain=True)
        self._heard.put(Heard(self._device, "up"))

    def _on_disconnect(self, _client: mqtt.Client, _userdata: Any, _flags: Any, _reason: Any, _properties: Any) -> None:  # noqa: ANN401 - paho's types
        self._heard.put(Heard(self._device, "down"))

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:  # noqa: ANN401 - paho's types
        ack = parse_ack(bytes(message.payload))
        if ack is not None:
            self._heard.put(Heard(self._device, "ack", *ack))

    def publish(self, payload: bytes) -> None:
        """Send one pack, QoS 1."""
        self._client.publish(f"{self._topic}/up", payload, qos=1)

    def close(self) -> None:
        """Say goodbye (retained ``offline``) and end the connection."""
        if self._client.is_connected():
            self._client.publish(f"{self._topic}/status", self._status("offline"), qos=1, retain=True).wait_for_publish(
                1
            )
        self._client.disconnect()
        self._client.loop_stop()
