"""The HTTP API for batches: list, open, add a record, publish (FastAPI). Signed-in callers only, for their own farms.

Bodies are closed and capped. Plain functions: FastAPI runs them in its pool of threads, since signing, reading the
archive and waiting for the chain block. Recording by several parties at once, and drafts made offline, are not here.
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field

from cropmark_ingest import names
from cropmark_ingest.principal import Guard, Principal
from cropmark_ingest.registry import Text
from cropmark_trace.batches import Batches, Detail, Row
from cropmark_trace.publishing import Published
from cropmark_trace.record import text_json
from cropmark_trace.recording import UnknownError
from cropmark_trace.refusals import RefusingRoute
from cropmark_trace.storage import AnchorFact

Farm = Annotated[str, Path(max_length=32)]
BatchId = Annotated[str, Path(max_length=20)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextBody(_Closed):
    """One text in English and Simplified Chinese."""

    en: str = Field(min_length=1, max_length=200)
    zh: str = Field(min_length=1, max_length=200)


class OpenBody(_Closed):
    """A batch to open. ``batch`` may be drawn by the caller, so that the call can be repeated."""

    field: str = Field(max_length=32)
    product: TextBody
    batch: str | None = Field(default=None, min_length=20, max_length=20)


class RecordBody(_Closed):
    """What was done: ``facts`` as docs/formats.md §6 has them for the step, ``occurredAt`` in UTC milliseconds.

    ``party`` says who signs where more than one could; ``position`` is the record's number in its batch, from 0, and
    makes the call safe to repeat.
    """

    step: str = Field(max_length=32)
    facts: dict[str, Any] = Field(max_length=16)
    occurredAt: int = Field(ge=0, le=2**53 - 1)  # noqa: N815 - the API's spelling
    party: str | None = Field(default=None, max_length=32)
    position: int | None = Field(default=None, ge=0, le=1_000)


class PublishBody(_Closed):
    """Nothing to say yet."""


def router(batches: Batches, guard: Guard) -> APIRouter:
    """Return the routes; ``guard`` tells who is calling."""
    routes = APIRouter(
        prefix="/api/v1/farms/{farm}/batches",
        tags=["batches"],
        route_class=RefusingRoute,
    )
    may = Depends(guard)

    def allowed(farm: Farm, caller: Annotated[Principal, may]) -> str:
        names.name(farm)
        if not caller.may(farm):
            raise HTTPException(403, {"error": f"{caller.name} may not see farm {farm}.", "next": "Ask its owner."})
        return farm

    def known(batch: BatchId, farm: Annotated[str, Depends(allowed)]) -> Detail:
        found = batches.get(names.batch(batch))
        if found is None or found.row.batch.farm != farm:
            raise UnknownError(f"farm {farm} has no batch {batch}.")
        return found

    @routes.get("")
    def list_batches(farm: Annotated[str, Depends(allowed)]) -> dict[str, Any]:
        return {"batches": [_row(row) for row in batches.rows(farm)]}

    @routes.post("", status_code=201)
    def open_batch(body: OpenBody, farm: Annotated[str, Depends(allowed)]) -> dict[str, Any]:
        product = Text(body.product.en, body.product.zh)
        return {"batch": batches.open(farm, body.field, product, body.batch), "farm": farm, "field": body.field}

    @routes.get("/{batch}")
    def get_batch(found: Annotated[Detail, Depends(known)]) -> dict[str, Any]:
        return _detail(found) | {"verdict": batches.verdict(found.row.batch.batch)}

    @routes.post("/{batch}/records", status_code=201)
    def add_record(batch: BatchId, body: RecordBody, farm: Annotated[str, Depends(allowed)]) -> dict[str, Any]:
        added = batches.add(
            farm, batch, body.step, body.facts, body.occurredAt, party=body.party, position=body.position
        )  # fmt: skip
        return {"record": added.record, "index": added.index}

    @routes.post("/{batch}/publish")
    def publish(batch: BatchId, body: PublishBody, farm: Annotated[str, Depends(allowed)]) -> dict[str, Any]:
        del body
        return _published(batches.publish(farm, batch))

    return routes


def _row(row: Row) -> dict[str, Any]:
    return {
        "batch": row.batch.batch,
        "farm": row.batch.farm,
        "field": row.batch.field,
        "product": text_json(row.batch.product),
        "opened": row.batch.opened,
        "steps": list(row.steps),
        "bundle": None
        if row.bundle is None
        else {
            "sha256": row.bundle.sha256,
            "url": f"/bundles/{row.bundle.sha256}.json",
            "bytes": row.bundle.size,
            "issued": row.bundle.issued,
            "verdict": json.loads(row.bundle.verdict)["verdict"],
        },
    }


def _detail(detail: Detail) -> dict[str, Any]:
    return _row(detail.row) | {
        "records": [
            {
                "record": said.id.hex(),
                "index": index,
                "step": said.step,
                "facts": said.facts,
                "occurredAt": said.event_time,
                "writtenAt": said.written_at,
                "signers": [signer.to_json() for signer in said.signers],
            }
            for index, said in detail.records
        ]
    }


def _anchor(fact: AnchorFact | None) -> dict[str, Any] | None:
    if fact is None:
        return None
    return {
        "size": fact.size,
        "root": fact.root.hex(),
        "chain": fact.chain,
        "contract": fact.contract,
        "logId": fact.log_id,
        "block": fact.block,
        "blockHash": fact.block_hash,
        "transaction": fact.transaction,
        "time": fact.time,
        "operator": fact.operator,
    }


def _published(published: Published) -> dict[str, Any]:
    verdict = published.verdict.to_json()
    return {
        "batch": published.batch,
        "sha256": published.sha256,
        "url": f"/bundles/{published.sha256}.json",
        "path": published.path,
        "anchor": _anchor(published.anchor),
        "verdict": verdict["verdict"],
        "checks": verdict["checks"],
    }
