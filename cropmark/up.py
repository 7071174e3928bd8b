"""``cropmark up``: start the four children, play the demo season if asked, say where to look, stop cleanly.

The supervisor itself keeps no data. It makes the configuration that the children share (ports, clock, keys) and talks
to the core through its API only.
"""

import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import structlog

from cropmark import network, settings
from cropmark.api_client import Api
from cropmark.calls import ApiError, ApiUnreachableError
from cropmark.children import Devices, Layout, keep_beating, prepare
from cropmark.datadir import DataDir, Running
from cropmark.demo import Counts, DemoStoppedError, Played, Season
from cropmark.supervise import Supervisor
from cropmark.terminal import Terminal, show_addresses

READY_SECONDS: Final = 60.0
MUST_PASS: Final = ("schema", "signatures", "keys", "chain", "log")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for; None leaves it to the settings."""

    data: Path
    demo: bool = False
    once: bool = False
    as_json: bool = False
    lan: bool | None = None
    port: int | None = None


class NotReadyError(RuntimeError):
    """The core did not answer in time."""


class _Stop(threading.Event):
    """Ctrl-C, SIGTERM or a fallen child: whatever ends the run first."""

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._caught)

    def _caught(self, _number: int, _frame: FrameType | None) -> None:
        self.set()


def up(options: Options) -> int:
    """Run until stopped (or, with ``once``, until the season is published). Return the exit code."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    data = DataDir(options.data.resolve())
    chosen = settings.load(data.root)
    stop = _Stop()
    stop.install()
    terminal = Terminal(quiet=options.as_json and not sys.stderr.isatty())
    with data.lock(), terminal:
        layout = _layout(options, chosen)
        run = _Run(options, data, chosen, layout, stop, terminal)
        with run.announced():
            return run.to_the_end()


def _layout(options: Options, chosen: settings.Settings) -> Layout:
    port = options.port or chosen.web.port
    network.check_port("127.0.0.1", port)
    lan = chosen.web.lan if options.lan is None else options.lan
    address = network.lan_address() if lan else None
    if lan and address is None:
        raise network.PortInUseError(
            "This computer has no address on a local network. Connect it to one, or leave LAN=1 (--lan) away."
        )
    if address is not None:
        network.check_port(address, port)
    return Layout(web_port=port, broker_port=network.free_port(), lan_address=address)


