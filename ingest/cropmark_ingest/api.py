"""What a signed-in person or program may ask of ingest over HTTP: status, notices, values, series, quarantine."""

import base64
from decimal import Decimal
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, HTTPException, Query

from cropmark_ingest.metric import CATALOGUE
from cropmark_ingest.notices import Notice, Quarantined
from cropmark_ingest.notices_sql import SqlNotices, SqlQuarantine
from cropmark_ingest.principal import Guard, Principal
from cropmark_ingest.registry_sql import Registry
from cropmark_ingest.store import TelemetryStore


class Held(Protocol):
    """What ingest holds, as far as it is shown here."""

    registry: Registry
    notices: SqlNotices
    quarantine: SqlQuarantine

    @property
    def store(self) -> TelemetryStore:
        """Return the time-series store."""
        ...


class Ingest(Protocol):
    """Ingest at work (``cropmark_ingest.service``)."""

    @property
    def files(self) -> Held:
        """Return its files, opened."""
        ...

    def status(self, farm: str | None = None) -> dict[str, Any]:
        """Return how much was received and stored, of one farm or of all."""
        ...


MAX_BUCKETS: Final = 20_000
_TIME: Final = 1 << 52
Time = Annotated[int, Query(ge=-_TIME, le=_TIME)]


def _notice(item: Notice) -> dict[str, Any]:
    return {
        "kind": item.kind.value, "farm": item.farm, "subject": item.subject, "reason": item.reason,
        "first_seen": item.first_seen, "last_seen": item.last_seen, "count": item.count,
    }  # fmt: skip


def _quarantined(item: Quarantined) -> dict[str, Any]:
    return {
        "number": item.number, "topic": item.topic, "reason": item.reason, "detail": item.detail,
        "received_at": item.received_at, "bytes": item.size,
    }  # fmt: skip


def router(ingest: Ingest, guard: Guard) -> APIRouter:
    """Return the routes. Work that blocks runs in the framework's bounded pool of threads."""
    routes = APIRouter(prefix="/api/v1")

    def of_farm(farm: str, caller: Annotated[Principal, Depends(guard)]) -> str:
        if not caller.may(farm) or ingest.files.registry.farm(farm) is None:
            raise HTTPException(404, {"error": f"no farm {farm!r}", "next": "GET /api/v1/farms lists yours"})
        return farm

    @routes.get("/farms")
    def farms(caller: Annotated[Principal, Depends(guard)]) -> dict[str, Any]:
        return {"farms": [item.farm for item in ingest.files.registry.farms() if caller.may(item.farm)]}

    @routes.get("/farms/{farm}/telemetry/status")
    def status(farm: Annotated[str, Depends(of_farm)]) -> dict[str, Any]:
        return ingest.status(farm)

    @routes.get("/farms/{farm}/telemetry/notices")
    def notices(farm: Annotated[str, Depends(of_farm)]) -> dict[str, Any]:
        return {"notices": [_notice(item) for item in ingest.files.notices.all(farm)]}

    def devices_of(farm: str, asked: list[str] | None) -> list[str]:
        return asked or [item.device for item in ingest.files.registry.devices(farm)]

    @routes.get("/farms/{farm}/telemetry/latest")
    def latest(
        farm: Annotated[str, Depends(of_farm)], device: Annotated[list[str] | None, Query(max_length=1_000)] = None
    ) -> dict[str, Any]:
        return {
            "latest": [
                {
                    "device": item.device, "metric": item.metric, "time": item.time,
                    "value": str(Decimal(item.mantissa).scaleb(-item.decimals)), "mantissa": item.mantissa,
                    "decimals": item.decimals, "flags": item.flags,
                    "unit": CATALOGUE[item.metric].unit if item.metric in CATALOGUE else None,
                }
                for item in ingest.files.store.latest(farm, devices_of(farm, device))
            ]
        }  # fmt: skip

    @routes.get("/farms/{farm}/telemetry/series")
    def series(
        farm: Annotated[str, Depends(of_farm)],
        metric: str,
        start: Time,
        stop: Time,
        width: Annotated[int, Query(ge=1, le=_TIME)],
        device: Annotated[list[str] | None, Query(max_length=1_000)] = None,
    ) -> dict[str, Any]:
        """Windows of ``width`` ms, cut by the farm's local time; numbers are integers in units of 10^-decimals."""
        row = CATALOGUE.get(metric)
        if row is None:
            raise HTTPException(404, {"error": f"no metric {metric[:40]!r}", "next": f"one of {', '.join(CATALOGUE)}"})
        if (stop - start) // width > MAX_BUCKETS:
            raise HTTPException(
                422, {"error": f"more than {MAX_BUCKETS} windows", "next": "ask for less time or a greater width"}
            )
        here = ingest.files.registry.farm(farm)
        offset = 0 if here is None else here.utc_offset * 60_000
        found = ingest.files.store.series(
            farm, devices_of(farm, device), metric, start, stop, width=width, offset=offset
        )
        return {
            "metric": metric, "unit": row.unit, "decimals": row.decimals, "width": width,
            "windows": [
                {"start": item.start, "min": item.least, "max": item.most, "mean": item.mean, "count": item.count}
                for item in found
            ],
        }  # fmt: skip

    routes.include_router(_installation(ingest, guard))
    return routes


def _installation(ingest: Ingest, guard: Guard) -> APIRouter:
    """Return the routes that look over all farms. Quarantined bytes may be anybody's."""

    def of_installation(caller: Annotated[Principal, Depends(guard)]) -> None:
        if caller.farms is not None:
            raise HTTPException(404, {"error": "not yours to see", "next": "ask who runs this installation"})

    routes = APIRouter(prefix="/telemetry", dependencies=[Depends(of_installation)])

    @routes.get("/status")
    def whole_status() -> dict[str, Any]:
        return ingest.status()

    @routes.get("/notices")
    def all_notices() -> dict[str, Any]:
        return {"notices": [_notice(item) for item in ingest.files.notices.all()]}

    @routes.get("/quarantine")
    def quarantine(limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> dict[str, Any]:
        return {"quarantine": [_quarantined(item) for item in ingest.files.quarantine.newest(limit)]}

    @routes.get("/quarantine/{number}")
    def quarantined(number: int) -> dict[str, Any]:
        found = ingest.files.quarantine.get(number)
        if found is None:
            raise HTTPException(404, {"error": f"no {number} in quarantine", "next": "list it to see the numbers"})
        return {**_quarantined(found[0]), "data": base64.b64encode(found[1]).decode()}

    return routes
