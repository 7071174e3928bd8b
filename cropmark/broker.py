"""The embedded MQTT broker: ``iotcore`` in a process of its own, on the loopback address only.

It forgets everything when it restarts and knows no topic rights, which is why it never listens further, and why the
gateway and the devices keep what they sent until they are told that it is held.
"""

import logging
import signal
import sys
from types import FrameType
from typing import Final

MAX_PAYLOAD_BYTES: Final = 8 * 1024 * 1024
MAX_INFLIGHT: Final = 2_000


def main() -> None:
    """Serve on 127.0.0.1 at the port given as the only argument, until terminated."""
    from iotcore import IotCoreBroker  # noqa: PLC0415 - a compiled engine that only this process loads

    # The engine reports every packet as an error; only what stops it matters here.
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # The engine has no way to stop and keeps nothing that could be lost.
        sys.exit(0)

    broker = IotCoreBroker(
        listen="127.0.0.1",
        port=int(sys.argv[1]),
        max_payload_size=MAX_PAYLOAD_BYTES,
        max_inflight_count=MAX_INFLIGHT,
    )
    broker.check_ports()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    broker.start()
    signal.pause()


if __name__ == "__main__":
    main()