class _Run:
    """One run of the installation."""

    def __init__(
        self,
        options: Options,
        data: DataDir,
        chosen: settings.Settings,
        layout: Layout,
        stop: _Stop,
        terminal: Terminal,
    ) -> None:
        self._begun = time.monotonic()
        self._options = options
        self._data = data
        self._chosen = chosen
        self._layout = layout
        self._stop = stop
        self._terminal = terminal
        self._supervisor = Supervisor(data.logs, stop)
        self._api = Api(layout.local_url, data.api_token())

    @contextlib.contextmanager
    def announced(self) -> Iterator[None]:
        """Tell other commands where this installation answers, for as long as it does."""
        self._data.say_running(Running(os.getpid(), self._layout.local_url))
        try:
            yield
        finally:
            self._data.say_running(None)

    def to_the_end(self) -> int:
        """Start, play, show, wait, stop."""
        try:
            code = self._work()
        except DemoStoppedError:
            code = 130
        finally:
            self._terminal.say("Stopping ...")
            self._supervisor.stop()
        if self._supervisor.failure is not None:
            raise self._supervisor.failure
        return code

    def _work(self) -> int:
        programs = prepare(self._data, self._chosen, self._layout, demo=self._options.demo)
        self._terminal.say("Starting ...")
        self._supervisor.start(programs.broker)
        self._supervisor.start(programs.core)
        self._wait_until_ready()
        self._terminal.say(f"Serving after {time.monotonic() - self._begun:.1f} s")
        self._supervisor.start(programs.gateway)
        played = None
        devices = programs.devices
        if devices is not None:
            beat = threading.Thread(
                target=keep_beating, args=(self._data, devices.clock, self._stop), name="heartbeat", daemon=True
            )
            beat.start()
            self._supervisor.start(devices.program)
            try:
                played = self._play(devices)
            except ApiError as error:
                # What is there goes on being served: a person has to look, and needs the pages for it.
                self._terminal.say(f"The season cannot go on: {error}")
                if self._options.once:
                    return 1
        if self._options.once:
            return self._conclude(played)
        self._show(played)
        self._stop.wait()
        return 0

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        said = "nothing answered"
        while time.monotonic() < end:
            try:
                self._api.get("/readyz")
            except (ApiUnreachableError, ApiError) as error:
                said = str(error)
            else:
                return
            if self._stop.wait(0.05):
                raise DemoStoppedError("stopped while starting")
        raise NotReadyError(
            f"The server did not come up in {READY_SECONDS:.0f} s ({said}). Its log: {self._data.logs / 'core.log'}"
        )

    def _play(self, devices: Devices) -> Played:
        season = Season(
            self._api,
            clock=devices.clock.now,
            season_from=devices.season_from,
            days=devices.days,
            stopped=self._stop.wait,
            sent=devices.said.sent,
        )
        say = self._terminal.say
        before = None if self._options.once else season.published()
        if before is not None:
            say("The season was played before; the sensors go on from now.")
            return before
        say(f"Replaying {devices.days} days of real weather through {devices.count} sensors ...")

        def progress(counts: Counts) -> None:
            self._terminal.bar("Readings sent", counts.sent, devices.expected_readings)
            self._terminal.bar("Readings stored", counts.stored, devices.expected_readings)

        return season.play(progress, lambda step: say(f"Recorded and signed: {step}"))

    def _conclude(self, played: Played | None) -> int:
        if played is None:
            raise NotReadyError("--once needs --demo: there is nothing to wait for otherwise")
        outcome = self._outcome(played)
        print(json.dumps(outcome, ensure_ascii=False, indent=2))  # noqa: T201 - the command's answer
        return 0 if all_well(outcome) else 1

    def _outcome(self, played: Played) -> dict[str, Any]:
        published = played.published
        return {
            "url": f"{self._layout.shopper_url}/b/{played.batch}",
            "batch": played.batch,
            "bundle": published["path"],
            "readings_sent": played.counts.sent,
            "readings_stored": played.counts.stored,
            "segments": played.counts.segments,
            "anchor": published["anchor"],
            "verdict": published["verdict"],
            "checks": published["checks"],
            "seconds": round(time.monotonic() - self._begun, 1),
        }

    def _show(self, played: Played | None) -> None:
        say = self._terminal.say
        link = self._api.post("/api/v1/signin/links", {"name": "farmer"})["path"]
        addresses = {
            "Farmer's pages (one-time link)": f"{self._layout.local_url}{link}",
            "Farmer's pages": f"{self._layout.local_url}/farm",
        }
        shopper = None
        if played is not None:
            shopper = f"{self._layout.shopper_url}/b/{played.batch}"
            addresses = {"Shopper's page": shopper, **addresses}
            verdict = {row["name"]: row["result"] for row in played.published["checks"]}
            say("Checked: " + ", ".join(f"{name} {result}" for name, result in verdict.items()))
        note = "The code opens on this computer only. `make run LAN=1` makes it open on phones in your network."
        if self._layout.lan_address is not None:
            note = "The code opens on phones in your local network. Only the shopper's pages are served there."
        show_addresses(say, addresses, shopper, note)
        say("Press Ctrl-C to stop.")


def all_well(outcome: dict[str, Any]) -> bool:
    """Tell whether no check failed, those that must pass did, and everything sent is stored."""
    results = {row["name"]: row["result"] for row in outcome["checks"]}
    return (
        "fail" not in results.values()
        and all(results.get(name) == "pass" for name in MUST_PASS)
        and outcome["readings_stored"] == outcome["readings_sent"]
    )
