"""Ingest over HTTP: what a signed-in person may see, and that he sees no farm but his own."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Header, HTTPException

from cropmark_ingest import api
from cropmark_ingest.clock import real_ms
from cropmark_ingest.notices import Kind, Note
from cropmark_ingest.principal import Principal
from cropmark_ingest.registry import Device, Farm, Text
from cropmark_ingest.service import Files
from tests.ingest.samples import FARM, START, pack, reading

HOUR = 3_600_000
WHO = {"operator": None, "anna": frozenset({FARM}), "ben": frozenset({"second"})}


class Still:
    """Ingest with nothing going on."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def status(self, farm: str | None = None) -> dict[str, Any]:
        return {"readings_stored": self.files.store.count(farm)}


def guard(who: Annotated[str | None, Header()] = None) -> Principal:
    if who not in WHO:
        raise HTTPException(401)
    return Principal(who, WHO[who])


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """A real server on a free port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with Files(tmp_path, real_ms) as files:
        for farm in (FARM, "second"):
            files.registry.put_farm(Farm(farm, Text("A farm", "农场"), "US", -300))
            files.registry.put_device(Device(farm, "soil-01", "m", HOUR))
        files.store.write([item for counter in range(4) for item in pack(counter)], 1)
        files.store.write([reading(0, farm="second", mantissa=1)], 2)
        files.notices.note(Note(Kind.CHAIN_GAP, FARM, "gw-1/1", "r"), Note(Kind.CHAIN_GAP, "second", "gw-2/1", "r"))
        files.quarantine.keep("a-topic", "bad-segment", "d", b"\x00\x01")
        app = FastAPI()
        app.include_router(api.router(Still(files), guard))
        with serving(app) as url, httpx.Client(base_url=url) as opened:
            yield opened


def get(client: httpx.Client, path: str, who: str = "anna", **query: Any) -> Any:
    answer = client.get(f"/api/v1{path}", params=query, headers={"who": who})
    assert answer.status_code == 200, answer.text
    return answer.json()


ROUTES = [
    f"/farms/{FARM}/telemetry/status", f"/farms/{FARM}/telemetry/notices", f"/farms/{FARM}/telemetry/latest",
    f"/farms/{FARM}/telemetry/series?metric=soil_moisture_10cm&start=0&stop=1&width=1",
]  # fmt: skip
WHOLE = ["/telemetry/status", "/telemetry/notices", "/telemetry/quarantine", "/telemetry/quarantine/1"]


@pytest.mark.parametrize("path", ROUTES + WHOLE + ["/farms"])
def test_nobody_sees_anything_without_signing_in(client: httpx.Client, path: str) -> None:
    assert client.get(f"/api/v1{path}").status_code == 401


@pytest.mark.parametrize("path", ROUTES)
def test_another_farm_is_not_there(client: httpx.Client, path: str) -> None:
    assert client.get(f"/api/v1{path}", headers={"who": "anna"}).status_code == 200
    foreign = client.get(f"/api/v1{path}", headers={"who": "ben"})
    absent = client.get(f"/api/v1{path.replace(FARM, 'absent')}", headers={"who": "ben"})
    assert foreign.status_code == absent.status_code == 404
    assert foreign.text.replace(FARM, "absent") == absent.text


@pytest.mark.parametrize("path", WHOLE)
def test_what_belongs_to_no_farm_is_the_operators(client: httpx.Client, path: str) -> None:
    assert client.get(f"/api/v1{path}", headers={"who": "anna"}).status_code == 404
    assert client.get(f"/api/v1{path}", headers={"who": "operator"}).status_code == 200


def test_each_sees_his_own(client: httpx.Client) -> None:
    assert get(client, "/farms") == {"farms": [FARM]}
    assert get(client, "/farms", "operator") == {"farms": [FARM, "second"]}
    assert get(client, f"/farms/{FARM}/telemetry/status") == {"readings_stored": 8}
    assert [item["subject"] for item in get(client, f"/farms/{FARM}/telemetry/notices")["notices"]] == ["gw-1/1"]
    assert len(get(client, "/telemetry/notices", "operator")["notices"]) == 2


def test_latest_values_are_exact_and_carry_their_unit(client: httpx.Client) -> None:
    moisture, temperature = get(client, f"/farms/{FARM}/telemetry/latest")["latest"]
    assert (moisture["value"], moisture["unit"], moisture["mantissa"], moisture["decimals"]) == (
        "0.2003",
        "m3/m3",
        2003,
        4,
    )
    assert (temperature["value"], temperature["unit"]) == ("15.03", "Cel")
    assert get(client, f"/farms/{FARM}/telemetry/latest", device="none") == {"latest": []}


def test_a_series_is_cut_by_the_farms_local_time(client: httpx.Client) -> None:
    found = get(
        client, f"/farms/{FARM}/telemetry/series", metric="soil_moisture_10cm", start=START, stop=START + 9 * HOUR,
        width=24 * HOUR,
    )  # fmt: skip
    (window,) = found["windows"]
    assert (window["min"], window["max"], window["mean"], window["count"]) == (2_000, 2_003, 2_001.5, 4)
    assert (window["start"] - 300 * 60_000) % (24 * HOUR) == 0
    assert (found["unit"], found["decimals"]) == ("m3/m3", 4)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"metric": "nonsense"}, 404),
        ({"width": 0}, 422),
        ({"width": 1, "stop": 10**9}, 422),
        ({"start": -(1 << 60)}, 422),
        ({"stop": 1 << 70}, 422),
        ({"start": "x"}, 422),
    ],
)
def test_a_question_without_an_answer_is_refused(client: httpx.Client, query: dict[str, Any], status: int) -> None:
    whole = {"metric": "soil_moisture_10cm", "start": 0, "stop": HOUR, "width": HOUR, **query}
    answer = client.get(f"/api/v1/farms/{FARM}/telemetry/series", params=whole, headers={"who": "anna"})
    assert answer.status_code == status


def test_quarantined_bytes_come_as_base64(client: httpx.Client) -> None:
    (entry,) = get(client, "/telemetry/quarantine", "operator")["quarantine"]
    assert (entry["reason"], entry["bytes"]) == ("bad-segment", 2)
    assert get(client, f"/telemetry/quarantine/{entry['number']}", "operator")["data"] == "AAE="
    for number in (99, -1, 1 << 70):
        answer = client.get(f"/api/v1/telemetry/quarantine/{number}", headers={"who": "operator"})
        assert answer.status_code == 404
