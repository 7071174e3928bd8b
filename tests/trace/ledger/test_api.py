"""The API over real HTTP requests: what is signed in may record and publish, all others and all else are refused."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Header, HTTPException

from cropmark_ingest.principal import Principal
from cropmark_trace import api, checkpoint, log_routes, tiles, verify
from cropmark_trace.policy import Policy
from cropmark_trace.wiring import Trace
from tests.trace.ledger.archive import START
from tests.trace.ledger.world import HARVEST, HARVESTED, INPUT, PACKED, PLANTING

BATCHES = "/api/v1/farms/demo/batches"
ALICE = {"Authorization": "Bearer alice"}
OPEN = {"field": "north", "product": {"en": "Corn", "zh": "玉米"}}
PLANT = {"step": "planting", "facts": PLANTING, "occurredAt": START}


def guard(authorization: str = Header(default="")) -> Principal:
    if authorization != ALICE["Authorization"]:
        raise HTTPException(401, {"error": "not signed in", "next": "sign in"})
    return Principal("alice", frozenset({"demo"}))


@pytest.fixture
def client(farmed: Trace) -> Iterator[httpx.Client]:
    app = FastAPI()
    app.include_router(api.router(farmed.batches, guard))
    app.include_router(log_routes.router(farmed.log, farmed.bundles, farmed.policy_json))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=url, headers=ALICE, timeout=30) as client:
            yield client
        server.should_exit = True
        thread.join()


def opened(client: httpx.Client) -> str:
    answer = client.post(BATCHES, json=OPEN)
    assert answer.status_code == 201
    return str(answer.json()["batch"])


def test_a_season_over_http_ends_in_a_bundle_that_verifies(client: httpx.Client) -> None:
    batch = opened(client)
    deeds = [
        PLANT,
        {"step": "input", "facts": INPUT, "occurredAt": START + 1_000},
        {"step": "harvest", "facts": HARVESTED, "occurredAt": HARVEST},
        {"step": "packing", "facts": PACKED, "occurredAt": HARVEST},
    ]
    for deed in deeds:
        assert client.post(f"{BATCHES}/{batch}/records", json=deed).status_code == 201
    published = client.post(f"{BATCHES}/{batch}/publish", json={}).json()
    assert published["anchor"]["size"] > 0
    bundle = client.get(published["url"])
    policy = Policy.from_json(client.get("/policy.json").json())
    verdict = verify.verify(bundle.content, policy=policy, batch=batch)
    assert [check.result for check in verdict.checks[:5]] == ["pass"] * 5
    (row,) = client.get(BATCHES).json()["batches"]
    assert (row["batch"], row["steps"]) == (batch, ["planting", "input", "harvest", "packing"])
    detail = client.get(f"{BATCHES}/{batch}").json()
    assert [item["facts"] for item in detail["records"]] == [deed["facts"] for deed in deeds]
    assert detail["verdict"]["verdict"] == published["verdict"] == "warn"


def test_a_bundle_is_immutable_for_caches_and_known_by_its_digest(client: httpx.Client) -> None:
    batch = opened(client)
    client.post(f"{BATCHES}/{batch}/records", json=PLANT)
    url = client.post(f"{BATCHES}/{batch}/publish", json={}).json()["url"]
    first = client.get(url)
    assert "immutable" in first.headers["cache-control"]
    again = client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_log_is_served_as_tiles_that_give_the_checkpoints_root(client: httpx.Client, farmed: Trace) -> None:
    answer = client.get("/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    said = checkpoint.parse_text(checkpoint.open_note(answer.text, [farmed.ledger.vkey]).text)
    bundle = client.get(f"/tile/entries/000.p/{said.size}").content
    hashes = client.get(f"/tile/0/000.p/{said.size}").content
    assert bundle == tiles.entry_bundle(farmed.store.leaves(0, said.size))
    assert len(hashes) == 32 * said.size
    assert client.get(f"/tile/0/000.p/{said.size + 1}").status_code == 404
    assert client.get("/tile/0/000").status_code == 404
    assert client.get("/tile/0/../../x").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", BATCHES), ("POST", BATCHES), ("GET", f"{BATCHES}/{'A' * 20}"),
        ("POST", f"{BATCHES}/{'A' * 20}/records"), ("POST", f"{BATCHES}/{'A' * 20}/publish"),
    ],
)  # fmt: skip
def test_nobody_unknown_reads_or_writes_batches(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path, json={}, headers={"Authorization": "Bearer mallory"})
    assert answer.status_code == 401
    assert answer.json() == {"error": "not signed in", "next": "sign in"}


def test_another_farm_is_refused(client: httpx.Client, farmed: Trace) -> None:
    answer = client.get("/api/v1/farms/other/batches")
    assert (answer.status_code, answer.json()["next"]) == (403, "Ask its owner.")
    batch = opened(client)
    assert client.get(f"/api/v1/farms/other/batches/{batch}").status_code == 403
    del farmed


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**PLANT, "step": "dancing"}, 409),
        ({**PLANT, "facts": {**PLANTING, "areaSquareMetres": 0.0001}}, 409),
        ({**PLANT, "facts": {**PLANTING, "areaSquareMetres": 1e12}}, 409),
        ({**PLANT, "facts": {**PLANTING, "secret": 1}}, 409),
        ({**PLANT, "facts": {**PLANTING, "variety": "a\u202eb"}}, 409),
        ({**PLANT, "occurredAt": HARVEST * 3}, 409),
        ({**PLANT, "occurredAt": -1}, 422),
        ({**PLANT, "colour": "blue"}, 422),
        ({**PLANT, "facts": {"x": "y" * 20_000}}, 413),
        ({**PLANT, "party": "stranger"}, 409),
        ({**PLANT, "position": 3}, 409),
        ([1, 2], 422),
    ],
)  # fmt: skip
def test_a_bad_record_is_refused_with_the_cause_and_the_next_step(client: httpx.Client, body: Any, status: int) -> None:
    batch = opened(client)
    answer = client.post(f"{BATCHES}/{batch}/records", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert answer.json()["next"]
    assert client.get(f"{BATCHES}/{batch}").json()["records"] == []


@pytest.mark.parametrize("text", ["", "{", "[" * 5_000, '{"step": NaN}', "null"])
def test_text_that_is_not_a_record_is_refused(client: httpx.Client, text: str) -> None:
    batch = opened(client)
    answer = client.post(f"{BATCHES}/{batch}/records", content=text, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("batch", ["A" * 20, "not-a-batch", "%2e%2e"])
def test_an_unknown_batch_is_not_found(client: httpx.Client, batch: str) -> None:
    assert client.get(f"{BATCHES}/{batch}").status_code == 404
    assert client.post(f"{BATCHES}/{batch}/publish", json={}).status_code in {404, 405}


def test_a_repeated_call_gets_the_first_answer(client: httpx.Client) -> None:
    body = {**OPEN, "batch": "K5QWZ2M7RTA4CXE6OBNI"}
    assert client.post(BATCHES, json=body).json() == client.post(BATCHES, json=body).json()
    path = f"{BATCHES}/K5QWZ2M7RTA4CXE6OBNI/records"
    first = client.post(path, json={**PLANT, "position": 0})
    assert client.post(path, json={**PLANT, "position": 0}).json() == first.json()
    assert client.post(path, json={**PLANT, "occurredAt": START + 5_000, "position": 0}).status_code == 409
    assert len(client.get(f"{BATCHES}/K5QWZ2M7RTA4CXE6OBNI").json()["records"]) == 1


@pytest.mark.parametrize("digest", ["0" * 64, "x", "..", "0" * 63 + "G"])
def test_a_bundle_that_is_not_there_is_not_found(client: httpx.Client, digest: str) -> None:
    assert client.get(f"/bundles/{digest}.json").status_code in {404, 422}
