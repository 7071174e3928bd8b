"""The devices' loop: sample what is due, keep it, publish a window of it, forget what is acknowledged.

Everything random is drawn from the injected source; the clock is injected as well.
"""

import queue
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cropmark_firmware.config import DAY_MS, HOUR_MS, Config, Device
from cropmark_firmware.link import Heard, Link
from cropmark_firmware.model import Surroundings, battery_voltage, charge_after, measure, pack
from cropmark_firmware.soil import Field
from cropmark_firmware.store import Pack, Saved, Store
from cropmark_firmware.weather import Weather

WINDOW: Final = 64
"""Packs of one device that may be on their way at once."""
RESEND_SECONDS: Final = 5.0
SAMPLES_PER_TICK: Final = 64
TICK_SECONDS: Final = 0.02
REPORT_SECONDS: Final = 0.5


@dataclass(slots=True)
class _Unit:
    """One running device."""

    device: Device
    saved: Saved
    waiting: OrderedDict[int, Pack]
    link: Link | None = None
    connected: bool = False
    awake: bool = False
    gathered: int = 0
    bytes_waiting: int = 0
    sent: dict[int, float] = field(default_factory=dict)
    """When each pack that is on its way was last published, by counter."""


class Simulator:
    """All devices of one configuration over one broker."""

    def __init__(
        self, config: Config, store: Store, weather: Weather, *, now: Callable[[], int], new_session: Callable[[], str]
    ) -> None:
        self._config = config
        self._store = store
        self._weather = weather
        self._now = now
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._fields = {
            name: Field(
                weather,
                config.weather_day * 24,
                {
                    (item.at_ms - config.season_from_ms) // HOUR_MS: item.millimetres
                    for item in config.irrigation
                    if item.field == name
                },
            )
            for name in {device.field for device in config.devices}
        }  # fmt: skip
        # The replayed year begins at local midnight of the season's first day.
        local = config.season_from_ms + config.utc_offset_minutes * 60_000
        self._origin = local - local % DAY_MS - config.utc_offset_minutes * 60_000
        self._units = {device.id: self._unit(device, new_session) for device in config.devices}

    def _unit(self, device: Device, new_session: Callable[[], str]) -> _Unit:
        saved = self._store.load(device.id)
        if saved is None:
            first = self._config.season_from_ms + self._config.interval_s * 1000
            saved = Saved(device.id, new_session(), 0, first, 1.0)
        waiting = OrderedDict((item.counter, item) for item in self._store.waiting(device.id))
        unit = _Unit(device, saved, waiting)
        unit.bytes_waiting = sum(len(item.payload) for item in waiting.values())
        unit.awake = bool(waiting)
        if saved.next_sample > self._config.season_to_ms:
            # The season is over: what passed while the device was off was not measured.
            step = self._config.live_interval_s * 1000
            saved.next_sample = max(saved.next_sample, self._now() // step * step + step)
        return unit

    def connect(self, address: tuple[str, int]) -> None:
        """Open every device's connection; they come up, and come back, by themselves."""
        for unit in self._units.values():
            unit.link = Link(self._config.farm, unit.device.id, unit.saved.session, address, self._heard)

    def close(self) -> None:
        """End every connection with a clean goodbye."""
        for unit in self._units.values():
            if unit.link is not None:
                unit.link.close()

    @property
    def season_done(self) -> bool:
        """Tell whether every sample of the season has been taken and acknowledged."""
        end = self._config.season_to_ms
        return all(
            unit.saved.next_sample > end and not any(item.time <= end for item in unit.waiting.values())
            for unit in self._units.values()
        )

    def tick(self) -> bool:
        """Do once what there is to do; tell whether there was anything."""
        acked = self._listen()
        new: list[Pack] = []
        dropped: list[Pack] = []
        changed = []
        for unit in self._units.values():
            made = self._sample(unit)
            if made:
                new.extend(made)
                changed.append(unit.saved)
                dropped.extend(self._make_room(unit))
        if new or acked or dropped:
            self._store.save(changed, new, acked, dropped)
        for unit in self._units.values():
            self._publish(unit)
        return bool(new or acked)

    def _listen(self) -> list[Pack]:
        """Take what the links heard; return the packs that were acknowledged."""
        acked: list[Pack] = []
        while True:
            try:
                heard = self._heard.get_nowait()
            except queue.Empty:
                return acked
            unit = self._units[heard.device]
            if heard.kind != "ack":
                unit.connected = heard.kind == "up"
                unit.awake |= bool(unit.waiting)
                continue
            if heard.session != unit.saved.session:
                continue
            for first, last in heard.counters:
                held = range(first, last + 1)
                counters = [n for n in unit.waiting if n in held] if len(held) > len(unit.waiting) else held
                for counter in counters:
                    item = unit.waiting.pop(counter, None)
                    unit.sent.pop(counter, None)
                    if item is not None:
                        unit.bytes_waiting -= len(item.payload)
                        acked.append(item)

    def _sample(self, unit: _Unit) -> list[Pack]:
        made: list[Pack] = []
        now = self._now()
        saved = unit.saved
        while saved.next_sample <= now and len(made) < SAMPLES_PER_TICK:
            instant = saved.next_sample
            step = self._step_after(instant)
            values = measure(unit.device.kind, unit.device.seed, instant, self._around(unit.device, instant))
            unit.gathered += 1
            if unit.gathered >= unit.device.wake_every or instant >= self._config.season_to_ms:
                unit.awake, unit.gathered = True, 0
            sun = self._weather.at(self._position(instant)).radiation
            saved.charge = charge_after(saved.charge, step / HOUR_MS, sun, sent=unit.awake)
            values.append(battery_voltage(saved.charge))
            payload = pack(self._config.farm, unit.device.id, saved.session, saved.counter, instant, values)
            item = Pack(unit.device.id, saved.counter, instant, len(values), payload)
            unit.waiting[item.counter] = item
            unit.bytes_waiting += len(payload)
            saved.counter += 1
            saved.next_sample = instant + step
            made.append(item)
        return made

    def _step_after(self, instant: int) -> int:
        season_step = self._config.interval_s * 1000
        return (
            season_step if instant + season_step <= self._config.season_to_ms else self._config.live_interval_s * 1000
        )

    def _make_room(self, unit: _Unit) -> list[Pack]:
        dropped = []
        while unit.bytes_waiting > self._config.buffer_bytes:
            counter, item = unit.waiting.popitem(last=False)
            unit.sent.pop(counter, None)
            unit.bytes_waiting -= len(item.payload)
            dropped.append(item)
        return dropped

    def _position(self, instant: int) -> float:
        return self._config.weather_day * 24 + (instant - self._origin) / HOUR_MS

    def _around(self, device: Device, instant: int) -> Surroundings:
        position = self._position(instant)
        # A sample at a full hour belongs to the hour that it ends.
        air = self._weather.at(position - 1e-9)
        hours = min(instant - self._config.season_from_ms, self._config.interval_s * 1000) / HOUR_MS
        if instant > self._config.season_to_ms:
            hours = self._config.live_interval_s / 3_600
        soil = self._fields[device.field].after((instant - self._config.season_from_ms) / HOUR_MS)
        return Surroundings(air, soil, air.rain * hours)

    def _publish(self, unit: _Unit) -> None:
        if unit.link is None or not unit.connected or not unit.awake:
            return
        if not unit.waiting:
            unit.awake = False
            return
        now = time.monotonic()
        for place, (counter, item) in enumerate(unit.waiting.items()):
            if place >= WINDOW:
                break
            last = unit.sent.get(counter)
            if last is None or now - last > RESEND_SECONDS:
                unit.sent[counter] = now
                unit.link.publish(item.payload)
