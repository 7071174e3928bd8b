"""Start child processes, pass on what they print, start them again when they fall, stop them in order.

A child that falls is started again after a pause that doubles up to ``MAX_PAUSE_SECONDS``; one that falls
``MAX_FALLS`` times without ever standing for ``STEADY_SECONDS`` ends the whole run with its own last words.
"""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import structlog

MAX_FALLS: Final = 6
STEADY_SECONDS: Final = 10.0
FIRST_PAUSE_SECONDS: Final = 0.2
MAX_PAUSE_SECONDS: Final = 5.0
STOP_SECONDS: Final = 8.0
MAX_LOG_BYTES: Final = 8 * 1024 * 1024
LAST_LINES: Final = 12

log = structlog.get_logger()


class ChildFellError(RuntimeError):
    """A child fell so often that starting it again makes no sense."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a module of Python, its arguments, and where the lines of its standard output go."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    on_line: Callable[[str], None] = field(default=lambda _line: None)
    may_end: bool = False
    """The program may end by itself with exit code 0, and is then not started again."""


class Child:
    """One program and the process that runs it now."""

    def __init__(self, program: Program, logs: Path) -> None:
        self.program = program
        self.log_file = logs / f"{program.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.falls = 0
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self.ended = False
        self._readers: list[threading.Thread] = []

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def start(self) -> None:
        """Start the process and the threads that read it."""
        command = [sys.executable, "-m", "cropmark.child", self.program.module, *self.program.arguments]
        self._let_go()
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.started_at = time.monotonic()
        self._readers = []
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        for stream, reader in ((self.process.stdout, self._read_output), (self.process.stderr, self._read_log)):
            thread = threading.Thread(target=reader, args=(stream,), name=f"{self.program.name}-reader", daemon=True)
            thread.start()
            self._readers.append(thread)

    def _read_output(self, stream: IO[bytes]) -> None:
        with stream:
            for raw in stream:
                self.program.on_line(raw.decode(errors="replace").rstrip("\n"))

    def _read_log(self, stream: IO[bytes]) -> None:
        written = MAX_LOG_BYTES
        out: IO[bytes] | None = None
        with stream, contextlib.ExitStack() as stack:
            for raw in stream:
                if written >= MAX_LOG_BYTES:
                    if out is not None:
                        self.log_file.replace(self.log_file.with_suffix(".log.1"))
                    out = stack.enter_context(self.log_file.open("ab"))
                    written = out.tell()
                assert out is not None
                written += out.write(raw)
                out.flush()
                self.last_lines.append(raw.decode(errors="replace").rstrip("\n"))

    def stop(self, seconds: float = STOP_SECONDS) -> int | None:
        """Ask the process to stop, insist after ``seconds``, and return its exit code."""
        process = self.process
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                log.warning("child-did-not-stop", child=self.program.name, seconds=seconds)
                process.kill()
                process.wait()
        self._let_go()
        for reader in self._readers:
            reader.join(seconds)
        return process.returncode

    def _let_go(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()


class Supervisor:
    """Keeps a list of programs running. Started in order, stopped in the opposite order."""

    def __init__(self, logs: Path, failed: threading.Event) -> None:
        """``failed`` is set when a child fell too often; :attr:`failure` then says which and why."""
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self.children: dict[str, Child] = {}
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._watchers: list[threading.Thread] = []
        self.failure: ChildFellError | None = None
        self._failed = failed

    def start(self, program: Program) -> Child:
        """Start ``program`` and keep it running until :meth:`stop`."""
        child = self.children[program.name] = Child(program, self._logs)
        child.start()
        watcher = threading.Thread(target=self._watch, args=(child,), name=f"{program.name}-watch", daemon=True)
        watcher.start()
        self._watchers.append(watcher)
        return child

    def _watch(self, child: Child) -> None:
        pause = FIRST_PAUSE_SECONDS
        while child.process is not None:
            code = child.process.wait()
            if self._stopping.is_set():
                return
            if code == 0 and child.program.may_end:
                child.ended = True
                return
            if time.monotonic() - child.started_at > STEADY_SECONDS:
                child.falls, pause = 0, FIRST_PAUSE_SECONDS
            child.falls += 1
            log.warning("child-fell", child=child.program.name, code=code, falls=child.falls)
            if child.falls >= MAX_FALLS:
                words = "\n".join(child.last_lines)
                self.failure = ChildFellError(
                    f"'{child.program.name}' stopped {child.falls} times in a row (exit code {code}). "
                    f"Its whole log is {child.log_file}. Its last words:\n{words}"
                )
                self._failed.set()
                return
            if self._stopping.wait(pause):
                return
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
            with self._starting:
                if self._stopping.is_set():
                    return
                child.start()

    def stop(self) -> None:
        """Stop every child, the last started first."""
        with self._starting:
            self._stopping.set()
        for child in reversed(self.children.values()):
            child.stop()
        for watcher in self._watchers:
            watcher.join(STOP_SECONDS)
