"""Simulated devices over a real broker: each sample once, kept until it is acknowledged, whatever is killed."""

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cropmark_firmware.config import DAY_MS, HOUR_MS, Config, ConfigError, Device
from cropmark_firmware.link import parse_ack
from cropmark_firmware.model import MEASUREMENTS, Kind, battery_voltage, pack
from cropmark_firmware.store import Pack, Saved, Store
from tests.conftest import wait_until

SEASON_TO = 1_795_000_000_000 // HOUR_MS * HOUR_MS
DAYS = 3


class Responder:
    """A stand-in for the gateway: remembers packs and acknowledges them while ``answering``."""

    def __init__(self, port: int, *, answering: bool = True) -> None:
        self.answering = answering
        self.packs: dict[tuple[str, str], dict[int, list[bytes]]] = defaultdict(lambda: defaultdict(list))
        self.status: dict[str, list[str]] = defaultdict(list)
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="responder")
        self.client.on_message = self._heard
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("cropmark/v1/farm/+/up", 1)
        self.client.subscribe("cropmark/v1/farm/+/status", 1)
        self.client.loop_start()

    def _heard(self, client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        device, channel = message.topic.split("/")[3:]
        said = json.loads(message.payload)
        if channel == "status":
            self.status[device].append(said["state"])
            return
        session, counter = said[0]["vs"], said[1]["v"]
        self.packs[device, session][counter].append(bytes(message.payload))
        if self.answering:
            ack = json.dumps({"session": session, "counters": [[counter, counter]]})
            client.publish(f"cropmark/v1/farm/{device}/ack", ack)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def config(tmp_path: Path, seconds: float = 1.0) -> Path:
    clock = tmp_path / "clock.json"
    real = time.time_ns() // 1_000_000
    start = SEASON_TO - DAYS * DAY_MS
    rate = DAYS * DAY_MS / (seconds * 1000)
    clock.write_text(json.dumps({"epoch_real_ms": real, "epoch_scaled_ms": start, "rate": rate}))
    devices = (
        Device("station", "weather-station", "north", 1),
        Device("probe", "soil-probe", "north", 2, wake_every=4),
    )
    file = tmp_path / "devices.json"
    file.write_text(
        Config("farm", start, SEASON_TO, -300, 137, devices, str(clock), live_interval_s=86_400 * 300).to_json()
    )
    return file


@contextmanager
def simulator(file: Path, state: Path, port: int, *more: str) -> Iterator[subprocess.Popen[str]]:
    command = [
        sys.executable, "-m", "cropmark_firmware", "run", "--config", str(file), "--state", str(state),
        "--broker", f"127.0.0.1:{port}", *more,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def responder(broker: int) -> Iterator[Responder]:
    responder = Responder(broker)
    yield responder
    responder.close()


def test_a_season_arrives_once_and_in_the_documented_form(broker: int, responder: Responder, tmp_path: Path) -> None:
    file = config(tmp_path)
    with simulator(file, tmp_path, broker, "--stop-after-season") as process:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    totals = json.loads(out.splitlines()[-1])
    assert totals["season_done"]
    assert totals["packs"] == totals["acked_packs"] == 2 * DAYS * 24
    for (device, session), packs in responder.packs.items():
        kind: Kind = "weather-station" if device == "station" else "soil-probe"
        assert sorted(packs) == list(range(DAYS * 24))
        for counter, copies in packs.items():
            assert len(copies) == 1
            records = json.loads(copies[0])
            assert records[0] == {
                "bn": f"cropmark/farm/{device}/",
                "bt": pytest.approx((SEASON_TO - DAYS * DAY_MS + (counter + 1) * HOUR_MS) / 1000),
                "n": "session",
                "vs": session,
            }
            assert records[1] == {"n": "counter", "v": counter}
            assert len(records) == 2 + MEASUREMENTS[kind]
            assert all(set(record) == {"n", "u", "v"} for record in records[2:])
    assert responder.status["station"][0] == "online"
    wait_until(lambda: responder.status["station"][-1] == "offline", "the goodbye")


def test_what_nobody_acknowledged_is_kept_and_sent_again(broker: int, tmp_path: Path) -> None:
    file = config(tmp_path, seconds=0.2)
    deaf = Responder(broker, answering=False)
    with simulator(file, tmp_path, broker):
        wait_until(lambda: sum(len(packs) for packs in deaf.packs.values()) > 10, "packs that nobody acknowledges")
    deaf.close()
    store = Store(tmp_path / "devices.sqlite")
    kept = len(store.waiting("station"))
    store.close()
    assert kept > 0
    hearing = Responder(broker)
    with simulator(file, tmp_path, broker, "--stop-after-season") as process:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert all(sorted(packs) == list(range(DAYS * 24)) for packs in hearing.packs.values())
    hearing.close()


def test_killed_again_and_again_each_sample_has_one_counter(broker: int, responder: Responder, tmp_path: Path) -> None:
    file = config(tmp_path, seconds=3.0)
    for wanted in (20, 60, 100):
        with simulator(file, tmp_path, broker):
            wait_until(lambda: sum(map(len, responder.packs.values())) >= wanted, f"{wanted} packs")  # noqa: B023 - at once
    with simulator(file, tmp_path, broker, "--stop-after-season") as process:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert len(responder.packs) == 2, "a restart that kept its counter keeps its session"
    for packs in responder.packs.values():
        assert sorted(packs) == list(range(DAYS * 24))
        assert all(len(set(copies)) == 1 for copies in packs.values()), "sent again means: the same bytes"


def test_the_last_will_says_offline(broker: int, responder: Responder, tmp_path: Path) -> None:
    with simulator(config(tmp_path), tmp_path, broker):
        wait_until(lambda: responder.status["station"] == ["online"], "the device to come up")
    wait_until(lambda: responder.status["station"][-1] == "offline", "the last will")


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b'{"session":1}', b'{"session":"x","counters":[[1]]}', b'{"session":"x","counters":"1"}']
)
def test_an_acknowledgement_that_is_none_is_ignored(payload: bytes) -> None:
    assert parse_ack(payload) is None


def test_a_full_buffer_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    store = Store(tmp_path / "devices.sqlite")
    packs = [Pack("a", n, n, 2, pack("f", "a", "0" * 16, n, n, [battery_voltage(1.0)])) for n in range(3)]
    store.save([Saved("a", "0" * 16, 3, 3, 1.0)], packs, [packs[1]], [packs[0]])
    assert [item.counter for item in store.waiting("a")] == [2]
    assert store.totals() == {"packs": 3, "readings": 6, "acked_packs": 1, "acked_readings": 2, "dropped": 1}
    store.close()


@pytest.mark.parametrize(
    "change",
    [{"farm": "Bad Name"}, {"devices": ()}, {"season_to_ms": 0}, {"interval_s": 0}],
)
def test_a_configuration_that_cannot_work_is_refused(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "farm": "farm", "season_from_ms": 0, "season_to_ms": DAY_MS, "utc_offset_minutes": 0, "weather_day": 0,
        "devices": (Device("a", "leaf", "north", 1),),
    }  # fmt: skip
    assert Config(**good).season_packs == 24
    with pytest.raises(ConfigError):
        Config(**{**good, **change})
