"""A gateway between real devices and an ingest stand-in, over real brokers, killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion

from cropmark_firmware.config import demo_config
from cropmark_ingest import receipt, segment
from cropmark_ingest.cose import public_bytes
from cropmark_ingest.receipt import Outcome
from tests.conftest import wait_until

HOUR_MS = 3_600_000
DAYS = 6
INGEST_KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x02")


class Ingest:
    """Archives in memory and gives receipts."""

    def __init__(self, port: int) -> None:
        self.segments: dict[int, segment.Header] = {}
        self.readings: Counter[tuple[str, str, int, int]] = Counter()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="ingest")
        self.client.on_message = self._heard
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("cropmark/v1/+/+/segment", 1)
        self.client.loop_start()

    def _heard(self, client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        sent = segment.Segment.from_wire(bytes(message.payload))
        header = segment.open_header(sent.header)
        if header.seq not in self.segments:
            for item in segment.open_body(header, sent.body):
                self.readings[item.device, item.session, item.counter, item.index] += 1
        self.segments[header.seq] = header
        said = receipt.issue(
            farm=header.farm,
            gateway=header.gateway,
            seq=header.seq,
            header_digest=header.digest,
            outcome=Outcome.ARCHIVED,
            received_at=0,
            key=INGEST_KEY,
        )
        client.publish("cropmark/v1/demo/gw-1/receipt", said, qos=1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def gateway(config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cropmark_gateway", "run", "--config", str(config)], stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize("kind", ["broker", pytest.param("mosquitto", marks=pytest.mark.system("mosquitto"))])
def test_every_reading_arrives_once_though_the_gateway_is_killed(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    port: int = request.getfixturevalue(kind)
    real = time.time_ns() // 1_000_000
    end = real // HOUR_MS * HOUR_MS
    clock = tmp_path / "clock.json"
    start = end - DAYS * 24 * HOUR_MS
    clock.write_text(json.dumps({"epoch_real_ms": real, "epoch_scaled_ms": start, "rate": (real - start) / 5_000}))
    devices = demo_config("demo", end, days=DAYS, clock=str(clock))
    (tmp_path / "devices.json").write_text(devices.to_json())
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'farm = "demo"\ngateway = "gw-1"\ndata = "{tmp_path}/gateway"\nseal_seconds = 0.3\nclock = "{clock}"\n'
        f'ingest_key = "{public_bytes(INGEST_KEY).hex()}"\n'
        f"field = {{ port = {port} }}\nupstream = {{ port = {port} }}\n"
    )
    ingest = Ingest(port)
    running = gateway(config)
    simulator = subprocess.Popen(
        [
            sys.executable, "-m", "cropmark_firmware", "run", "--config", str(tmp_path / "devices.json"),
            "--state", str(tmp_path), "--broker", f"127.0.0.1:{port}", "--stop-after-season",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        wait_until(lambda: len(ingest.segments) >= 2, "the first segments", 60)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        running = gateway(config)
        out, _ = simulator.communicate(timeout=120)
        sent = json.loads(out.splitlines()[-1])["readings"]
        wait_until(lambda: len(ingest.readings) >= sent, f"{sent} readings", 60)
    finally:
        simulator.kill()
        simulator.wait()
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        ingest.close()
    assert len(ingest.readings) == sent
    assert set(ingest.readings.values()) == {1}
    assert sorted(ingest.segments) == list(range(len(ingest.segments)))
    for seq in range(1, len(ingest.segments)):
        assert ingest.segments[seq].prev == ingest.segments[seq - 1].digest
