"""The farm registry in SQL: farms, fields, gateways, devices, placements, parties.

Writing the same fact twice changes nothing; writing a new one replaces what may change (names, shapes, crops). A
gateway's key and a placement are never replaced: a new one is added beside it.
"""

import json
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Row, String, Table, select
from sqlalchemy import Text as LongText
from sqlalchemy.dialects.sqlite import insert

from cropmark_ingest import names
from cropmark_ingest.database import METADATA, Database
from cropmark_ingest.registry import MAX_TEXT, Device, Farm, Field, Gateway, Party, Placement, Text


class RegistryError(ValueError):
    """A fact that the registry cannot take; the text says why."""


_name = String(32)
_farm = Table(
    "farm",
    METADATA,
    Column("farm", _name, primary_key=True),
    Column("name_en", String(MAX_TEXT), nullable=False),
    Column("name_zh", String(MAX_TEXT), nullable=False),
    Column("country", String(2), nullable=False),
    Column("utc_offset", Integer, nullable=False),
    Column("demo_en", LongText),
    Column("demo_zh", LongText),
)
_field = Table(
    "field",
    METADATA,
    Column("farm", _name, primary_key=True),
    Column("field", _name, primary_key=True),
    Column("name_en", String(MAX_TEXT), nullable=False),
    Column("name_zh", String(MAX_TEXT), nullable=False),
    Column("geometry", LongText, nullable=False),
    Column("crop_en", String(MAX_TEXT)),
    Column("crop_zh", String(MAX_TEXT)),
    Column("planted", String(10)),
)
_gateway = Table(
    "gateway",
    METADATA,
    Column("key", LargeBinary(32), primary_key=True),
    Column("farm", _name, nullable=False),
    Column("gateway", _name, nullable=False),
)
_device = Table(
    "device",
    METADATA,
    Column("farm", _name, primary_key=True),
    Column("device", _name, primary_key=True),
    Column("model", String(MAX_TEXT), nullable=False),
    Column("interval", BigInteger, nullable=False),
)
_placement = Table(
    "placement",
    METADATA,
    Column("farm", _name, primary_key=True),
    Column("device", _name, primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("field", _name, nullable=False),
)
_party = Table(
    "party",
    METADATA,
    Column("farm", _name, primary_key=True),
    Column("party", _name, primary_key=True),
    Column("name_en", String(MAX_TEXT), nullable=False),
    Column("name_zh", String(MAX_TEXT), nullable=False),
    Column("role", String(16), nullable=False),
)


def _text(en: str | None, zh: str | None) -> Text | None:
    return None if en is None or zh is None else Text(en, zh)


def _both(en: str, zh: str) -> Text:
    return Text(en, zh)


class Registry:
    """Reads and writes the registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _put(self, table: Table, values: dict[str, Any], *, replace: bool = True) -> None:
        keys = [column.name for column in table.primary_key]
        statement = insert(table).values(values)
        changed = {name: value for name, value in values.items() if name not in keys}
        if replace and changed:
            statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
        else:
            statement = statement.on_conflict_do_nothing(index_elements=keys)
        with self._database.writing() as connection:
            connection.execute(statement)

    def _rows(self, table: Table, farm: str | None = None) -> list[Row[Any]]:
        query = select(table).order_by(*table.primary_key)
        if farm is not None:
            query = query.where(table.c.farm == farm)
        with self._database.reading() as connection:
            return list(connection.execute(query))

    def put_farm(self, farm: Farm) -> None:
        """Add or change a farm."""
        names.name(farm.farm)
        demo = farm.demo or Text(None, None)  # type: ignore[arg-type]  # two empty columns
        self._put(
            _farm,
            {
                "farm": farm.farm, "name_en": farm.name.en, "name_zh": farm.name.zh, "country": farm.country,
                "utc_offset": farm.utc_offset, "demo_en": demo.en, "demo_zh": demo.zh,
            },
        )  # fmt: skip

    def farms(self) -> list[Farm]:
        """Return all farms."""
        return [
            Farm(
                row.farm, _both(row.name_en, row.name_zh), row.country, row.utc_offset, _text(row.demo_en, row.demo_zh)
            )
            for row in self._rows(_farm)
        ]

    def farm(self, farm: str) -> Farm | None:
        """Return one farm."""
        return next((item for item in self.farms() if item.farm == farm), None)

    def put_field(self, field: Field) -> None:
        """Add or change a field; raise :class:`RegistryError` for a shape that is not a GeoJSON polygon."""
        names.name(field.field)
        if field.geometry.get("type") != "Polygon":
            raise RegistryError(f"field {field.field}: its shape must be a GeoJSON Polygon in WGS-84")
        self._put(
            _field,
            {
                "farm": field.farm, "field": field.field, "name_en": field.name.en, "name_zh": field.name.zh,
                "geometry": json.dumps(field.geometry), "planted": field.planted,
                "crop_en": None if field.crop is None else field.crop.en,
                "crop_zh": None if field.crop is None else field.crop.zh,
            },
        )  # fmt: skip

    def fields(self, farm: str) -> list[Field]:
        """Return a farm's fields."""
        return [
            Field(
                row.farm, row.field, _both(row.name_en, row.name_zh), json.loads(row.geometry),
                _text(row.crop_en, row.crop_zh), row.planted,
            )
            for row in self._rows(_field, farm)
        ]  # fmt: skip

    def enroll_gateway(self, gateway: Gateway) -> None:
        """Trust a gateway's key for its farm; raise :class:`RegistryError` if the key is enrolled for another one."""
        names.name(gateway.gateway)
        known = self.gateway(gateway.key)
        if known is not None and known != gateway:
            raise RegistryError(f"this key is already enrolled as {known.farm}/{known.gateway}")
        self._put(_gateway, {"key": gateway.key, "farm": gateway.farm, "gateway": gateway.gateway}, replace=False)

    def gateway(self, key: bytes) -> Gateway | None:
        """Return the gateway that a key is enrolled for."""
        with self._database.reading() as connection:
            row = connection.execute(select(_gateway).where(_gateway.c.key == key)).first()
        return None if row is None else Gateway(row.farm, row.gateway, row.key)

    def gateways(self, farm: str) -> list[Gateway]:
        """Return a farm's gateways."""
        return [Gateway(row.farm, row.gateway, row.key) for row in self._rows(_gateway, farm)]

    def put_device(self, device: Device) -> None:
        """Add or change a device."""
        names.name(device.device)
        self._put(
            _device,
            {"farm": device.farm, "device": device.device, "model": device.model, "interval": device.interval},
        )

    def devices(self, farm: str) -> list[Device]:
        """Return a farm's devices."""
        return [Device(row.farm, row.device, row.model, row.interval) for row in self._rows(_device, farm)]

    def place(self, placement: Placement) -> None:
        """Say that a device stands in a field since a time; what was said for that very time before stays."""
        values = {
            "farm": placement.farm, "device": placement.device, "since": placement.since, "field": placement.field,
        }  # fmt: skip
        self._put(_placement, values, replace=False)

    def placements(self, farm: str) -> list[Placement]:
        """Return a farm's placements, in order of device and time."""
        return [Placement(row.farm, row.device, row.field, row.since) for row in self._rows(_placement, farm)]

    def put_party(self, party: Party) -> None:
        """Add or change a party."""
        names.name(party.party)
        self._put(
            _party,
            {
                "farm": party.farm, "party": party.party, "name_en": party.name.en, "name_zh": party.name.zh,
                "role": party.role,
            },
        )  # fmt: skip

    def parties(self, farm: str) -> list[Party]:
        """Return a farm's parties."""
        return [
            Party(row.farm, row.party, _both(row.name_en, row.name_zh), row.role) for row in self._rows(_party, farm)
        ]
