"""Put the demo farm into the registry and its keys into the log. Doing it again changes nothing."""

from datetime import UTC, datetime, timedelta

from cropmark import demo_farm
from cropmark.datadir import DataDir
from cropmark_firmware.config import Config
from cropmark_gateway import keyfile
from cropmark_ingest import cose
from cropmark_ingest.registry import Device, Gateway, Placement
from cropmark_ingest.registry_sql import Registry
from cropmark_trace.parties import Parties


def set_up(data: DataDir, registry: Registry, parties: Parties, receipt_key: bytes) -> None:
    """Register farm, fields, devices, gateway and people. The supervisor has written the devices' configuration."""
    config = Config.load(data.devices / "devices.json")
    gateway = cose.public_bytes(keyfile.load_or_create(data.gateway / "gateway-key.pem"))
    registry.put_farm(demo_farm.farm())
    local = datetime.fromtimestamp(config.season_from_ms / 1000, UTC) + timedelta(minutes=config.utc_offset_minutes)
    for field in demo_farm.fields(local.date().isoformat()):
        registry.put_field(field)
    registry.enroll_gateway(Gateway(demo_farm.FARM, demo_farm.GATEWAY, gateway))
    for device in config.devices:
        registry.put_device(Device(demo_farm.FARM, device.id, device.kind, config.interval_s * 1000))
        registry.place(Placement(demo_farm.FARM, device.id, device.field, config.season_from_ms))
    for party in demo_farm.parties():
        registry.put_party(party)
        parties.register_party(party, demo_farm.DEMO)
    parties.register_gateway(demo_farm.FARM, demo_farm.GATEWAY, gateway, demo_farm.DEMO)
    parties.register_receipts(demo_farm.FARM, receipt_key, demo_farm.DEMO)
