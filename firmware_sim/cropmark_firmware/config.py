"""What the simulator is told: one JSON file."""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self, cast, get_args

from cropmark_firmware.model import MEASUREMENTS, Kind

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000


class ConfigError(ValueError):
    """The configuration cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device: its kind, the field it stands in, its noise, and how many samples it gathers for a transmission."""

    id: str
    kind: Kind
    field: str
    seed: int
    wake_every: int = 1


@dataclass(frozen=True, slots=True)
class Irrigation:
    """Water given to a field: millimetres within the hour that begins at ``at_ms``."""

    field: str
    at_ms: int
    millimetres: float


@dataclass(frozen=True, slots=True)
class Config:
    """A farm of devices. ``weather_day`` is the day of the weather year (0 = 1 January) that the season begins with."""

    farm: str
    season_from_ms: int
    season_to_ms: int
    utc_offset_minutes: int
    weather_day: int
    devices: tuple[Device, ...]
    clock: str | None = None
    interval_s: int = 3_600
    live_interval_s: int = 60
    irrigation: tuple[Irrigation, ...] = field(default=())
    buffer_bytes: int = 4_000_000

    def __post_init__(self) -> None:
        for name in (self.farm, *(device.id for device in self.devices)):
            if _NAME.fullmatch(name) is None:
                raise ConfigError(f"{name!r} is not a name: 1 to 32 of a-z, 0-9 and '-'")
        if len({device.id for device in self.devices}) != len(self.devices) or not self.devices:
            raise ConfigError("each device needs an id of its own, and there must be one")
        if self.season_to_ms <= self.season_from_ms or min(self.interval_s, self.live_interval_s) < 1:
            raise ConfigError("the season must end after it begins, and intervals are at least one second")
        for device in self.devices:
            if device.kind not in get_args(Kind) or device.wake_every < 1:
                raise ConfigError(f"{device.id}: unknown kind, or wake_every below 1")

    @property
    def season_packs(self) -> int:
        """Return how many packs one device sends in the season."""
        return (self.season_to_ms - self.season_from_ms) // (self.interval_s * 1000)

    @property
    def season_readings(self) -> int:
        """Return how many measurements all devices make in the season."""
        return self.season_packs * sum(MEASUREMENTS[device.kind] for device in self.devices)

    def to_json(self) -> str:
        """Return the JSON text of this configuration."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file; raise :class:`ConfigError` naming what does not fit."""
        try:
            data = cast("dict[str, Any]", json.loads(path.read_text()))
            data["devices"] = tuple(Device(**device) for device in data["devices"])
            data["irrigation"] = tuple(Irrigation(**item) for item in data.get("irrigation", ()))
            return cls(**data)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"{path}: {error}") from error


def demo_config(farm: str, season_to_ms: int, *, days: int, clock: str | None = None) -> Config:
    """Return twelve devices over two fields, from the weather year's 18 May on; ``season_to_ms`` is a full hour."""
    devices = []
    for number, place in enumerate(("north", "south")):
        base = 100 * (number + 1)
        devices.append(Device(f"station-{place}", "weather-station", place, base))
        devices.append(Device(f"leaf-{place}", "leaf", place, base + 1))
        devices.extend(
            Device(f"soil-{place}-{probe}", "soil-probe", place, base + 10 + probe, 2) for probe in range(1, 5)
        )
    season_from = season_to_ms - days * DAY_MS
    return Config(
        farm=farm,
        season_from_ms=season_from,
        season_to_ms=season_to_ms,
        utc_offset_minutes=-300,
        weather_day=137,
        devices=tuple(devices),
        clock=clock,
        irrigation=(Irrigation("north", season_from + round(days * 0.5) * DAY_MS, 25.0),),
    )
